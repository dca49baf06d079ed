package directory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// domainConfig is a configuration for Samba in which only what has to be is set.
func domainConfig(s *testenv.Samba) directory.Config {
	c := directory.Defaults()
	// A machine that stands still for a moment is no directory that hangs.
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name = "staff"
	c.Servers = []string{s.LDAPSURL}
	c.CAFile = s.CAFile
	c.BaseDN = testenv.SambaStaffDN
	c.BindDN = s.ServiceDN
	c.BindPassword = setting.NewSecret(s.ServicePassword)
	return c
}

// domainProxy stands in front of Samba and shows a certificate for its own
// address. It returns the authority to trust, too.
func domainProxy(t *testing.T, s *testenv.Samba) (*testenv.LDAPProxy, string) {
	t.Helper()
	shown, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return testenv.NewLDAPProxy(t, s, shown), shown.CAFile
}

// wantDomainPassword asks Samba itself which of the passwords is the person's.
func wantDomainPassword(t *testing.T, s *testenv.Samba, account, right string, wrong ...string) {
	t.Helper()
	if err := s.Bind(t.Context(), testenv.SambaPersonDN(account), right); err != nil {
		t.Errorf("%s cannot bind with the password that should hold: %v", account, err)
	}
	for _, password := range wrong {
		if err := s.Bind(t.Context(), testenv.SambaPersonDN(account), password); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Errorf("%s binds with a password that should not hold: %v", account, err)
		}
	}
}

func TestActiveDirectoryFindsByEachLogin(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t, testenv.SambaOptions{
		LDIF: testenv.SambaPersonLDIF("dora") + "\ndn: " + testenv.SambaPersonDN("dora") + "\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: d.example@mail.example\n",
	})
	d := open(t, domainConfig(s))
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	alice := find(t, d, "alice")
	want := &directory.Person{
		DN: testenv.SambaPersonDN("alice"), Login: "alice", DisplayName: "alice Example", Mail: "alice@corp.example.test", State: directory.Active,
	}
	ignored := []cmp.Option{cmpopts.IgnoreUnexported(directory.Person{}), cmpopts.IgnoreFields(directory.Person{}, "ID", "ChangeStamp")}
	if diff := cmp.Diff(want, alice, ignored...); diff != "" {
		t.Errorf("alice (-want +got):\n%s", diff)
	}
	if alice.ID.Kind != "objectGUID" || len(alice.ID.Bytes) != 16 || alice.ChangeStamp == "" || alice.Server() != s.LDAPSURL {
		t.Errorf("id %s, stamp %q, server %s", alice.ID, alice.ChangeStamp, alice.Server())
	}
	id, err := directory.ParseID(alice.ID.String())
	if err != nil || id != alice.ID {
		t.Errorf("the id came back as %v, %v", id, err)
	}
	if again, err := d.Read(t.Context(), id); err != nil || again.DN != alice.DN {
		t.Errorf("read by id: %+v, %v", again, err)
	}
	for login, want := range map[string]string{
		"ALICE": "alice", `CORP\alice`: "alice", `corp\Alice`: "alice", `corp.example.test\alice`: "alice", "alice@corp.example.test": "alice", "alice@CORP.example.test": "alice",
		"dora": "dora", "d.example@mail.example": "dora", "dora@corp.example.test": "dora", `CORP\d.example@mail.example`: "dora",
		`OTHER\alice`: "", `\alice`: "", `CORP\`: "", `CORP\*`: "", "alice@other.example.test": "", "alice@": "", "@corp.example.test": "", "*": "", "al*": "", "*@corp.example.test": "",
		"alice)(|(objectClass=*": "", `al\69ce`: "", "CN=alice": "", "ssprsvc": "", "dc1$": "", "Staff Admins": "",
	} {
		p, err := d.Find(t.Context(), login)
		switch {
		case want == "" && !errors.Is(err, directory.ErrNotFound):
			t.Errorf("%q finds %v, %v", login, p, err)
		case want != "" && (err != nil || p.Login != want):
			t.Errorf("%q finds %v, %v; want %s", login, p, err, want)
		}
	}
}

func TestActiveDirectoryReset(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t)
	for account, server := range map[string]string{"alice": s.LDAPSURL, "bob": s.URL} {
		c := domainConfig(s)
		c.Servers = []string{server}
		d := open(t, c)
		person := find(t, d, account)
		result, err := d.Reset(t.Context(), person, second)
		if err != nil || result != (directory.Result{}) {
			t.Fatalf("over %s: %+v, %v", server, result, err)
		}
		wantDomainPassword(t, s, account, second, testenv.FirstPassword)
		if err := d.SetPassword(t.Context(), person, "third-Password-3"); !errors.Is(err, directory.ErrChanged) {
			t.Errorf("changed since the reading: %v", err)
		}
	}
}
