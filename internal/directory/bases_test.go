package directory_test

import (
	"fmt"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// Of several bases everyone is found once, and whoever is outside is not; a base
// that goes while they are read leaves the reading without an end.
func TestEachPageOfSeveralBases(t *testing.T) {
	unit := func(name string) string { return "ou=" + name + "," + testenv.BaseDN }
	var ldif string
	for _, name := range []string{"one", "two", "three"} {
		ldif += fmt.Sprintf("\ndn: %s\nobjectClass: organizationalUnit\nou: %s\n", unit(name), name)
		for n := range 3 {
			ldif += fmt.Sprintf("\ndn: uid=%s%d,%s\nobjectClass: inetOrgPerson\nuid: %[1]s%[2]d\ncn: x\nsn: x\n", name, n, unit(name))
		}
	}
	slapd := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: ldif})
	d := open(t, configFor(slapd))
	// By another name of the attribute, in capitals and with spaces: the server's
	// own names count.
	query := directory.Query{Attributes: []string{"uid"}, PageSize: 2, Bases: []string{"organizationalUnitName=ONE, " + testenv.BaseDN, unit("two")}}
	seen := make(map[string]int)
	err := d.EachPage(t.Context(), query, func(p directory.Page) error {
		for _, e := range p.Entries {
			seen[e.Attributes["uid"][0]]++
		}
		return nil
	})
	if err != nil || len(seen) != 6 || seen["one0"] != 1 || seen["two2"] != 1 {
		t.Errorf("%v, %v", seen, err)
	}
	renamed := false
	err = d.EachPage(t.Context(), query, func(directory.Page) error {
		if renamed {
			return nil
		}
		renamed = true
		return slapd.Modify(t.Context(), fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: ou=renamed\ndeleteoldrdn: 1\n", unit("two")))
	})
	if !renamed || err == nil {
		t.Error("a base that went was not missed")
	}
}
