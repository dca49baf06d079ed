package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// policyACI lets the service account read the whole policy of most people.
const policyACI = `dn: cn=config
changetype: modify
add: aci
aci: (targetattr="objectClass || cn || password*")(targetfilter="(objectClass=nsslapdConfig)")(version 3.0; acl "latchkey reads all of the policy"; allow (read, search, compare) userdn="ldap:///` + testenv.ServiceDN + `";)
`

// start389 starts a server that records when passwords were changed.
func start389(t *testing.T, options testenv.DS389Options) *testenv.DS389 {
	t.Helper()
	s := testenv.Start389(t, options)
	configure389(t, s, "passwordTrackUpdateTime", "on")
	return s
}

func configure389(t *testing.T, s *testenv.DS389, settings ...string) {
	t.Helper()
	for i := 0; i < len(settings); i += 2 {
		if err := s.Configure(t.Context(), settings[i], settings[i+1]); err != nil {
			t.Fatal(err)
		}
	}
}

func configFor389(s *testenv.DS389) directory.Config {
	c := directory.Defaults()
	// A machine that stands still for a moment is no directory that hangs.
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name = "staff"
	c.Servers = []string{s.LDAPSURL}
	c.CAFile = s.CAFile
	c.BaseDN = s.BaseDN
	c.BindDN = s.ServiceDN
	c.BindPassword = setting.NewSecret(s.ServicePassword)
	return c
}

// want389 asks the server itself which of the passwords is the person's.
func want389(t *testing.T, s *testenv.DS389, uid, right string, wrong ...string) {
	t.Helper()
	if err := s.Bind(t.Context(), testenv.PersonDN(uid), right); err != nil {
		t.Errorf("%s cannot bind with the password that should hold: %v", uid, err)
	}
	for _, password := range wrong {
		if err := s.Bind(t.Context(), testenv.PersonDN(uid), password); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Errorf("%s binds with a password that should not hold: %v", uid, err)
		}
	}
}

func lock389(t *testing.T, s *testenv.DS389, uid string) {
	t.Helper()
	for range 3 {
		if err := s.Bind(t.Context(), testenv.PersonDN(uid), "wrong"); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Fatalf("a wrong password: %v", err)
		}
	}
}

func Test389FindAndReset(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{})
	ctx := t.Context()
	part, heard := openLogged(t, configFor389(s))
	if err := part.Check(ctx); err != nil || !strings.Contains(heard.String(), "a part of the password policy only") || strings.Contains(heard.String(), "record") {
		t.Errorf("%v; the log is\n%s", err, heard)
	}
	d := open(t, configFor389(s))
	alice := find(t, d, "alice")
	if alice.ID.Kind != "nsUniqueId" || alice.DN != testenv.PersonDN("alice") || alice.State != directory.Active {
		t.Errorf("found %+v", alice)
	}
	again, err := d.Read(ctx, alice.ID)
	if err != nil || again.DN != alice.DN {
		t.Errorf("read by the id: %+v, %v", again, err)
	}
	if _, err := d.Find(ctx, "nobody"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	result, err := d.Reset(ctx, alice, second)
	if err != nil || result != (directory.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
	want389(t, s, "alice", second, testenv.FirstPassword)
	after := find(t, d, "alice")
	if after.ChangeStamp == "" || after.ChangeStamp == alice.ChangeStamp {
		t.Errorf("the change stamp did not move: %q, %q", alice.ChangeStamp, after.ChangeStamp)
	}
	if err := d.SetPassword(ctx, alice, "third-Password-3"); !errors.Is(err, directory.ErrChanged) {
		t.Errorf("a person who was read before the change: %v", err)
	}
	want389(t, s, "alice", second, "third-Password-3")
}

func Test389Refusals(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{LDIF: policyACI})
	configure389(t, s, "passwordMinTokenLength", "3", "passwordMinCategories", "3")
	d := open(t, configFor389(s))
	ctx := t.Context()
	if err := d.SetPassword(ctx, find(t, d, "bob"), "Qz-7171-9393"); err != nil {
		t.Fatal(err)
	}
	for password, reasons := range map[string][]directory.Reason{
		"Qz-7171":          {directory.TooShort},
		"qqzzqqzzqqzz":     {directory.NotComplex},
		"qqzz":             {directory.TooShort, directory.NotComplex},
		"Qz-Example-71":    {directory.NotComplex}, // the surname
		"Qz-7171-bob-93":   {directory.NotComplex}, // the login
		"Qz-7171-9393":     {directory.DirectoryRefused},
		"{SSHA}qqzz717193": {directory.NotComplex}, // taken for a hash
	} {
		wantRefused(t, d.SetPassword(ctx, find(t, d, "bob"), password), reasons...)
		want389(t, s, "bob", "Qz-7171-9393")
	}
	if err := d.SetPassword(ctx, find(t, d, "bob"), "Qz-8282-9393"); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, d.SetPassword(ctx, find(t, d, "bob"), "Qz-7171-9393"), directory.InHistory)
	wantRefused(t, d.SetPassword(ctx, find(t, d, "young"), "Qz-7171-9393"), directory.TooYoung)
	want389(t, s, "young", testenv.FirstPassword)
	want389(t, s, "bob", "Qz-8282-9393", "Qz-7171-9393")
}

// Test389Passwords: what was typed is what lets in, to the last byte.
func Test389Passwords(t *testing.T) {
	t.Parallel()
	var people strings.Builder
	passwords := []string{
		"  two  blanks  around  ", `"quotes" and 'others'`, `back\slash\\es\2c`, "Zoe\u0301-decomposed", "Zo\u00e9-composed-1",
		"emoji-\U0001F511\U0001F469\u200d\U0001F469", strings.Repeat("x1", 128), "(*)&|!=<>~,;+#", "{not a hash} 1",
	}
	for i := range passwords {
		people.WriteString(testenv.PersonLDIF(fmt.Sprintf("p%d", i)))
	}
	s := start389(t, testenv.DS389Options{LDIF: people.String()})
	d := open(t, configFor389(s))
	for i, password := range passwords {
		uid := fmt.Sprintf("p%d", i)
		if err := d.SetPassword(t.Context(), find(t, d, uid), password); err != nil {
			t.Errorf("%q: %v", password, err)
			continue
		}
		want389(t, s, uid, password, testenv.FirstPassword)
	}
	want389(t, s, "p3", passwords[3], passwords[4])
	wantRefused(t, d.SetPassword(t.Context(), find(t, d, "alice"), strings.Repeat("x", 64<<10)), directory.TooLong)
}
