package directory_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/finding"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// keepOff keeps the service account from one person's password.
const keepOff = `to dn.base="uid=protected,ou=people,` + testenv.BaseDN + `" attrs=userPassword by dn.exact="` + testenv.ServiceDN + `" none by * break`

// examine returns the findings by their check, and looks whether any of them
// shows a secret.
func examine(t *testing.T, c directory.Config, e directory.Examination) map[string]finding.Finding {
	t.Helper()
	d, err := directory.Open(c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	all := d.Examine(t.Context(), e)
	found := make(map[string]finding.Finding)
	for _, f := range all {
		found[f.Check] = f
		for _, secret := range []string{testenv.ServicePassword, testenv.FirstPassword, "alice@"} {
			if strings.Contains(f.Finding+f.Fix, secret) {
				t.Errorf("%s shows %q: %q %q", f.Check, secret, f.Finding, f.Fix)
			}
		}
	}
	if len(found) != len(all) {
		t.Errorf("%d findings of %d checks", len(all), len(found))
	}
	return found
}

func wantState(t *testing.T, found map[string]finding.Finding, check string, state finding.State, text string) {
	t.Helper()
	f, ok := found[check]
	if !ok || f.State != state || !strings.Contains(f.Finding, text) {
		t.Errorf("%s is %q, %q; want %q, %q", check, f.State, f.Finding, state, text)
	}
}

func tryOn(canary string) directory.Examination {
	return directory.Examination{Canary: canary, Protected: "protected", Groups: []string{testenv.ProtectedGroupDN}}
}

// TestExamineOpenLDAP: a right set-up is good in all that can be looked at.
func TestExamineOpenLDAP(t *testing.T) {
	s := testenv.NewSlapd(t, testenv.SlapdOptions{FirstAccess: keepOff})
	found := examine(t, configFor(s), tryOn("bob"))
	for _, f := range found {
		// The certificates of tests are valid for a day, the plain port of an odd
		// number is not known.
		want := finding.Good
		switch f.Check {
		case finding.Certificate:
			want = finding.Warning
		case "no clear text":
			want = finding.Skipped
		}
		if f.State != want {
			t.Errorf("%s is %q: %s", f.Check, f.State, f.Finding)
		}
		t.Logf("%-16s %s", f.Check, f.Finding)
	}
	wantState(t, found, "password policy", finding.Good, "at least 10 characters, the last 3 refused")
	// The canary's password is thrown away; nobody else's changed.
	if err := s.Bind(t.Context(), testenv.PersonDN("bob"), testenv.FirstPassword); !errors.Is(err, testenv.ErrInvalidCredentials) {
		t.Errorf("the canary has its old password: %v", err)
	}
	wantPassword(t, s, "protected", testenv.FirstPassword)
	for _, name := range []string{"description", "mobile"} {
		if values, err := s.Attribute(t.Context(), testenv.PersonDN("bob"), name); err != nil || len(values) > 0 {
			t.Errorf("the canary has %s %q, %v", name, values, err)
		}
	}
}

// TestExamineWithoutCanary writes nothing.
func TestExamineWithoutCanary(t *testing.T) {
	s := testenv.NewSlapd(t, testenv.SlapdOptions{AuditLog: true})
	found := examine(t, configFor(s), directory.Examination{})
	for _, check := range []string{"canary", "weak is refused", "new password", "nothing else", "protected"} {
		wantState(t, found, check, finding.Skipped, "")
	}
	if !strings.Contains(found["canary"].Fix, "dn: uid=latchkey-canary,"+testenv.BaseDN+"\nchangetype: add") {
		t.Errorf("no way to make a canary: %q", found["canary"].Fix)
	}
	// A claim that is refused writes nothing either.
	e := tryOn("bob")
	e.Claim = func(context.Context, *directory.Person) error { return errors.New("it has contacts") }
	found = examine(t, configFor(s), e)
	wantState(t, found, "canary", finding.Failed, "it has contacts")
	wantState(t, found, "new password", finding.Skipped, "no canary that can be used")
	wantPassword(t, s, "bob", testenv.FirstPassword)
	e = tryOn("nobody")
	wantState(t, examine(t, configFor(s), e), "canary", finding.Skipped, "does not find")
}

// trap is a set-up with one fault.
type trap struct {
	options testenv.SlapdOptions
	change  func(*directory.Config)
	// shown is the certificate that the server shows.
	shown  *testenv.Certificates
	e      directory.Examination
	want   map[string]string // by check, a part of the finding; failed
	warned map[string]string
	fix    string // a part of the first wanted fix
}

func TestExamineTraps(t *testing.T) {
	expired, err := testenv.NewExpiredCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other, err := testenv.NewCertificatesFor(t.TempDir(), "ldap.example.org")
	if err != nil {
		t.Fatal(err)
	}
	const service = `by dn.exact="` + testenv.ServiceDN + `" `
	for name, test := range map[string]trap{
		"manage": {
			options: testenv.SlapdOptions{ServiceRight: "manage"}, e: tryOn("bob"),
			want: map[string]string{"weak is refused": "goes past the directory's policy", "no administrator": "userPassword"},
			fix:  `{0}to attrs=userPassword ` + service + `=w by * break`,
		},
		"the root DN": {
			change: func(c *directory.Config) {
				c.BindDN, c.BindPassword = "cn=root,"+testenv.BaseDN, setting.NewSecret("root-password")
			},
			e:    tryOn("bob"),
			want: map[string]string{"weak is refused": "goes past", "nothing else": "description, mail, mobile (undone)", "no administrator": "userPassword"},
			fix:  "make an ordinary account first",
		},
		"no right": {
			options: testenv.SlapdOptions{ServiceRight: "none"}, e: tryOn("bob"),
			want: map[string]string{"new password": "not allow the service account"},
			fix:  `{0}to attrs=userPassword`,
		},
		"other attributes": {
			options: testenv.SlapdOptions{ServiceWrites: []string{"description"}, FirstAccess: keepOff}, e: tryOn("bob"),
			want: map[string]string{"nothing else": "it may also write description (undone)"},
			fix:  `{2}to * ` + service + `read by * break`,
		},
		"a protected account": {
			e:    tryOn("bob"),
			want: map[string]string{"protected": "may write its password"},
			fix:  `{0}to dn.base="` + testenv.PersonDN("protected") + `" attrs=userPassword ` + service + `none`,
		},
		"the policy is not read": {
			options: testenv.SlapdOptions{FirstAccess: `to dn.subtree="ou=policies,` + testenv.BaseDN + `" by * none`},
			want:    map[string]string{"password policy": "cannot be read"},
			fix:     `to * ` + service + `read`,
		},
		"people are not read": {
			options: testenv.SlapdOptions{FirstAccess: `to dn.subtree="ou=people,` + testenv.BaseDN + `" attrs=entry by * none`},
			want:    map[string]string{"finds people": "finds nobody"}, fix: `to * ` + service + `read`,
		},
		"a group is missing": {
			e:    directory.Examination{Groups: []string{"cn=gone,ou=groups," + testenv.BaseDN, "cn=admins,dc=other"}},
			want: map[string]string{"reads groups": "the group cn=gone,ou=groups," + testenv.BaseDN},
		},
		"pwdSafeModify": {
			options: testenv.SlapdOptions{DefaultPolicy: "pwdSafeModify: TRUE\n"},
			want:    map[string]string{"password policy": "nobody can be reset"}, fix: "replace: pwdSafeModify\npwdSafeModify: FALSE",
		},
		"a minimum age": {
			options: testenv.SlapdOptions{DefaultPolicy: "pwdMinAge: 86400\n"}, e: tryOn("young"),
			warned: map[string]string{"password policy": "minimum age refuses a reset", "weak is refused": "minimum age refused it"},
		},
		"rules that let all through": {
			change: func(c *directory.Config) { c.DefaultPolicyDN = testenv.ServicePolicyDN },
			options: testenv.SlapdOptions{
				LDIF: testenv.PersonLDIF("loose", "pwdPolicySubentry: "+testenv.ServicePolicyDN),
			},
			e:      tryOn("loose"),
			want:   map[string]string{"weak is refused": "the canary's policy sets no least length"},
			warned: map[string]string{"password policy": "sets no least length"},
			fix:    "pwdCheckQuality: 2",
		},
		"the service account has everyone's policy": {
			options: testenv.SlapdOptions{LDIF: "\ndn: cn=second,ou=services," + testenv.BaseDN + "\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: second\nuserPassword: second-password\n"},
			change: func(c *directory.Config) {
				c.BindDN, c.BindPassword = "cn=second,ou=services,"+testenv.BaseDN, setting.NewSecret("second-password")
			},
			warned: map[string]string{"its own policy": "wrong passwords of anybody lock it"},
		},
		"an expired certificate": {
			shown: expired,
			want:  map[string]string{"certificate": "it holds from"}, fix: "openssl s_client -connect 127.0.0.1:",
		},
		"another name": {
			shown: other,
			want:  map[string]string{"certificate": "it is for ldap.example.org, and the configuration says 127.0.0.1"}, fix: "write one of its names",
		},
		"another authority": {
			change: func(c *directory.Config) { c.CAFile = other.CAFile },
			want:   map[string]string{"certificate": "authority"}, fix: "ca_file",
		},
		"a wrong password": {
			change: func(c *directory.Config) { c.BindPassword = setting.NewSecret("something else") },
			want:   map[string]string{"service account": "does not accept bind_dn"}, fix: "-S cn=latchkey",
		},
		"nobody there": {
			change: func(c *directory.Config) { c.Servers = []string{"ldaps://127.0.0.1:1"} },
			want:   map[string]string{"reachable": "cannot be reached"}, fix: "openssl s_client -connect 127.0.0.1:1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := testenv.NewSlapd(t, test.options)
			c := configFor(s)
			if test.shown != nil {
				c.Servers, c.CAFile = []string{testenv.NewLDAPProxy(t, s, test.shown).LDAPSURL}, test.shown.CAFile
			}
			if test.change != nil {
				test.change(&c)
			}
			found := examine(t, c, test.e)
			for check, text := range test.want {
				wantState(t, found, check, finding.Failed, text)
			}
			for check, text := range test.warned {
				wantState(t, found, check, finding.Warning, text)
			}
			fixes := ""
			for _, f := range found {
				if test.want[f.Check] != "" {
					fixes += f.Fix
				}
			}
			if !strings.Contains(fixes, test.fix) {
				t.Errorf("no fix with %q in %q", test.fix, fixes)
			}
			// Nothing else is complained about.
			for _, f := range found {
				if f.State == finding.Failed && test.want[f.Check] == "" {
					t.Errorf("%s failed too: %s", f.Check, f.Finding)
				}
			}
		})
	}
}

