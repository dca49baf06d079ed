package directory_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// lockDomainAccount fails as often as the domain lets anybody fail.
func lockDomainAccount(t *testing.T, s *testenv.Samba, account string) {
	t.Helper()
	for range 3 {
		if err := s.Bind(t.Context(), testenv.SambaPersonDN(account), "wrong"); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
}

// wantAttribute looks at one attribute of a person.
func wantAttribute(t *testing.T, s *testenv.Samba, account, name, want string) {
	t.Helper()
	values, err := s.Attribute(t.Context(), testenv.SambaPersonDN(account), name)
	if err != nil || !slices.Equal(values, []string{want}) {
		t.Errorf("%s: %s is %q, %v; want %s", account, name, values, err, want)
	}
}

// fileTime is how the domain writes a time.
func fileTime(at time.Time) string {
	return strconv.FormatInt(at.Unix()*10_000_000+116444736000000000, 10)
}

func TestActiveDirectoryStates(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t, testenv.SambaOptions{LDIF: testenv.SambaPersonLDIF("later", "accountExpires: "+fileTime(time.Now().Add(time.Hour))) +
		testenv.SambaPersonLDIF("ended", "accountExpires: "+fileTime(time.Now().Add(-time.Minute))) +
		testenv.SambaPersonLDIF("flagged", "pwdLastSet: 0") +
		"\ndn: " + testenv.SambaPersonDN("overlimit") + "\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 262656\n"})
	d := open(t, domainConfig(s))
	lockDomainAccount(t, s, "bob")
	for account, want := range map[string]directory.State{
		"alice": directory.Active, "bob": directory.Locked, "disabled": directory.Disabled, "expired": directory.Expired,
		"later": directory.Active, "ended": directory.Expired, "flagged": directory.Active,
		"overlimit": directory.Disabled, // by a smart card that is required
	} {
		p := find(t, d, account)
		if p.State != want || p.Privileged != "" {
			t.Errorf("%s is %s, want %s; privileged: %q", account, p.State, want, p.Privileged)
		}
		if want == directory.Active || want == directory.Locked {
			continue
		}
		if err := d.SetPassword(ctx, p, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("reset of %s: %v", account, err)
		}
		if err := d.Unlock(ctx, p); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("unlock of %s: %v", account, err)
		}
		if err := d.Change(ctx, p, testenv.FirstPassword, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("change of %s: %v", account, err)
		}
	}
	if stamp := find(t, d, "flagged").ChangeStamp; stamp != "0" {
		t.Errorf("the stamp of who must change is %q", stamp)
	}

	// Disabled between reading and writing, a day before the end and after it.
	alice, later := find(t, d, "alice"), find(t, d, "later")
	if err := s.Replace(ctx, alice.DN, "userAccountControl", "514"); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(ctx, later.DN, "accountExpires", fileTime(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*directory.Person{alice, later} {
		if err := d.SetPassword(ctx, p, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s between: %v", p.Login, err)
		}
	}
	for _, account := range []string{"alice", "later"} {
		if err := s.Replace(ctx, testenv.SambaPersonDN(account), "userAccountControl", "512"); err != nil {
			t.Fatal(err)
		}
		if err := s.Replace(ctx, testenv.SambaPersonDN(account), "accountExpires", "0"); err != nil {
			t.Fatal(err)
		}
		wantDomainPassword(t, s, account, testenv.FirstPassword, second)
	}
}

func TestActiveDirectoryUnlock(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	d := open(t, domainConfig(s))
	for _, account := range []string{"alice", "bob", "carol"} {
		lockDomainAccount(t, s, account)
	}
	// Without a reset, and twice.
	alice := find(t, d, "alice")
	for range 2 {
		if err := d.Unlock(ctx, alice); err != nil {
			t.Fatal(err)
		}
	}
	wantDomainPassword(t, s, "alice", testenv.FirstPassword)
	wantAttribute(t, s, "alice", "lockoutTime", "0")
	// With a reset, which alone does not unlock.
	bob := find(t, d, "bob")
	if bob.State != directory.Locked || !bob.MayReset() {
		t.Errorf("bob is %s, may be reset: %t", bob.State, bob.MayReset())
	}
	if result, err := d.Reset(ctx, bob, second); err != nil || !result.Unlocked {
		t.Errorf("%+v, %v", result, err)
	}
	wantDomainPassword(t, s, "bob", second, testenv.FirstPassword)
	// Where that is not wanted, who is locked waits, also when locked in between.
	c := domainConfig(s)
	c.Unlock = false
	d = open(t, c)
	carol, nobody := find(t, d, "carol"), find(t, d, "nocontacts")
	lockDomainAccount(t, s, "nocontacts")
	if carol.MayReset() {
		t.Error("carol may be reset")
	}
	for _, p := range []*directory.Person{carol, nobody} {
		if err := d.SetPassword(ctx, p, "a-Password-of-20-characters"); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", p.Login, err)
		}
		if p := find(t, d, p.Login); p.State != directory.Locked {
			t.Errorf("%s is %s", p.Login, p.State)
		}
	}
	if err := d.Change(ctx, carol, testenv.FirstPassword, "a-Password-of-20-characters"); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("change of a locked one: %v", err)
	}
}

