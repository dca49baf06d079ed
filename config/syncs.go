package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/ldapsync/writeback"
)

// checkSyncs wants one [[sync]] at most for each directory that there is, with
// bases inside that directory's.
func (l *loader) checkSyncs(c *Config, directories map[string]int) {
	first := make(map[string]int)
	_, nameless := directories[""]
	for i, s := range c.Syncs {
		if s.Directory == "" || nameless {
			continue
		}
		key := fmt.Sprintf("sync[%d]", i)
		at, ok := directories[s.Directory]
		if !ok {
			l.judged(key, setting.Fault{Key: "directory", Problem: "is not the name of a [[directory]]", Allowed: strings.Join(slices.Sorted(maps.Keys(directories)), ", ")})
		}
		if j, twice := first[s.Directory]; twice {
			l.judged(key, setting.Fault{Key: "directory", Problem: fmt.Sprintf("is that of sync[%d] too", j), Allowed: "one [[sync]] for each directory"})
		}
		first[s.Directory] = i
		if d, ok := directories[s.Directory]; ok && s.WriteBack.On() {
			l.checkWriteBack(key, s.WriteBack, c.Directories[d])
		}
		if !ok || !directory.IsDN(c.Directories[at].BaseDN) {
			continue
		}
		name := "base_dns"
		if s.BaseDN != "" {
			name = "base_dn"
		}
		for _, base := range s.Outside(c.Directories[at].BaseDN) {
			if directory.IsDN(base) {
				l.judged(key, setting.Fault{Key: name, Problem: fmt.Sprintf("holds %q, which is outside the directory's base_dn", base), Allowed: "entries below " + c.Directories[at].BaseDN})
			}
		}
	}
}

// checkWriteBack keeps the identity that writes contacts apart from the one that
// writes passwords, and what people type from what is written.
func (l *loader) checkWriteBack(key string, w writeback.Config, d directory.Config) {
	if w.BindDN != "" && directory.NormalDN(w.BindDN) == directory.NormalDN(d.BindDN) {
		l.judged(key, setting.Fault{Key: "write_back.bind_dn", Problem: "is that of the [[directory]], which writes passwords and nothing else", Allowed: "an account of its own"})
	}
	login := strings.ToLower(d.LoginAttribute + " " + d.UserFilter)
	for _, a := range []struct{ key, attribute string }{{"email", w.Email}, {"mobile", w.Mobile}} {
		if a.attribute != "" && slices.Contains(strings.FieldsFunc(login, notInName), strings.ToLower(a.attribute)) {
			l.judged(key, setting.Fault{Key: "write_back." + a.key, Problem: "is an attribute by which people are found (login_attribute, user_filter): whoever writes it decides who is found", Allowed: "another attribute"})
		}
	}
}

// notInName separates the names of attributes in a filter from the rest.
func notInName(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
}
