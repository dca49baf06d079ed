package directory_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// TestPeopleWithNamesFromHell: a name that means something in a filter or in a DN
// is a name, for slapd as well. Whoever has it is found by it, with the groups
// and the password of their own, and by it alone.
func TestPeopleWithNamesFromHell(t *testing.T) {
	t.Parallel()
	names := []string{
		"*)(uid=*", "a\\2ab", "admin)(&)", "comma,plus+equals=", `"quoted"`, "<script>alert(1)</script>", `=HYPERLINK("x")`, "#hash", "\u202ebidi\u2066", "Ünïcödé", "{login}", "{dn}", "\\", "😀", "ali*e",
	}
	const group = "cn=Hölle,ou=groups," + testenv.BaseDN
	dn := func(uid string) string { return "uid=" + ldap.EscapeDN(uid) + ",ou=people," + testenv.BaseDN }
	encoded := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	var people, members strings.Builder
	for _, uid := range names {
		fmt.Fprintf(&people, "\ndn:: %s\nobjectClass: inetOrgPerson\nuid:: %s\ncn:: %s\nsn: x\ndisplayName:: %s\nuserPassword: %s\n",
			encoded(dn(uid)), encoded(uid), encoded(uid), encoded("Evil\r\nBcc: eve@evil.example\x1b[2J"), testenv.FirstPassword)
		fmt.Fprintf(&members, "member:: %s\n", encoded(dn(uid)))
	}
	fmt.Fprintf(&people, "\ndn:: %s\nobjectClass: groupOfNames\ncn:: %s\n%s", encoded(group), encoded("Hölle"), members.String())
	s := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: strings.TrimPrefix(people.String(), "\n")})
	d := open(t, configFor(s))
	seen := make(map[string]bool)
	for _, uid := range names {
		p := find(t, d, uid)
		if p.Login != uid || seen[p.ID.String()] {
			t.Errorf("%q finds %q", uid, p.Login)
		}
		seen[p.ID.String()] = true
		groups, err := d.Groups(t.Context(), p)
		if err != nil || !slices.Contains(groups, directory.NormalDN("CN=HÖLLE,ou=groups,"+testenv.BaseDN)) {
			t.Errorf("%q is in %q: %v", uid, groups, err)
		}
		if err := d.SetPassword(t.Context(), p, second); err != nil {
			t.Errorf("%q: %v", uid, err)
		}
		if err := s.Bind(t.Context(), p.DN, second); err != nil {
			t.Errorf("%q cannot bind: %v", uid, err)
		}
	}
	for _, login := range []string{"*", "ali*", "a*", "alice)(|(uid=*", "*)(objectClass=*", "\\61lice", "alice\x00", "al\x1bice", "uid=alice", dn("alice"), "alice)", "(alice", "\xff", ""} {
		if p, err := d.Find(t.Context(), login); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%q finds %+v: %v", login, p, err)
		}
	}
	wantPassword(t, s, "alice", testenv.FirstPassword, second)
}
