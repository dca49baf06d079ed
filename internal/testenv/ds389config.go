package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// anyDir stands for the folder of the instance in the snapshot's dse.ldif.
const anyDir = "@DIR@"

// configure writes the settings of this copy into dse.ldif, while the server
// does not run.
func (s *DS389) configure(plain, secure int) error {
	return rewrite389(s.dir, func(ldif string) string {
		ldif = strings.ReplaceAll(ldif, anyDir, s.dir)
		ldif = replaceSetting(ldif, "cn=config", "nsslapd-port", fmt.Sprint(plain))
		ldif = replaceSetting(ldif, "cn=config", "nsslapd-securePort", fmt.Sprint(secure))
		if s.options.ContentSync {
			for _, plugin := range []string{"Content Synchronization", "Retro Changelog Plugin"} {
				ldif = replaceSetting(ldif, "cn="+plugin+",cn=plugins,cn=config", "nsslapd-pluginEnabled", "on")
			}
		}
		return ldif
	})
}

// replaceSetting sets an attribute of one entry of an LDIF without folded lines.
func replaceSetting(ldif, dn, attribute, value string) string {
	entries := strings.Split(ldif, "\n\n")
	for i, entry := range entries {
		lines := strings.Split(entry, "\n")
		if !strings.EqualFold(lines[0], "dn: "+dn) {
			continue
		}
		kept := lines[:0]
		for _, line := range lines {
			if name, _, _ := strings.Cut(line, ":"); !strings.EqualFold(name, attribute) {
				kept = append(kept, line)
			}
		}
		entries[i] = strings.Join(append(kept, attribute+": "+value), "\n")
	}
	return strings.Join(entries, "\n\n")
}

// rewrite389 changes the settings of an instance that does not run.
func rewrite389(dir string, change func(string) string) error {
	path := filepath.Join(dir, "config", "dse.ldif")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(change(string(text))), 0o600)
}
