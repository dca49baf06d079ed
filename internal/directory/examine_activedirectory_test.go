package directory_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/finding"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// TestS35_ExamineActiveDirectory on a real Samba: a right set-up first, and then one
// trap after the other, each mended before the next.
func TestS35_ExamineActiveDirectory(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t)
	ctx := t.Context()
	c := domainConfig(s)
	// An administrator outside of the unit whose people may be reset.
	if err := s.Modify(ctx, "dn: CN=chief,CN=Users,"+testenv.SambaBaseDN+"\nchangetype: add\nobjectClass: user\nsAMAccountName: chief\nuserAccountControl: 512\nunicodePwd:: "+base64Password(testenv.FirstPassword)+"\n"); err != nil {
		t.Fatal(err)
	}
	wide := c
	wide.BaseDN = testenv.SambaBaseDN
	e := directory.Examination{Canary: "bob", Protected: "chief", Groups: []string{testenv.SambaNotEnabledDN}}
	found := examine(t, wide, e)
	for _, f := range found {
		want := finding.Good
		switch f.Check {
		case finding.Certificate, "password policy": // of a day; Samba has no policy hints
			want = finding.Warning
		case "no clear text": // its other port is the usual one, but only ours has no number
			want = finding.Good
		}
		if f.State != want {
			t.Errorf("%s is %q: %s", f.Check, f.State, f.Finding)
		}
		t.Logf("%-16s %s", f.Check, f.Finding)
	}
	wantState(t, found, "nothing else", finding.Good, "only")
	wantState(t, found, "password policy", finding.Warning, "does not list policy hints")
	wantDomainPassword(t, s, "alice", testenv.FirstPassword)

	// The delegation reaches an administrator below the unit.
	e.Protected = "domainadmin"
	found = examine(t, c, e)
	wantState(t, found, "protected", finding.Failed, "may write its password")
	wantDomainPassword(t, s, "domainadmin", testenv.FirstPassword)

	// Too much.
	admin := c
	admin.BindDN, admin.BindPassword = "CN=Administrator,CN=Users,"+testenv.SambaBaseDN, setting.NewSecret("Administrator-1")
	found = examine(t, admin, e)
	wantState(t, found, "no administrator", finding.Failed, "the domain protects the service account")
	wantState(t, found, "nothing else", finding.Failed, "description")

	// Too little.
	other := c
	other.BindDN, other.BindPassword = testenv.SambaPersonDN("alice"), setting.NewSecret(testenv.FirstPassword)
	found = examine(t, other, e)
	wantState(t, found, "new password", finding.Failed, "does not allow")
	if fix := found["new password"].Fix; !strings.Contains(fix, "samba-tool dsacl set --action=allow --objectdn="+testenv.SambaStaffDN) || !strings.Contains(fix, "samba-tool user show alice") {
		t.Errorf("the fix is %q", fix)
	}
	// What is printed mends it.
	if out, err := s.Shell(ctx, found["new password"].Fix); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found = examine(t, other, e)
	wantState(t, found, "new password", finding.Good, "lets in")
}

func base64Password(password string) string {
	return base64.StdEncoding.EncodeToString([]byte(testenv.UnicodePassword(password)))
}
