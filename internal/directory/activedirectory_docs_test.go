package directory_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// TestS35_RightsOfTheActiveDirectoryPage runs what the operator's page says for
// Samba, from nothing to an account that does its work and nothing else.
func TestS35_RightsOfTheActiveDirectoryPage(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	page, err := os.ReadFile("../../docs/directories/active-directory.md")
	if err != nil {
		t.Fatal(err)
	}
	s := testenv.StartSamba(t)
	ours := strings.NewReplacer("DC=corp,DC=example,DC=org", s.BaseDN)
	commands := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(commands) != 3 {
		t.Fatalf("the page has %d blocks of commands", len(commands))
	}
	for _, block := range commands {
		if output, err := s.Shell(ctx, ours.Replace(block[1])); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
	}
	c := domainConfig(s)
	c.BindDN, c.BindPassword, c.MustChange = "CN=latchkey,OU=Service Accounts,"+s.BaseDN, setting.NewSecret("Change-this-Passw0rd"), true
	d := open(t, c)
	if err := d.Check(ctx); err != nil {
		t.Fatal(err)
	}
	lockDomainAccount(t, s, "alice")
	if result, err := d.Reset(ctx, find(t, d, "alice"), second); err != nil || !result.Unlocked || result.Incomplete != nil {
		t.Errorf("%+v, %v", result, err)
	}
	if err := d.Change(ctx, find(t, d, "alice"), second, "third-Password-3"); err != nil {
		t.Error(err)
	}
	wantDomainPassword(t, s, "alice", "third-Password-3", second)
	lockDomainAccount(t, s, "bob")
	if err := d.Unlock(ctx, find(t, d, "bob")); err != nil {
		t.Error(err)
	}
	policy, err := d.Policy(ctx, find(t, d, "carol"))
	if want := (directory.PasswordPolicy{MinLength: 16, History: 5, Classes: 3, NoNames: true, LockoutDuration: 10 * time.Minute, MustChange: true}); err != nil || *policy != want {
		t.Errorf("the policy of carol: %+v, %v", policy, err)
	}
	wantRefused(t, d.SetPassword(ctx, find(t, d, "carol"), "fifteen-A1xxxxx"), directory.TooShort)

	service, err := s.Dial(ctx, c.BindDN, c.BindPassword.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	for _, attribute := range []string{"displayName", "mail", "userAccountControl", "adminCount", "memberOf"} {
		if err := service.Replace(testenv.SambaPersonDN("alice"), attribute, "512"); err == nil {
			t.Errorf("it may write %s", attribute)
		}
	}
	for _, dn := range []string{"CN=Administrator,CN=Users," + s.BaseDN, s.ServiceDN, testenv.SambaStaffAdminsDN} {
		if err := service.SetUnicodePassword(dn, "Another-secret-2027"); err == nil {
			t.Errorf("it may reset %s", dn)
		}
	}
	if err := service.SetUnicodePassword(testenv.SambaPersonDN("bob"), "weak"); !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
		t.Errorf("a weak password: %v", err)
	}
	if err := d.SetPassword(ctx, find(t, d, "domainadmin"), second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("domainadmin: %v", err)
	}
}
