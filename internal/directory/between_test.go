package directory_test

import (
	"errors"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// before does something just before slapd gets the nth Modify.
func before(t *testing.T, proxy *testenv.LDAPProxy, s *testenv.Slapd, nth int, ldif string) {
	t.Helper()
	seen := 0
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op != modifyRequest {
			return testenv.LDAPAction{}
		}
		if seen++; seen == nth {
			if err := s.Modify(t.Context(), ldif); err != nil {
				t.Error(err)
			}
		}
		return testenv.LDAPAction{}
	})
}

// TestAFlagThatComesInBetweenStays: an administrator flags the person before we
// do, or resets them before we take our flag back.
func TestAFlagThatComesInBetweenStays(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	proxy := testenv.NewLDAPProxy(t, s, nil)
	c := configFor(s)
	c.Servers, c.WriteStrategy = []string{proxy.LDAPSURL}, string(directory.FlagFirst)
	d := open(t, c)
	change := "dn: " + testenv.PersonDN("young") + "\nchangetype: modify\nreplace: pwdReset\n"

	before(t, proxy, s, 1, change+"pwdReset: TRUE\n")
	wantRefused(t, d.SetPassword(t.Context(), find(t, d, "young"), "short-1"), directory.TooYoung)
	wantFlag(t, s, "young", true)

	if err := s.Modify(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	before(t, proxy, s, 2, change+"pwdReset: TRUE\n-\nreplace: pwdChangedTime\npwdChangedTime: 20260101000000Z\n")
	wantRefused(t, d.SetPassword(t.Context(), find(t, d, "young"), "short-1"), directory.TooShort)
	wantFlag(t, s, "young", true)
}

// TestTheFlagFollowsThePersonNotTheName: between the password and the flag the
// DN goes to somebody else.
func TestTheFlagFollowsThePersonNotTheName(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	proxy := testenv.NewLDAPProxy(t, s, nil)
	c := configFor(s)
	c.Servers, c.MustChange = []string{proxy.LDAPSURL}, true
	d := open(t, c)
	rename := func(from, to string) string {
		return "dn: " + testenv.PersonDN(from) + "\nchangetype: modrdn\nnewrdn: uid=" + to + "\ndeleteoldrdn: 1\n"
	}
	alice := find(t, d, "alice")
	before(t, proxy, s, 1, rename("alice", "renamed")+"\n"+rename("bob", "alice"))
	result, err := d.Reset(t.Context(), alice, second)
	if err != nil || result.Incomplete == nil || !errors.Is(result.Incomplete, directory.ErrUnavailable) {
		t.Errorf("%+v, %v", result, err)
	}
	wantPassword(t, s, "renamed", second)
	wantPassword(t, s, "alice", testenv.FirstPassword)
	wantFlag(t, s, "alice", false)
	// Settling finds the person by the id.
	if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	wantFlag(t, s, "renamed", true)
	wantFlag(t, s, "alice", false)
}
