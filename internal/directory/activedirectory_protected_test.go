package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// everyone is a configuration for the whole domain.
func everyone(s *testenv.Samba) directory.Config {
	c := domainConfig(s)
	c.BaseDN = s.BaseDN
	c.UserFilter = "(sAMAccountName={login})"
	return c
}

// TestS33_ProtectedAccountsOfADomain: by group, through groups, by the primary
// group, by adminCount, by number and by kind.
func TestS33_ProtectedAccountsOfADomain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	primary := testenv.SambaPersonDN("primary")
	s := testenv.StartSamba(t, testenv.SambaOptions{LDIF: testenv.SambaPersonLDIF("counted", "adminCount: 1") + testenv.SambaPersonLDIF("primary") +
		testenv.SambaPersonLDIF("operator") +
		"\ndn: " + testenv.SambaDomainAdminsDN + "\nchangetype: modify\nadd: member\nmember: " + primary + "\n" +
		"\ndn: " + primary + "\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: 512\n" +
		"\ndn: CN=Account Operators,CN=Builtin," + testenv.SambaBaseDN + "\nchangetype: modify\nadd: member\nmember: " + testenv.SambaPersonDN("operator") + "\n" +
		"\ndn: CN=gmsa,CN=Managed Service Accounts," + testenv.SambaBaseDN + "\nchangetype: add\nobjectClass: computer\nsAMAccountName: gmsa$\nuserAccountControl: 4096\n"})
	d := open(t, everyone(s))
	for login, why := range map[string]string{
		"domainadmin": "in the group S-1-5-21-", "nestedadmin": "in the group S-1-5-21-", "primary": "in the group S-1-5-21-", "operator": "in the group S-1-5-32-548",
		"counted": "adminCount", "Administrator": "built-in", "Guest": "built-in", "krbtgt": "built-in", "dc1$": "not an account of a person", "gmsa$": "not an account of a person",
		"Staff Admins": "not an account of a person",
	} {
		p := find(t, d, login)
		if !strings.Contains(p.Privileged, why) {
			t.Errorf("%s is privileged: %q, want %q", login, p.Privileged, why)
		}
		if err := d.SetPassword(ctx, p, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("reset of %s: %v", login, err)
		}
		if err := d.Unlock(ctx, p); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("unlock of %s: %v", login, err)
		}
	}
	for _, account := range []string{"domainadmin", "nestedadmin", "counted", "primary", "operator"} {
		wantDomainPassword(t, s, account, testenv.FirstPassword, second)
	}
	if p := find(t, d, "alice"); p.Privileged != "" {
		t.Errorf("alice is privileged: %q", p.Privileged)
	}
	service := find(t, d, "ssprsvc")
	if err := d.SetPassword(ctx, service, second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("reset of the service account: %v", err)
	}
}

// TestS33_PutIntoAProtectedGroupBetweenReadingAndWriting: directly, and a group
// that the person was in all the time.
func TestS33_PutIntoAProtectedGroupBetweenReadingAndWriting(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	d := open(t, domainConfig(s))
	alice, notenabled := find(t, d, "alice"), find(t, d, "notenabled")
	if alice.Privileged+notenabled.Privileged != "" {
		t.Fatalf("privileged before: %q, %q", alice.Privileged, notenabled.Privileged)
	}
	for _, member := range []string{alice.DN, testenv.SambaNotEnabledDN} {
		if err := s.Modify(ctx, "dn: "+testenv.SambaDomainAdminsDN+"\nchangetype: modify\nadd: member\nmember: "+member+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []*directory.Person{alice, notenabled} {
		if err := d.SetPassword(ctx, p, second); !errors.Is(err, directory.ErrNotAllowed) || !strings.Contains(err.Error(), "in the group S-1-5-21-") {
			t.Errorf("reset of %s: %v", p.Login, err)
		}
		wantDomainPassword(t, s, p.Login, testenv.FirstPassword, second)
	}
}

// TestS33_UnreadableGroupsProtect: the answer without tokenGroups, and an error
// in its place.
func TestS33_UnreadableGroupsProtect(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	proxy, authority := domainProxy(t, s)
	c := domainConfig(s)
	c.Servers, c.CAFile = []string{proxy.LDAPSURL}, authority
	d := open(t, c)
	alice := find(t, d, "alice")
	const searchRequest, searchEntry, insufficientAccess = 3, 4, 50
	for name, hide := range map[string]func(){
		"no value": func() {
			proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
				// The name of the attribute stays as long as it was.
				return testenv.LDAPAction{Replace: replaced(m, searchEntry, "tokenGroups", "tokenGroupz")}
			})
		},
		"refused": func() {
			proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
				if m.Op == searchRequest && strings.Contains(string(m.Bytes), "tokenGroups") {
					return testenv.LDAPAction{Answer: m.Result(testenv.LDAPSearchDone, insufficientAccess, "no")}
				}
				return testenv.LDAPAction{}
			})
		},
	} {
		hide()
		if p := find(t, d, "alice"); p.Privileged != "its groups cannot be read" {
			t.Errorf("%s: privileged %q", name, p.Privileged)
		}
		if err := d.SetPassword(ctx, alice, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
		if groups, err := d.Groups(ctx, alice); err == nil {
			t.Errorf("%s: in the groups %q", name, groups)
		}
		proxy.OnRequest(nil)
		proxy.OnResponse(nil)
	}
	wantDomainPassword(t, s, "alice", testenv.FirstPassword, second)
}

// replaced is a message with another text of the same length; nil, which passes
// a message on, for all other messages.
func replaced(m testenv.LDAPMessage, op int, from, to string) []byte {
	if m.Op != op || !strings.Contains(string(m.Bytes), from) {
		return nil
	}
	return []byte(strings.ReplaceAll(string(m.Bytes), from, to))
}

func TestActiveDirectoryGroups(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	d := open(t, domainConfig(s))
	for login, want := range map[string][]string{
		"alice":       {"CN=Domain Users,CN=Users," + s.BaseDN},
		"notenabled":  {testenv.SambaNotEnabledDN},
		"nestedadmin": {testenv.SambaStaffAdminsDN, testenv.SambaDomainAdminsDN, "CN=Administrators,CN=Builtin," + s.BaseDN},
	} {
		groups, err := d.Groups(ctx, find(t, d, login))
		if err != nil {
			t.Fatalf("%s: %v", login, err)
		}
		for _, dn := range want {
			if !slices.Contains(groups, directory.NormalDN(dn)) {
				t.Errorf("%s is in %q, and not in %s", login, groups, dn)
			}
		}
		if login == "alice" && slices.Contains(groups, directory.NormalDN(testenv.SambaDomainAdminsDN)) {
			t.Errorf("alice is in %q", groups)
		}
	}
}
