package config

import (
	"maps"
	"slices"
	"strings"

	"latchkey/internal/setting"
)

// checkSupport wants the addresses of support to belong to directories that
// there are.
func (l *loader) checkSupport(c *Config, directories map[string]int) {
	for _, name := range slices.Sorted(maps.Keys(c.Support.RequestsToDirectory)) {
		if _, ok := directories[name]; !ok {
			l.judged("support", setting.Fault{
				Key: "requests_to_directory." + name, Problem: "is not the name of a [[directory]]",
				Allowed: strings.Join(slices.Sorted(maps.Keys(directories)), ", "),
			})
		}
	}
}
