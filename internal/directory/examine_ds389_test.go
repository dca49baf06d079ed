package directory_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/finding"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// TestS35_Examine389 on a real 389 Directory Server: a right set-up first, and then
// one trap after the other.
func TestS35_Examine389(t *testing.T) {
	t.Parallel()
	const deny = "\ndn: uid=protected,ou=people," + testenv.BaseDN + "\nchangetype: modify\nadd: aci\n" +
		`aci: (targetattr="userPassword")(version 3.0; acl "not for Latchkey"; deny (write) userdn="ldap:///` + testenv.ServiceDN + "\";)\n"
	s := start389(t, testenv.DS389Options{LDIF: policyACI + deny})
	found := examine(t, configFor389(s), tryOn("bob"))
	for _, f := range found {
		want := finding.Good
		switch f.Check {
		case finding.Certificate, "its own policy": // of a day; testenv's account has the policy of everyone
			want = finding.Warning
		case "no clear text":
			want = finding.Skipped
		}
		if f.State != want {
			t.Errorf("%s is %q: %s", f.Check, f.State, f.Finding)
		}
		t.Logf("%-16s %s", f.Check, f.Finding)
	}
	wantState(t, found, "its own policy", finding.Warning, "wrong passwords of anybody lock it")
	want389(t, s, "protected", testenv.FirstPassword)
	want389(t, s, "alice", testenv.FirstPassword)

	e := tryOn("bob")
	e.Protected = "alice"
	found = examine(t, configFor389(s), e)
	wantState(t, found, "protected", finding.Failed, "may write its password")
	want389(t, s, "alice", testenv.FirstPassword)

	// The Directory Manager: the operation is judged by the policy all the same.
	c := configFor389(s)
	c.BindDN, c.BindPassword = "cn=Directory Manager", setting.NewSecret("Directory-manager-1")
	found = examine(t, c, e)
	wantState(t, found, "no administrator", finding.Failed, "Directory Manager")
	wantState(t, found, "nothing else", finding.Failed, "description, mail, mobile (undone)")
	for _, name := range []string{"description", "mobile"} {
		if value, err := s.Attribute(t.Context(), testenv.PersonDN("bob"), name); err != nil || len(value) > 0 {
			t.Errorf("the canary has %s %q, %v", name, value, err)
		}
	}

	configure389(t, s, "passwordTrackUpdateTime", "off")
	wantState(t, examine(t, configFor389(s), directory.Examination{}), "password policy", finding.Warning, "does not record when")
	c = configFor389(s)
	c.Servers = []string{s.URL}
	wantState(t, examine(t, c, directory.Examination{}), "no clear text", finding.Warning, "without TLS")
	configure389(t, s, "nsslapd-require-secure-binds", "on")
	wantState(t, examine(t, c, directory.Examination{}), "no clear text", finding.Good, "refused")
}

// TestExamine389Fix: what is printed gives an account without rights those that
// it needs.
func TestExamine389Fix(t *testing.T) {
	t.Parallel()
	const second = "cn=second,ou=services," + testenv.BaseDN
	s := start389(t, testenv.DS389Options{LDIF: "dn: " + second + "\nchangetype: add\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\nuserPassword: second-password\n"})
	c := configFor389(s)
	c.BaseDN, c.GroupBaseDN = "ou=people,"+testenv.BaseDN, "ou=groups,"+testenv.BaseDN
	c.BindDN, c.BindPassword = second, setting.NewSecret("second-password")
	found := examine(t, c, directory.Examination{Canary: "bob"})
	wantState(t, found, "finds people", finding.Failed, "finds nobody")
	dir := t.TempDir()
	password := filepath.Join(dir, "dm.pwd")
	if err := os.WriteFile(password, []byte("Directory-manager-1"), 0o600); err != nil {
		t.Fatal(err)
	}
	fix := exec.Command("bash", "-c", strings.ReplaceAll(found["finds people"].Fix, " -W ", " -y "+password+" "))
	fix.Env = append(os.Environ(), "LDAPTLS_CACERT="+s.CAFile)
	if out, err := fix.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, found["finds people"].Fix)
	}
	found = examine(t, c, directory.Examination{Canary: "bob"})
	for _, check := range []string{"finds people", "reads groups", "weak is refused", "new password", "nothing else"} {
		wantState(t, found, check, finding.Good, "")
	}
}
