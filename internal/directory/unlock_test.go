package directory_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

const permanentLock = "000001010000Z"

// lockOut has slapd lock a person for too many wrong passwords.
func lockOut(t *testing.T, s *testenv.Slapd, uid string) {
	t.Helper()
	for range 3 {
		if err := s.Bind(t.Context(), testenv.PersonDN(uid), "wrong"); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	if values := attribute(t, s, uid, "pwdAccountLockedTime"); len(values) != 1 {
		t.Fatalf("%s is not locked: %q", uid, values)
	}
}

// lockForGood locks a person as an administrator does.
func lockForGood(t *testing.T, s *testenv.Slapd, uid, value string) {
	t.Helper()
	if err := s.Modify(t.Context(), "dn: "+testenv.PersonDN(uid)+"\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: "+value+"\n"); err != nil {
		t.Fatal(err)
	}
}

func attribute(t *testing.T, s *testenv.Slapd, uid, name string) []string {
	t.Helper()
	values, err := s.Attribute(t.Context(), testenv.PersonDN(uid), name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestAResetUnlocks with the right to write passwords and no other.
func TestAResetUnlocks(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	lockOut(t, s, "alice")
	alice := find(t, d, "alice")
	if alice.State != directory.Locked || !alice.MayReset() {
		t.Fatalf("state %s, may reset: %t", alice.State, alice.MayReset())
	}
	result, err := d.Reset(t.Context(), alice, second)
	if err != nil || !result.Unlocked {
		t.Fatalf("%+v, %v", result, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
	if locks := attribute(t, s, "alice", "pwdAccountLockedTime"); len(locks) != 0 {
		t.Errorf("still locked: %q", locks)
	}
	if log := slapdLog(t, s); strings.Contains(log, " MOD dn=") {
		t.Error("a second write was made to unlock")
	}
}

// TestWithoutUnlockALockStays until it has run out.
func TestWithoutUnlockALockStays(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.Unlock = false
	d := open(t, c)
	before := find(t, d, "bob")
	for _, uid := range []string{"alice", "bob"} {
		lockOut(t, s, uid)
	}
	alice := find(t, d, "alice")
	if !alice.State.Resettable() || alice.MayReset() {
		t.Errorf("state %s, may reset: %t", alice.State, alice.MayReset())
	}
	// bob was read before the lock: it is seen at the write.
	for uid, p := range map[string]*directory.Person{"alice": alice, "bob": before} {
		if err := d.SetPassword(t.Context(), p, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", uid, err)
		}
		if locks := attribute(t, s, uid, "pwdAccountLockedTime"); len(locks) != 1 {
			t.Errorf("%s is unlocked: %q", uid, locks)
		}
	}
	if strings.Contains(slapdLog(t, s), "PASSMOD") {
		t.Error("slapd was asked")
	}
	// pwdLockoutDuration is ten minutes.
	lockForGood(t, s, "alice", "20200101000000Z")
	alice = find(t, d, "alice")
	if !alice.MayReset() {
		t.Error("a lock that has run out still hinders")
	}
	if err := d.SetPassword(t.Context(), alice, second); err != nil {
		t.Error(err)
	}
	wantPassword(t, s, "alice", second)
}

// TestWithoutUnlockALockWithoutEndStays, however old it is: the policy has no
// pwdLockoutDuration.
func TestWithoutUnlockALockWithoutEndStays(t *testing.T) {
	t.Parallel()
	const policy = "cn=forever,ou=policies," + testenv.BaseDN
	s := testenv.NewSlapd(t, testenv.SlapdOptions{
		LDIF: "dn: " + policy + "\nobjectClass: device\nobjectClass: pwdPolicy\ncn: forever\npwdAttribute: userPassword\npwdLockout: TRUE\n" +
			testenv.PersonLDIF("carol", "pwdPolicySubentry: "+policy, "pwdAccountLockedTime: 20200101000000Z"),
	})
	c := configFor(s)
	c.Unlock = false
	if carol := find(t, open(t, c), "carol"); carol.State != directory.Locked || carol.MayReset() {
		t.Errorf("state %s, may reset: %t", carol.State, carol.MayReset())
	}
}

// TestS34_LockedForGoodBetweenReadingAndWriting: a Password Modify would take
// the administrator's lock away.
func TestS34_LockedForGoodBetweenReadingAndWriting(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{ServiceWrites: []string{"pwdAccountLockedTime"}})
	d := open(t, configFor(s))
	people := map[string]*directory.Person{"alice": find(t, d, "alice"), "adminlocked": find(t, d, "adminlocked")}
	lockForGood(t, s, "alice", permanentLock)
	for uid, p := range people {
		if err := d.SetPassword(t.Context(), p, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", uid, err)
		}
		if err := d.Unlock(t.Context(), p); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("unlock %s: %v", uid, err)
		}
		if locks := attribute(t, s, uid, "pwdAccountLockedTime"); len(locks) != 1 || locks[0] != permanentLock {
			t.Errorf("%s: the lock is %q", uid, locks)
		}
	}
	if log := slapdLog(t, s); strings.Contains(log, "PASSMOD") {
		t.Error("slapd was asked")
	}
	disabled := find(t, d, "disabled")
	if err := d.SetPassword(t.Context(), disabled, second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("disabled: %v", err)
	}
	wantPassword(t, s, "disabled", testenv.FirstPassword, second)
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{ServiceWrites: []string{"pwdAccountLockedTime"}})
	d := open(t, configFor(s))
	lockOut(t, s, "alice")
	alice := find(t, d, "alice")
	for range 2 { // the second time there is no lock
		if err := d.Unlock(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
	}
	wantPassword(t, s, "alice", testenv.FirstPassword)
	if failures := attribute(t, s, "alice", "pwdFailureTime"); len(failures) != 0 {
		t.Errorf("failures are left: %q", failures)
	}
	other := *alice
	other.ID = find(t, d, "bob").ID
	if err := d.Unlock(t.Context(), &other); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("a DN with another's id: %v", err)
	}
}

func TestUnlockWithoutTheRight(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	lockOut(t, s, "alice")
	if err := d.Unlock(t.Context(), find(t, d, "alice")); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("got %v", err)
	}
}

// TestUnlockSeesALockThatComesInBetween: just before the change an
// administrator locks for good, and then somebody fails once more.
func TestUnlockSeesALockThatComesInBetween(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{ServiceWrites: []string{"pwdAccountLockedTime"}})
	proxy, c := proxied(t, s)
	d := open(t, c)
	for uid, test := range map[string]struct {
		lock string
		want error
		left int
	}{"alice": {permanentLock, directory.ErrNotAllowed, 1}, "bob": {"20260101000000Z", nil, 0}} {
		lockOut(t, s, uid)
		done := false
		proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op == modifyRequest && !done {
				done = true
				lockForGood(t, s, uid, test.lock)
			}
			return testenv.LDAPAction{}
		})
		if err := d.Unlock(t.Context(), find(t, d, uid)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", uid, err)
		}
		if locks := attribute(t, s, uid, "pwdAccountLockedTime"); len(locks) != test.left {
			t.Errorf("%s: the lock is %q", uid, locks)
		}
	}
}
