package directory_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// TestS31_389NothingElseIsWritten reads the server's own record of resets and an
// unlocking.
func TestS31_389NothingElseIsWritten(t *testing.T) {
	t.Parallel()
	const people = 10
	var ldif strings.Builder
	for i := range people {
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprintf("p%d", i)))
	}
	s := start389(t, testenv.DS389Options{LDIF: ldif.String(), MustChange: true})
	c := configFor389(s)
	c.MustChange = true
	d := open(t, c)
	ctx := t.Context()
	lock389(t, s, "bob")
	configure389(t, s, "nsslapd-auditlog", filepath.Join(filepath.Dir(s.AccessLog()), "audit"), "nsslapd-auditlog-logging-enabled", "on")
	before := requests389(t, s)
	for i := range people {
		if err := d.SetPassword(ctx, find(t, d, fmt.Sprintf("p%d", i)), second); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Unlock(ctx, find(t, d, "bob")); err != nil {
		t.Fatal(err)
	}
	made := requests389(t, s)
	for kind := range made {
		made[kind] -= before[kind]
	}
	if want := map[string]int{"EXT": people, "MOD": 1, "ADD": 0, "DEL": 0, "MODRDN": 0}; !maps.Equal(made, want) {
		t.Errorf("the server was asked for %v, want %v", made, want)
	}
	// The server writes its record after it has answered.
	for _, change := range []string{"delete accountunlocktime", "replace passwordretrycount", "replace userpassword"} {
		eventually(t, change, func() bool { return slices.Contains(changes389(t, s), change) })
	}
}

// requests389 counts what the server was asked to change, by its own log.
func requests389(t *testing.T, s *testenv.DS389) map[string]int {
	t.Helper()
	text, err := os.ReadFile(s.AccessLog())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{
		"EXT": strings.Count(string(text), ` EXT oid="1.3.6.1.4.1.4203.1.11.1"`),
	}
	for _, kind := range []string{"MOD", "ADD", "DEL", "MODRDN"} {
		counts[kind] = strings.Count(string(text), " "+kind+" dn=")
	}
	return counts
}

// changes389 lists what changed, and wants nobody to have been written but people
// and nothing but what is listed or kept by the server.
func changes389(t *testing.T, s *testenv.DS389) []string {
	t.Helper()
	kept := []string{"modifiersname", "modifytimestamp", "passwordGraceUserTime", "pwdUpdateTime", "pwdReset", "passwordExpirationTime", "passwordExpWarned", "passwordHistory", "shadowLastChange", "internalModifiersname", "internalModifyTimestamp"}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(s.AccessLog()), "audit"))
	if err != nil {
		t.Fatal(err)
	}
	var listed, found []string
	for _, p := range directory.Writes() {
		if p.Flavor == "389ds" {
			listed = append(listed, p.Attribute)
		}
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if dn, ok := strings.CutPrefix(line, "dn: "); ok && !strings.HasPrefix(dn, "uid=p") && !strings.HasPrefix(dn, "uid=bob,") && dn != "cn=config" {
			t.Errorf("somebody else was written: %s", dn)
		}
		kind, attribute, ok := strings.Cut(line, ": ")
		if !ok || !slices.Contains([]string{"add", "delete", "replace"}, kind) || strings.HasPrefix(attribute, "nsslapd-auditlog") {
			continue
		}
		found = append(found, strings.ToLower(kind+" "+attribute))
		same := func(known string) bool { return strings.EqualFold(known, attribute) }
		if !slices.ContainsFunc(listed, same) && !slices.ContainsFunc(kept, same) {
			t.Errorf("%s is written and neither listed nor the server's own", attribute)
		}
	}
	return found
}
