package directory_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// TestF02_KilledDuringTheWrite kills slapd when the request has passed: before it
// is carried out, and after.
func TestF02_KilledDuringTheWrite(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]bool{"before it is carried out": false, "before the answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testenv.NewSlapd(t)
			proxy, c := proxied(t, s)
			d := open(t, c)
			alice := find(t, d, "alice")
			killed := make(chan struct{})
			kill := func() {
				s.Kill()
				close(killed)
			}
			onWrite := func(m testenv.LDAPMessage) bool { return strings.Contains(string(m.Bytes), "uid=alice") }
			if written {
				proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
					if m.Op != testenv.LDAPExtendedResponse || strings.Contains(string(m.Bytes), "dn:") {
						return testenv.LDAPAction{}
					}
					kill()
					return testenv.LDAPAction{Drop: true}
				})
			} else {
				proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
					if m.Op == testenv.LDAPExtendedRequest && onWrite(m) {
						if err := s.Pause(); err != nil {
							t.Error(err)
						}
						// The request is passed on, and then nobody reads it.
						time.AfterFunc(100*time.Millisecond, kill)
					}
					return testenv.LDAPAction{}
				})
			}
			err := d.SetPassword(t.Context(), alice, second)
			if _, unknown := errors.AsType[*directory.UnknownError](err); !unknown {
				t.Fatalf("got %v, want unknown", err)
			}
			<-killed
			proxy.OnRequest(nil)
			proxy.OnResponse(nil)
			if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.Undecided || !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("while it is down settled as %v, %v", got, err)
			}
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := directory.NotWritten
			if written {
				want = directory.Written
			}
			if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != want || err != nil {
				t.Errorf("settled as %v, %v, want %v", got, err, want)
			}
			if n := strings.Count(slapdLog(t, s), "PASSMOD id="); n > 1 {
				t.Errorf("slapd was asked to write %d times", n)
			}
			if written {
				wantPassword(t, s, "alice", second, testenv.FirstPassword)
			} else {
				wantPassword(t, s, "alice", testenv.FirstPassword, second)
			}
		})
	}
}

// TestF04_TheBindMisleads: the answer to the bind with the new password is not
// plain. Each look binds once at most.
func TestF04_TheBindMisleads(t *testing.T) {
	t.Parallel()
	const aged = "cn=aged,ou=policies," + testenv.BaseDN
	s := testenv.NewSlapd(t, testenv.SlapdOptions{
		DefaultPolicy: "pwdMustChange: TRUE\n",
		LDIF:          "dn: " + aged + "\nobjectClass: device\nobjectClass: pwdPolicy\ncn: aged\npwdAttribute: userPassword\npwdMaxAge: 60\npwdLockout: TRUE\npwdMaxFailure: 3\n",
	})
	d := open(t, configFor(s))
	modify := func(uid string, lines ...string) {
		t.Helper()
		if err := s.Modify(t.Context(), "dn: "+testenv.PersonDN(uid)+"\nchangetype: modify\n"+strings.Join(lines, "\n")+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	wrong := func(uid string, times int) {
		for range times {
			_ = s.Bind(t.Context(), testenv.PersonDN(uid), "wrong")
		}
	}
	ago := func(d time.Duration) string { return time.Now().UTC().Add(-d).Format("20060102150405Z") }
	for _, test := range []struct {
		name, uid string
		written   bool
		then      func(uid string)
		want      directory.Settlement
		binds     int
	}{
		{"must change", "alice", true, func(uid string) { modify(uid, "replace: pwdReset", "pwdReset: TRUE") }, directory.Written, 1},
		{"must change, not written", "notenabled", false, func(uid string) { modify(uid, "replace: pwdReset", "pwdReset: TRUE") }, directory.NotWritten, 1},
		{"expired", "bob", true, func(uid string) {
			modify(uid, "replace: pwdPolicySubentry", "pwdPolicySubentry: "+aged, "-", "replace: pwdChangedTime", "pwdChangedTime: "+ago(time.Hour))
		}, directory.Written, 1},
		{"locked", "protected", true, func(uid string) { wrong(uid, 3) }, directory.Changed, 0},
		{"locked, not written", "overlimit", false, func(uid string) { wrong(uid, 3) }, directory.NotWritten, 0},
		{"nearly locked", "nocontacts", true, func(uid string) { wrong(uid, 2) }, directory.Written, 1},
	} {
		p := find(t, d, test.uid)
		if test.written {
			helpdesk(t, s, test.uid, second)
		}
		test.then(test.uid)
		binds := func() int { return strings.Count(slapdLog(t, s), fmt.Sprintf("BIND dn=%q method", p.DN)) }
		before := binds()
		if got, err := d.Settle(t.Context(), p.Attempt(), second); got != test.want || err != nil {
			t.Errorf("%s: settled as %v, %v, want %v", test.name, got, err, test.want)
		}
		if n := binds() - before; n != test.binds {
			t.Errorf("%s: %d binds, want %d", test.name, n, test.binds)
		}
	}
	wantPassword(t, s, "nocontacts", second, testenv.FirstPassword)
}

// TestF10_ACertificateExpires while we run: whoever connects after that is
// refused.
func TestF10_ACertificateExpires(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	short, err := testenv.NewCertificatesUntil(t.TempDir(), time.Now().Add(15*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	proxy := testenv.NewLDAPProxy(t, s, short)
	c := configFor(s)
	c.CAFile, c.Servers = short.CAFile, []string{proxy.LDAPSURL}
	d := open(t, c)
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the certificate is refused", func() bool {
		err = d.Check(t.Context())
		return err != nil && strings.Contains(err.Error(), "has expired")
	})
	if !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// TestF10_CertificateAndAuthorityRotated on the server, and in ca_file.
func TestF10_CertificateAndAuthorityRotated(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	find(t, d, "alice")
	s.Stop()
	if _, err := testenv.NewCertificates(filepath.Dir(s.CAFile)); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.SetPassword(t.Context(), find(t, d, "alice"), second); err != nil {
		t.Error(err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}
