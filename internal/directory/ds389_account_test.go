package directory_test

import (
	"errors"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

func attribute389(t *testing.T, s *testenv.DS389, uid, name string) []string {
	t.Helper()
	values, err := s.Attribute(t.Context(), testenv.PersonDN(uid), name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func replace389(t *testing.T, s *testenv.DS389, uid, name string, values ...string) {
	t.Helper()
	if err := s.Replace(t.Context(), testenv.PersonDN(uid), name, values...); err != nil {
		t.Fatal(err)
	}
}

// disabledRole switches off its members, as the tools of old did it.
const disabledRole = `
dn: cn=nsManagedDisabledRole,` + testenv.BaseDN + `
objectClass: ldapSubEntry
objectClass: nsRoleDefinition
objectClass: nsSimpleRoleDefinition
objectClass: nsManagedRoleDefinition

dn: cn=off,` + testenv.BaseDN + `
objectClass: nsContainer

dn: cn="cn=nsManagedDisabledRole,` + testenv.BaseDN + `",cn=off,` + testenv.BaseDN + `
objectClass: extensibleObject
objectClass: cosTemplate
objectClass: ldapSubEntry
cosPriority: 0
nsAccountLock: true

dn: cn=off by role,` + testenv.BaseDN + `
objectClass: ldapSubEntry
objectClass: cosSuperDefinition
objectClass: cosClassicDefinition
cosTemplateDn: cn=off,` + testenv.BaseDN + `
cosSpecifier: nsRole
cosAttribute: nsAccountLock operational
`

func Test389States(t *testing.T) {
	t.Parallel()
	const roleDN = "nsRoleDN: cn=nsManagedDisabledRole," + testenv.BaseDN
	s := start389(t, testenv.DS389Options{LDIF: disabledRole +
		testenv.PersonLDIF("byrole", roleDN) + testenv.PersonLDIF("enabled", "nsAccountLock: false") +
		testenv.PersonLDIF("stale", "accountUnlockTime: 20991231000000Z", "passwordRetryCount: 0") +
		testenv.PersonLDIF("over", "accountUnlockTime: 20200101000000Z", "passwordRetryCount: 3") +
		testenv.PersonLDIF("odd", "nsAccountLock: maybe")})
	d := open(t, configFor389(s))
	ctx := t.Context()
	lock389(t, s, "bob")
	for uid, state := range map[string]directory.State{
		"alice": directory.Active, "enabled": directory.Active, "stale": directory.Active, "over": directory.Active,
		"bob": directory.Locked, "adminlocked": directory.LockedByAdministrator,
		"disabled": directory.Disabled, "byrole": directory.Disabled, "odd": directory.Disabled,
	} {
		p := find(t, d, uid)
		if p.State != state {
			t.Errorf("%s is %s, want %s", uid, p.State, state)
		}
		// The server sees it alike.
		if err := s.Bind(ctx, p.DN, testenv.FirstPassword); (err == nil) != (state == directory.Active) && uid != "odd" {
			t.Errorf("%s is %s, bind: %v", uid, state, err)
		}
		err := d.SetPassword(ctx, p, second)
		if state.Resettable() {
			if err != nil {
				t.Errorf("%s: %v", uid, err)
			}
			want389(t, s, uid, second, testenv.FirstPassword)
		} else if !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("reset of %s: %v", uid, err)
		}
	}
	replace389(t, s, "disabled", "nsAccountLock")
	want389(t, s, "disabled", testenv.FirstPassword, second)
}

func Test389Unlock(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{LDIF: testenv.PersonLDIF("dora")})
	proxy := testenv.NewLDAPProxy(t, s, nil)
	c := configFor389(s)
	c.Servers = []string{proxy.LDAPSURL}
	d := open(t, c)
	ctx := t.Context()
	between := func(do func()) {
		proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op == modifyRequest && do != nil {
				do()
				do = nil
			}
			return testenv.LDAPAction{}
		})
	}
	for _, uid := range []string{"alice", "bob", "dora"} {
		lock389(t, s, uid)
	}
	if err := d.Unlock(ctx, find(t, d, "alice")); err != nil {
		t.Fatal(err)
	}
	want389(t, s, "alice", testenv.FirstPassword)
	if left := attribute389(t, s, "alice", "accountUnlockTime"); len(left) != 0 {
		t.Errorf("still there: %q", left)
	}
	if err := d.Unlock(ctx, find(t, d, "alice")); err != nil {
		t.Errorf("without a lock: %v", err)
	}
	for _, uid := range []string{"disabled", "adminlocked"} {
		if err := d.Unlock(ctx, find(t, d, uid)); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", uid, err)
		}
	}
	if locks := attribute389(t, s, "adminlocked", "accountUnlockTime"); len(locks) != 1 {
		t.Errorf("the lock of an administrator is gone")
	}

	// What an administrator does in between stays.
	bob := find(t, d, "bob")
	between(func() { replace389(t, s, "bob", "accountUnlockTime", "19700101000000Z") })
	if err := d.Unlock(ctx, bob); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("locked for good in between: %v", err)
	}
	if locks, count := attribute389(t, s, "bob", "accountUnlockTime"), attribute389(t, s, "bob", "passwordRetryCount"); len(locks) != 1 || len(count) != 1 || count[0] != "3" {
		t.Errorf("the lock in between is now %q, %q", locks, count)
	}
	dora := find(t, d, "dora")
	between(func() { replace389(t, s, "dora", "nsAccountLock", "true") })
	if err := d.Unlock(ctx, dora); err != nil {
		t.Errorf("switched off in between: %v", err)
	}
	if off := attribute389(t, s, "dora", "nsAccountLock"); len(off) != 1 || off[0] != "true" {
		t.Errorf("nsAccountLock is %q", off)
	}
}

