package directory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

const third = "third-Password-3"

// openLogged opens a directory whose log the test reads.
func openLogged(t *testing.T, c directory.Config) (*directory.Directory, *logs) {
	t.Helper()
	l := &logs{}
	d, err := directory.Open(c, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, l
}

func Test389Change(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{LDIF: policyACI})
	d := open(t, configFor389(s))
	ctx := t.Context()
	alice := find(t, d, "alice")
	if err := d.Change(ctx, alice, "not-her-Password-0", second); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	want389(t, s, "alice", testenv.FirstPassword, second)
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, "short-1"), directory.TooShort)
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, testenv.FirstPassword), directory.Unchanged)
	if err := d.Change(ctx, alice, testenv.FirstPassword, second); err != nil {
		t.Fatal(err)
	}
	want389(t, s, "alice", second, testenv.FirstPassword)
	wantRefused(t, d.Change(ctx, find(t, d, "alice"), second, testenv.FirstPassword), directory.InHistory)
	wantRefused(t, d.Change(ctx, find(t, d, "young"), testenv.FirstPassword, second), directory.TooYoung)
	lock389(t, s, "bob")
	for _, uid := range []string{"bob", "disabled", "adminlocked"} {
		if err := d.Change(ctx, find(t, d, uid), testenv.FirstPassword, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", uid, err)
		}
	}
}

// Test389MustChange: the server itself demands another password after a reset
// where its policy says so, whatever must_change says.
func Test389MustChange(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{LDIF: policyACI, MustChange: true})
	c := configFor389(s)
	silent, heard := openLogged(t, c)
	c.MustChange = true
	d := open(t, c)
	ctx := t.Context()
	if result, err := d.Reset(ctx, find(t, d, "alice"), second); err != nil || result != (directory.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if flag := attribute389(t, s, "alice", "pwdReset"); len(flag) != 1 || flag[0] != "TRUE" {
		t.Errorf("the flag is %q", flag)
	}
	if err := d.Change(ctx, find(t, d, "alice"), "not-her-Password-0", third); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := d.Change(ctx, find(t, d, "alice"), second, third); err != nil {
		t.Fatal(err)
	}
	want389(t, s, "alice", third, second)
	if flag := attribute389(t, s, "alice", "pwdReset"); len(flag) != 1 || flag[0] != "FALSE" {
		t.Errorf("after the change the flag is %q", flag)
	}
	// A write whose answer was lost is settled by the same bind.
	bob := find(t, d, "bob")
	if err := d.SetPassword(ctx, bob, second); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Settle(ctx, attempt(bob), second); got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}

	if err := silent.Check(ctx); err != nil || !strings.Contains(heard.String(), "passwordMustChange on") {
		t.Errorf("%v; the log is\n%s", err, heard)
	}
	result, err := silent.Reset(ctx, find(t, silent, "protected"), second)
	if err != nil || !result.ChangeDemanded {
		t.Errorf("%+v, %v", result, err)
	}
	if !strings.Contains(heard.String(), "level=ERROR") || !strings.Contains(heard.String(), "passwordMustChange") {
		t.Errorf("the log is\n%s", heard)
	}

	// Without that policy there is no way to demand it.
	configure389(t, s, "passwordMustChange", "off", "passwordTrackUpdateTime", "off")
	d, heard = openLogged(t, c)
	if err := d.Check(ctx); err != nil || !strings.Contains(heard.String(), "must_change has no effect") || !strings.Contains(heard.String(), "config replace passwordTrackUpdateTime=on") {
		t.Errorf("%v; the log is\n%s", err, heard)
	}
	result, err = d.Reset(ctx, find(t, d, "nocontacts"), second)
	if err != nil || result.Incomplete == nil || result.Incomplete.Operation != directory.MustChange || !errors.Is(result.Incomplete, directory.ErrNotAllowed) {
		t.Errorf("%+v, %v", result, err)
	}
	want389(t, s, "nocontacts", second, testenv.FirstPassword)
}

// ownPolicy keeps the service account from the policy of most people.
const ownPolicy = `
dn: cn=nsPwPolicyContainer,ou=services,` + testenv.BaseDN + `
changetype: add
objectClass: nsContainer

dn: cn=services,cn=nsPwPolicyContainer,ou=services,` + testenv.BaseDN + `
changetype: add
objectClass: ldapSubEntry
objectClass: passwordPolicy

dn: ` + testenv.ServiceDN + `
changetype: modify
replace: pwdPolicySubentry
pwdPolicySubentry: cn=services,cn=nsPwPolicyContainer,ou=services,` + testenv.BaseDN + `
`

