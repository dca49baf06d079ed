package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"latchkey/internal/setting"
)

// checkSyncs wants one [[sync]] at most for each directory that there is.
func (l *loader) checkSyncs(c *Config, directories map[string]int) {
	first := make(map[string]int)
	_, nameless := directories[""]
	for i, s := range c.Syncs {
		if s.Directory == "" || nameless {
			continue
		}
		key := fmt.Sprintf("sync[%d]", i)
		if _, ok := directories[s.Directory]; !ok {
			l.judged(key, setting.Fault{Key: "directory", Problem: "is not the name of a [[directory]]", Allowed: strings.Join(slices.Sorted(maps.Keys(directories)), ", ")})
		}
		if j, twice := first[s.Directory]; twice {
			l.judged(key, setting.Fault{Key: "directory", Problem: fmt.Sprintf("is that of sync[%d] too", j), Allowed: "one [[sync]] for each directory"})
		}
		first[s.Directory] = i
	}
}