// Test389ALockWithoutUnlock: where a reset may not unlock, a lock stays.
func Test389ALockWithoutUnlock(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{})
	c := configFor389(s)
	d := open(t, c)
	c.Unlock = false
	strict := open(t, c)
	before := find(t, strict, "bob")
	lock389(t, s, "bob")
	if bob := find(t, strict, "bob"); bob.State != directory.Locked || bob.MayReset() {
		t.Errorf("state %s, may reset: %t", bob.State, bob.MayReset())
	}
	if err := strict.SetPassword(t.Context(), before, second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("locked since: %v", err)
	}
	result, err := d.Reset(t.Context(), find(t, d, "bob"), second)
	if err != nil || !result.Unlocked {
		t.Errorf("%+v, %v", result, err)
	}
	want389(t, s, "bob", second, testenv.FirstPassword)
}

// Test389SomebodyElse: the name is given to another between finding and writing.
func Test389SomebodyElse(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{LDIF: testenv.PersonLDIF("dora")})
	d := open(t, configFor389(s))
	ctx := t.Context()
	alice, dora := find(t, d, "alice"), find(t, d, "dora")
	rename := func(from, to string) string {
		return "dn: " + testenv.PersonDN(from) + "\nchangetype: modrdn\nnewrdn: uid=" + to + "\ndeleteoldrdn: 1\n"
	}
	if err := s.Modify(ctx, rename("alice", "renamed")+"\n"+rename("bob", "alice")); err != nil {
		t.Fatal(err)
	}
	if err := d.SetPassword(ctx, alice, second); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("renamed: %v", err)
	}
	want389(t, s, "alice", testenv.FirstPassword, second)
	again, err := d.Read(ctx, alice.ID)
	if err != nil || again.DN != testenv.PersonDN("renamed") {
		t.Fatalf("read by the id: %+v, %v", again, err)
	}
	if err := d.SetPassword(ctx, again, second); err != nil {
		t.Error(err)
	}
	want389(t, s, "renamed", second, testenv.FirstPassword)
	if err := s.Delete(ctx, dora.DN); err != nil {
		t.Fatal(err)
	}
	if err := d.SetPassword(ctx, dora, second); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if _, err := d.Read(ctx, dora.ID); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("read a deleted one: %v", err)
	}
}

func Test389Policy(t *testing.T) {
	t.Parallel()
	// A local policy that says little: the rest is the server's default, not the
	// policy of all.
	const little = "cn=little,cn=nsPwPolicyContainer,ou=people," + testenv.BaseDN
	s := start389(t, testenv.DS389Options{LDIF: policyACI + "\ndn: " + little + "\nchangetype: add\nobjectClass: ldapSubEntry\nobjectClass: passwordPolicy\npasswordCheckSyntax: on\npasswordMinDigits: 2\n" +
		testenv.PersonLDIF("dora", "pwdPolicySubentry: "+little)})
	d := open(t, configFor389(s))
	ctx := t.Context()
	policyOf := func(uid string) directory.PasswordPolicy {
		t.Helper()
		p, err := d.Policy(ctx, find(t, d, uid))
		if err != nil {
			t.Fatal(err)
		}
		return *p
	}
	want := directory.PasswordPolicy{MinLength: 10, History: 3, Classes: 1, LockoutDuration: 10 * time.Minute}
	if got := policyOf("alice"); got != want {
		t.Errorf("of most people: %+v", got)
	}
	want.MinAge, want.ChangeableAt = 24*time.Hour, time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
	if got := policyOf("young"); got != want {
		t.Errorf("of young: %+v", got)
	}
	want = directory.PasswordPolicy{MinLength: 8, Classes: 3, NoNames: true, LockoutDuration: time.Hour, QualityChecked: true}
	if got := policyOf("dora"); got != want {
		t.Errorf("of one that says little: %+v", got)
	}
	// The server holds to it.
	for password, reasons := range map[string][]directory.Reason{
		"Qz-7171": {directory.TooShort}, "qz717171": {directory.NotComplex}, "Qz-zzzz7": {directory.NotComplex},
	} {
		wantRefused(t, d.SetPassword(ctx, find(t, d, "dora"), password), reasons...)
	}
	if err := d.SetPassword(ctx, find(t, d, "dora"), "Qz-zzz71"); err != nil {
		t.Error(err)
	}
	configure389(t, s, "passwordMustChange", "on", "passwordUnlock", "off", "passwordMinCategories", "2", "passwordMinTokenLength", "3",
		"passwordMinUppers", "1", "passwordMinLowers", "1", "passwordMinSpecials", "1", "passwordDictCheck", "on")
	want = directory.PasswordPolicy{MinLength: 10, History: 3, Classes: 3, NoNames: true, Dictionary: true, MustChange: true}
	if got := policyOf("alice"); got != want {
		t.Errorf("of most people: %+v", got)
	}
	configure389(t, s, "passwordCheckSyntax", "off", "passwordHistory", "off")
	if got := policyOf("alice"); got != (directory.PasswordPolicy{MustChange: true}) {
		t.Errorf("without rules on the characters: %+v", got)
	}
	if err := s.Replace(ctx, "cn=config", "aci"); err != nil {
		t.Fatal(err)
	}
	if got := policyOf("alice"); got != (directory.PasswordPolicy{}) {
		t.Errorf("that cannot be read: %+v", got)
	}
	if err := d.Check(ctx); err != nil {
		t.Errorf("it is no fault: %v", err)
	}
}
