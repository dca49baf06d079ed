package memory_test

import (
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestOpenLDAPsOwnClients walks through the operations with the programs that
// operators use.
func TestOpenLDAPsOwnClients(t *testing.T) {
	t.Parallel()
	s := start(t, configuration(), testenv.SlapdOptions{})
	alice := testenv.PersonDN("alice")
	for _, step := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"anonymous", []string{"ldapwhoami", "-x", "-H", s.url}, 0, "anonymous"},
		{"LDAPS", []string{"ldapwhoami", "-x", "-H", s.ldapsURL, "-D", alice, "-w", testenv.FirstPassword}, 0, "dn:" + alice},
		{"StartTLS", []string{"ldapwhoami", "-x", "-ZZ", "-H", s.url, "-D", alice, "-w", testenv.FirstPassword}, 0, "dn:" + alice},
		{"wrong password", []string{"ldapwhoami", "-x", "-H", s.ldapsURL, "-D", alice, "-w", "wrong"}, 49, "Invalid credentials"},
		{"root DSE", []string{"ldapsearch", "-x", "-LLL", "-H", s.url, "-b", "", "-s", "base", "+"}, 0, "supportedExtension: 1.3.6.1.4.1.4203.1.11.1"},
		{"set the password", []string{"ldappasswd", "-x", "-H", s.ldapsURL, "-D", testenv.ServiceDN, "-w", testenv.ServicePassword, "-s", second, alice}, 0, ""},
		{"the old one", []string{"ldapwhoami", "-x", "-H", s.ldapsURL, "-D", alice, "-w", testenv.FirstPassword}, 49, ""},
		{"the new one", []string{"ldapwhoami", "-x", "-H", s.ldapsURL, "-D", alice, "-w", second}, 0, alice},
		{"a password of the server's", []string{"ldappasswd", "-x", "-H", s.ldapsURL, "-D", testenv.ServiceDN, "-w", testenv.ServicePassword, testenv.PersonDN("bob")}, 0, "New password: "},
	} {
		out, code := client(t, s.caFile, step.args[0], step.args[1:]...)
		if code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("%s: code %d, want %d and %q:\n%s", step.name, code, step.code, step.want, out)
		}
	}
}

// TestGroupsAreShownOnTheirMembers, which slapd does with another overlay only.
func TestGroupsAreShownOnTheirMembers(t *testing.T) {
	t.Parallel()
	s := start(t, configuration(), testenv.SlapdOptions{})
	for filter, want := range map[string]string{
		"(memberOf=CN=Protected, ou=groups," + testenv.BaseDN + ")": "dn: " + testenv.PersonDN("protected"),
		"(uid=protected)": "memberOf: " + testenv.ProtectedGroupDN,
		"(uid=alice)":     "dn: " + testenv.PersonDN("alice"),
	} {
		out, code := client(t, s.caFile, "ldapsearch", "-x", "-LLL", "-H", s.ldapsURL, "-D", testenv.ServiceDN, "-w", testenv.ServicePassword, "-b", testenv.BaseDN, filter, "memberOf")
		if code != 0 || strings.Count(out, "dn: ") != 1 || !strings.Contains(out, want) || strings.Contains(out, "memberOf") == (filter == "(uid=alice)") {
			t.Errorf("%s: code %d\n%s", filter, code, out)
		}
	}
}

// TestNamesOfSeveralParts are the same in any order.
func TestNamesOfSeveralParts(t *testing.T) {
	t.Parallel()
	s := start(t, configuration(), testenv.SlapdOptions{LDIF: "dn: uid=two+cn=Two Parts\\, Inc.,ou=people," + testenv.BaseDN + "\nobjectClass: inetOrgPerson\nsn: x\n"})
	for _, dn := range []string{"uid=two+cn=Two Parts\\, Inc.,ou=people,", "CN=two  parts\\2C inc.+UID=TWO, ou=people, ", "2.5.4.3=Two Parts\\, Inc.+userid=two,ou=people,"} {
		out, code := client(t, s.caFile, "ldapsearch", "-x", "-LLL", "-H", s.ldapsURL, "-D", testenv.ServiceDN, "-w", testenv.ServicePassword, "-s", "base", "-b", dn+testenv.BaseDN, "cn=two parts*", "uid")
		if code != 0 || !strings.Contains(out, "uid: two") {
			t.Errorf("%s: code %d\n%s", dn, code, out)
		}
	}
}
