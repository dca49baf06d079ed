package directory_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// TestActiveDirectoryBetween: the entry is renamed, moved or deleted after it was
// read, or its name is given to somebody else at the last moment.
func TestActiveDirectoryBetween(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	proxy, authority := domainProxy(t, s)
	c := domainConfig(s)
	c.Servers, c.CAFile = []string{proxy.LDAPSURL}, authority
	d := open(t, c)
	rename := func(from, to, superior string) {
		t.Helper()
		if err := s.Modify(ctx, "dn: CN="+from+","+testenv.SambaStaffDN+"\nchangetype: modrdn\nnewrdn: CN="+to+"\ndeleteoldrdn: 1\nnewsuperior: "+superior+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	alice, bob, carol, nobody := find(t, d, "alice"), find(t, d, "bob"), find(t, d, "overlimit"), find(t, d, "nocontacts")
	rename("alice", "Alicia", testenv.SambaStaffDN)
	rename("bob", "bob", "CN=Users,"+s.BaseDN)
	if err := s.Delete(ctx, carol.DN); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*directory.Person{alice, bob, carol} {
		if err := d.SetPassword(ctx, p, second); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%s: %v", p.Login, err)
		}
	}
	renamed, err := d.Read(ctx, alice.ID)
	if err != nil || renamed.DN != "CN=Alicia,"+testenv.SambaStaffDN {
		t.Errorf("after the rename: %+v, %v", renamed, err)
	}
	for _, p := range []*directory.Person{bob, carol} {
		if p, err := d.Read(ctx, p.ID); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("out of scope: %+v, %v", p, err)
		}
	}
	// The write goes to the person, whatever the name is by then.
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == modifyRequest {
			rename("nocontacts", "somebody", testenv.SambaStaffDN)
			rename("Alicia", "nocontacts", testenv.SambaStaffDN)
		}
		return testenv.LDAPAction{}
	})
	if err := d.SetPassword(ctx, nobody, second); err != nil {
		t.Errorf("renamed at the last moment: %v", err)
	}
	if err := s.Bind(ctx, "nocontacts@corp.example.test", second); err != nil {
		t.Errorf("the person: %v", err)
	}
	if err := s.Bind(ctx, "alice@corp.example.test", testenv.FirstPassword); err != nil {
		t.Errorf("who got the name: %v", err)
	}
}

// TestActiveDirectoryPasswords: what the person types is what lets them in.
func TestActiveDirectoryPasswords(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	d := open(t, domainConfig(s))
	before := testenv.FirstPassword
	const composed, decomposed = "caf\u00e9-Crème-1", "cafe\u0301-Crème-1"
	for _, password := range []string{
		" spaces around Them 1 ", `"quoted "Words" 1"`, `back\slash\2a\00-A1`, composed, decomposed, "\U0001F600-Grin-1234", "пароль-Пароль-1", "<GUID=1>,CN=*)(A1", strings.Repeat("Aa1-", 64),
	} {
		if err := d.SetPassword(ctx, find(t, d, "alice"), password); err != nil {
			t.Errorf("%q: %v", password, err)
			continue
		}
		wantDomainPassword(t, s, "alice", password)
		if err := s.Bind(ctx, testenv.SambaPersonDN("alice"), before); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Errorf("before %q: %v", password, err)
		}
		before = password
	}
	alice := find(t, d, "alice")
	for password, reason := range map[string]directory.Reason{
		"": directory.TooShort, strings.Repeat(" ", 12): directory.NotComplex, "nul-in-\x00-A1": directory.NotComplex, strings.Repeat("x", 64<<10): directory.TooLong,
	} {
		wantRefused(t, d.SetPassword(ctx, alice, password), reason)
	}
	wantDomainPassword(t, s, "alice", before)
}