// TestExamineInClear: StartTLS goes on the port where others may sign in without.
func TestExamineInClear(t *testing.T) {
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.Servers = []string{s.URL}
	found := examine(t, c, directory.Examination{})
	wantState(t, found, "no clear text", finding.Warning, "takes passwords without TLS")
	if !strings.Contains(found["no clear text"].Fix, "olcSecurity: simple_bind=128") {
		t.Errorf("the fix is %q", found["no clear text"].Fix)
	}
	if text := slapdLog(t, s); strings.Contains(text, testenv.ServiceDN+`" method=128`) && !strings.Contains(text, "STARTTLS") {
		t.Error("the service account signed in without TLS")
	}
}

// TestExamineServersInOrder: each server has its lines, in the order of servers,
// and one that is away keeps none of the others.
func TestExamineServersInOrder(t *testing.T) {
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.Servers = []string{"ldaps://127.0.0.1:1", s.LDAPSURL}
	d, err := directory.Open(c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	all := d.Examine(t.Context(), tryOn("bob"))
	var pieces []string
	for _, f := range all {
		pieces = append(pieces, f.Piece)
	}
	want := []string{"directory staff, ldaps://127.0.0.1:1", "directory staff, " + s.LDAPSURL}
	if got := slices.Compact(slices.Clone(pieces)); !slices.Equal(got, want) {
		t.Errorf("the pieces are %q", got)
	}
	if last := all[len(all)-1]; last.Check != "protected" || last.State != finding.Failed {
		t.Errorf("the second server was not tried: %+v", last)
	}
}
