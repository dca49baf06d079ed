package directory_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory/directorytest"
	"latchkey/internal/testenv"
)

// conformSamba has a policy of a minimum age beside the domain's.
func conformSamba(t *testing.T) directorytest.Fixture {
	const young = "CN=young,CN=Password Settings Container,CN=System," + testenv.SambaBaseDN
	s := testenv.StartSamba(t, testenv.SambaOptions{LDIF: "dn: " + testenv.SambaBaseDN + "\nchangetype: modify\nreplace: maxPwdAge\nmaxPwdAge: -8640000000000\n" +
		"\ndn: " + young + "\nchangetype: add\nobjectClass: msDS-PasswordSettings\n" + youngSettings})
	shown, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := domainConfig(s)
	c.CAFile = bothAuthorities(t, c.CAFile, shown.CAFile)
	set := func(attribute, value string) func(dn string) string {
		return func(dn string) string {
			return "dn: " + dn + "\nchangetype: modify\nreplace: " + attribute + "\n" + attribute + ": " + value + "\n"
		}
	}
	const aged = "aged "
	return directorytest.Fixture{
		Config: c, DN: testenv.SambaPersonDN, OneName: true, ResetIgnoresAge: true, ResetIgnoresHistory: true,
		Entry: func(login, password string) string { return testenv.SambaPersonWithPasswordLDIF(login, password) },
		Modify: func(ctx context.Context, ldif string) error {
			if dn, ok := strings.CutPrefix(ldif, aged); ok {
				account, _, _ := strings.Cut(strings.TrimPrefix(dn, "CN="), ",")
				return s.SetPasswordAge(ctx, account, 11*24*time.Hour)
			}
			return s.Modify(ctx, ldif)
		},
		SignIn: s.Bind,
		Proxy:  func(tb testenv.TB) *testenv.LDAPProxy { return testenv.NewLDAPProxy(tb, s, shown) },
		Changes: directorytest.Changes{
			Disable: set("userAccountControl", "514"),
			End:     set("accountExpires", "116444736000000001"),
			Flag:    set("pwdLastSet", "0"),
			Age:     func(dn string) string { return aged + dn },
			Promote: func(dn string) string {
				return "dn: " + testenv.SambaStaffAdminsDN + "\nchangetype: modify\nadd: member\nmember: " + dn + "\n"
			},
			Rejuvenate: func(dn string) string {
				return "dn: " + young + "\nchangetype: modify\nadd: msDS-PSOAppliesTo\nmsDS-PSOAppliesTo: " + dn + "\n"
			},
		},
		Lacks: map[string]string{"locked by an administrator": "a domain has no lock of that kind, only disabled accounts"},
	}
}

const youngSettings = `msDS-PasswordSettingsPrecedence: 20
msDS-PasswordReversibleEncryptionEnabled: FALSE
msDS-PasswordHistoryLength: 3
msDS-PasswordComplexityEnabled: TRUE
msDS-MinimumPasswordLength: 10
msDS-MinimumPasswordAge: -864000000000
msDS-MaximumPasswordAge: -9223372036854775808
msDS-LockoutThreshold: 3
msDS-LockoutObservationWindow: -6000000000
msDS-LockoutDuration: -6000000000
`

// bothAuthorities is one file of two, for a server and the proxy in front of it.
func bothAuthorities(t *testing.T, files ...string) string {
	t.Helper()
	var both []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	path := filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(path, both, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