// TestActiveDirectoryMustChange: the flag goes with the password in one Modify;
// who is flagged can change the password and, by self-service, reset it.
func TestActiveDirectoryMustChange(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	c := domainConfig(s)
	c.MustChange = true
	d := open(t, c)
	if result, err := d.Reset(ctx, find(t, d, "alice"), second); err != nil || result.Incomplete != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	wantAttribute(t, s, "alice", "pwdLastSet", "0")
	alice := find(t, d, "alice")
	if got, err := d.Settle(ctx, alice.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("the right password that must be changed settles as %v, %v", got, err)
	}
	if got, err := d.Settle(ctx, alice.Attempt(), ""); got != directory.Undecided || err != nil {
		t.Errorf("by the stamp alone it settles as %v, %v", got, err)
	}
	const third, fourth = "third-Password-3", "fourth-Password-4"
	if err := d.Change(ctx, alice, testenv.FirstPassword, third); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := d.Change(ctx, alice, second, third); err != nil {
		t.Fatal(err)
	}
	wantDomainPassword(t, s, "alice", third, second)
	// Flagged by an administrator, reset by self-service.
	if err := s.Replace(ctx, testenv.SambaPersonDN("alice"), "pwdLastSet", "0"); err != nil {
		t.Fatal(err)
	}
	d = open(t, domainConfig(s))
	if err := d.SetPassword(ctx, find(t, d, "alice"), fourth); err != nil {
		t.Fatal(err)
	}
	wantDomainPassword(t, s, "alice", fourth, third)
}

// TestActiveDirectoryFlagIsNotSetTwice: the flag went with the write whose answer
// was lost, and the person has chosen another password since.
func TestActiveDirectoryFlagIsNotSetTwice(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	proxy, authority := domainProxy(t, s)
	c := domainConfig(s)
	c.Servers, c.CAFile, c.MustChange = []string{proxy.LDAPSURL}, authority, true
	d := open(t, c)
	alice := find(t, d, "alice")
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		return testenv.LDAPAction{Drop: m.Op == modifyResponse}
	})
	wantUnknown(t, d.SetPassword(ctx, alice, second))
	proxy.OnResponse(nil)
	wantAttribute(t, s, "alice", "pwdLastSet", "0")
	const third = "third-Password-3"
	if err := d.Change(ctx, find(t, d, "alice"), second, third); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Settle(ctx, alice.Attempt(), ""); got != directory.Changed || err != nil {
		t.Errorf("settles as %v, %v", got, err)
	}
	wantDomainPassword(t, s, "alice", third, second)
}

func TestActiveDirectoryPolicy(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	d := open(t, domainConfig(s))
	want := &directory.PasswordPolicy{MinLength: 10, History: 3, Classes: 3, NoNames: true, LockoutDuration: 10 * time.Minute, MustChange: true}
	got, err := d.Policy(ctx, find(t, d, "alice"))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("the domain (-want +got): %v\n%s", err, diff)
	}
	// A password settings object that the service account cannot read.
	want.QualityChecked = true
	got, err = d.Policy(ctx, find(t, d, "carol"))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("the domain, for one with other rules (-want +got): %v\n%s", err, diff)
	}
	// A minimum age hinders the person's own change, and is no matter for a reset.
	if err := s.Replace(ctx, s.BaseDN, "minPwdAge", "-864000000000"); err != nil {
		t.Fatal(err)
	}
	alice := find(t, d, "alice")
	if got, err = d.Policy(ctx, alice); err != nil || got.MinAge != 24*time.Hour || !got.ChangeableAt.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	setJustNow(t, s, "alice")
	alice = find(t, d, "alice")
	if got, err = d.Policy(ctx, alice); err != nil || time.Until(got.OwnChangeAt) < 23*time.Hour || time.Until(got.OwnChangeAt) > 24*time.Hour {
		t.Errorf("%+v, %v", got, err)
	}
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, second), directory.TooYoung)
	wantDomainPassword(t, s, "alice", testenv.FirstPassword, second)
	if err := d.SetPassword(ctx, alice, second); err != nil {
		t.Fatal(err)
	}
	wantDomainPassword(t, s, "alice", second, testenv.FirstPassword)
}

// setJustNow makes the password of a person one that was set just now. The value
// -1 stands for that where the one before is 0.
func setJustNow(t *testing.T, s *testenv.Samba, account string) {
	t.Helper()
	for _, value := range []string{"0", "-1"} {
		if err := s.Replace(t.Context(), testenv.SambaPersonDN(account), "pwdLastSet", value); err != nil {
			t.Fatal(err)
		}
	}
}