// Test389Expired: an expired password lets nobody in, unless there are graces
// left; either way it can be changed.
func Test389Expired(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{LDIF: policyACI + ownPolicy})
	// The server counts a right password that has expired as a wrong one.
	configure389(t, s, "passwordMaxFailure", "20", "passwordExp", "on", "passwordMaxAge", "1", "passwordWarning", "0")
	d := open(t, configFor389(s))
	ctx := t.Context()
	alice := testenv.PersonDN("alice")
	expire := func(password string) {
		t.Helper()
		if err := d.SetPassword(ctx, find(t, d, "alice"), password); err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(30 * time.Second); s.Bind(ctx, alice, password) == nil; {
			if time.Now().After(until) {
				t.Fatal("the password does not expire")
			}
		}
	}
	expire(second)
	if p := find(t, d, "alice"); p.State != directory.Active {
		t.Errorf("the account is %s", p.State)
	}
	if err := d.Change(ctx, find(t, d, "alice"), "not-her-Password-0", third); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	wantRefused(t, d.Change(ctx, find(t, d, "alice"), second, testenv.FirstPassword), directory.InHistory)
	configure389(t, s, "passwordMaxAge", "8640000")
	if err := d.Change(ctx, find(t, d, "alice"), second, third); err != nil {
		t.Fatal(err)
	}
	want389(t, s, "alice", third, second)

	configure389(t, s, "passwordMaxAge", "1")
	expire("fourth-Password-4")
	configure389(t, s, "passwordGraceLimit", "3", "passwordMaxAge", "8640000")
	if err := d.Change(ctx, find(t, d, "alice"), "fourth-Password-4", "fifth-Password-5"); err != nil {
		t.Fatal(err)
	}
	want389(t, s, "alice", "fifth-Password-5", "fourth-Password-4")
}

// Test389TheServiceAccountMustChange: under passwordMustChange whoever gets the
// password from an administrator may do nothing but change it.
func Test389TheServiceAccountMustChange(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{MustChange: true})
	ctx := t.Context()
	if err := s.Replace(ctx, s.ServiceDN, "userPassword", "from-an-Administrator-1"); err != nil {
		t.Fatal(err)
	}
	// The server answers a Modify before it writes what belongs to the password.
	eventually(t, "the flag is written", func() bool {
		flag, err := s.Attribute(ctx, s.ServiceDN, "passwordExpirationTime")
		return err == nil && len(flag) == 1
	})
	c := configFor389(s)
	c.BindPassword = secret("from-an-Administrator-1")
	if err := open(t, c).Check(ctx); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "must change its own password first") {
		t.Errorf("check: %v", err)
	}
	service, err := s.Dial(ctx, s.ServiceDN, "from-an-Administrator-1")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if err := service.SetPassword(s.ServiceDN, "of-its-Own-2"); err != nil {
		t.Fatal(err)
	}
	c.BindPassword = secret("of-its-Own-2")
	d := open(t, c)
	if err := d.Check(ctx); err != nil {
		t.Error(err)
	}
	if err := d.SetPassword(ctx, find(t, d, "bob"), second); err != nil {
		t.Error(err)
	}
}

// Test389Plain: in clear the server refuses by itself; Latchkey uses StartTLS.
func Test389Plain(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{})
	plain, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.Bind(s.ServiceDN, s.ServicePassword); err != nil {
		t.Fatal(err)
	}
	if _, err := plain.PasswordModify(ldap.NewPasswordModifyRequest(testenv.PersonDN("alice"), "", second)); !ldap.IsErrorWithCode(err, ldap.LDAPResultConfidentialityRequired) {
		t.Errorf("in clear: %v", err)
	}
	want389(t, s, "alice", testenv.FirstPassword, second)
	c := configFor389(s)
	c.Servers = []string{s.URL}
	d := open(t, c)
	if err := d.SetPassword(t.Context(), find(t, d, "alice"), second); err != nil {
		t.Error(err)
	}
	want389(t, s, "alice", second, testenv.FirstPassword)
}

// Test389WithoutTheRight: the service account may not write this entry.
func Test389WithoutTheRight(t *testing.T) {
	t.Parallel()
	const elsewhere = "uid=dora,ou=elsewhere," + testenv.BaseDN
	s := start389(t, testenv.DS389Options{LDIF: "\ndn: ou=elsewhere," + testenv.BaseDN + "\nobjectClass: organizationalUnit\n" +
		strings.ReplaceAll(testenv.PersonLDIF("dora"), testenv.PersonDN("dora"), elsewhere)})
	d := open(t, configFor389(s))
	dora := find(t, d, "dora")
	if err := d.SetPassword(t.Context(), dora, second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("reset: %v", err)
	}
	if err := s.Bind(t.Context(), elsewhere, testenv.FirstPassword); err != nil {
		t.Error(err)
	}
	for range 3 {
		_ = s.Bind(t.Context(), elsewhere, "wrong")
	}
	if err := d.Unlock(t.Context(), find(t, d, "dora")); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("unlock: %v", err)
	}
}

// Test389PasswordAdministrator: the policy is waived for what such an account
// writes with a Modify, not for a Password Modify.
func Test389PasswordAdministrator(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{LDIF: policyACI})
	configure389(t, s, "passwordAdminDN", s.ServiceDN)
	d := open(t, configFor389(s))
	wantRefused(t, d.SetPassword(t.Context(), find(t, d, "alice"), "short-1"), directory.TooShort)
	service, err := s.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if err := service.Replace(testenv.PersonDN("alice"), "userPassword", "short-1"); err != nil {
		t.Errorf("a Modify is judged all the same: %v", err)
	}
}
