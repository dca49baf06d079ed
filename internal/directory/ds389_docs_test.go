package directory_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// shellBlocks returns the shell lines of a page, in their order.
func shellBlocks(t *testing.T, path string) []string {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range regexp.MustCompile("(?ms)^( *)```sh\n(.*?)^ *```$").FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, strings.ReplaceAll("\n"+found[2], "\n"+found[1], "\n"))
	}
	return blocks
}

// bare389 is a server without a service account and rules for it.
func bare389(t *testing.T) *testenv.DS389 {
	t.Helper()
	s := testenv.Start389(t)
	ctx := t.Context()
	for _, dn := range []string{"ou=people," + s.BaseDN, s.BaseDN, "cn=config"} {
		if err := s.Replace(ctx, dn, "aci"); err != nil {
			t.Fatal(err)
		}
	}
	for _, dn := range []string{s.ServiceDN, "ou=services," + s.BaseDN} {
		if err := s.Delete(ctx, dn); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// runPage runs the commands of a page and returns the folder where they ran.
func runPage(t *testing.T, s *testenv.DS389, page string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dm.pwd"), []byte(s.AdminPassword()), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := shellBlocks(t, page)
	if len(blocks) < 7 {
		t.Fatalf("the page has %d blocks", len(blocks))
	}
	for _, block := range blocks {
		block = strings.NewReplacer("ldaps://ds.example.org", s.LDAPSURL, "dc=example,dc=org", s.BaseDN, "uid=jane", "uid=adminlocked").Replace(block)
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", block)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+s.CAFile)
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, output, block)
		}
	}
	return dir
}

// Test389Page goes from nothing to a working service account by the page alone.
func Test389Page(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "dsconf", "openssl", "ldapmodify")
	s := bare389(t)
	dir := runPage(t, s, "../../docs/directories/389ds.md")
	ctx := t.Context()
	password, err := os.ReadFile(filepath.Join(dir, "bind_password"))
	if err != nil {
		t.Fatal(err)
	}
	c := configFor389(s)
	c.BaseDN, c.GroupBaseDN = "ou=people,"+s.BaseDN, "ou=groups,"+s.BaseDN
	c.BindPassword = secret(string(password))
	d, heard := openLogged(t, c)
	if err := d.Check(ctx); err != nil || strings.Count(heard.String(), "level=") != strings.Count(heard.String(), "the certificate of the directory") {
		t.Fatalf("%v; the log is\n%s", err, heard)
	}

	// The policy of the subtree holds, is shown, and explains what it refuses.
	alice := find(t, d, "alice")
	policy, err := d.Policy(ctx, alice)
	if err != nil || policy.MinLength != 12 || policy.Classes != 2 || !policy.NoNames || policy.History != 4 {
		t.Errorf("policy: %+v, %v", policy, err)
	}
	wantRefused(t, d.SetPassword(ctx, alice, "Qz-7171-939"), directory.TooShort)
	wantRefused(t, d.SetPassword(ctx, alice, "Qz-Example-7171"), directory.NotComplex)
	if err := d.SetPassword(ctx, alice, second); err != nil {
		t.Fatal(err)
	}
	want389(t, s, "alice", second, testenv.FirstPassword)
	if again := find(t, d, "alice"); again.ChangeStamp == "" {
		t.Error("no change stamp")
	}
	if err := d.Change(ctx, find(t, d, "alice"), second, third); err != nil {
		t.Error(err)
	}
	want389(t, s, "alice", third, second)
	if groups, err := d.Groups(ctx, find(t, d, "protected")); err != nil || len(groups) != 1 {
		t.Errorf("groups: %q, %v", groups, err)
	}
	lock389(t, s, "bob")
	if err := d.Unlock(ctx, find(t, d, "bob")); err != nil {
		t.Error(err)
	}
	want389(t, s, "bob", testenv.FirstPassword)
	if p := find(t, d, "adminlocked"); p.State != directory.Active {
		t.Errorf("unlocked by the administrator, the person is %s", p.State)
	}
	if p := find(t, d, "disabled"); p.State != directory.Disabled {
		t.Errorf("switched off, the person is %s", p.State)
	}
	wantLittle(t, s, string(password))
}

// wantLittle looks at what the service account may besides.
func wantLittle(t *testing.T, s *testenv.DS389, password string) {
	t.Helper()
	service, err := s.Dial(t.Context(), s.ServiceDN, password)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	alice := testenv.PersonDN("alice")
	for attribute, value := range map[string]string{
		"displayName": "x", "mail": "x@example.test", "nsAccountLock": "false", "pwdReset": "FALSE", "passwordExpirationTime": "20990101000000Z", "passwordAllowChangeTime": "20200101000000Z",
	} {
		if err := service.Replace(alice, attribute, value); !ldap.IsErrorAnyOf(err, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultUnwillingToPerform) {
			t.Errorf("write of %s: %v", attribute, err)
		}
	}
	for _, hidden := range []struct{ dn, attribute string }{
		{alice, "userPassword"}, {alice, "passwordHistory"}, {"cn=config", "nsslapd-rootpw"}, {"cn=config", "nsslapd-port"}, {"cn=encryption,cn=config", "objectClass"},
	} {
		if values, err := s.Attribute(t.Context(), hidden.dn, hidden.attribute); err != nil || len(values) == 0 {
			t.Errorf("there is no %s to hide: %v", hidden.attribute, err)
		}
		if seen := reads389(t, s, password, hidden.dn, hidden.attribute); len(seen) != 0 {
			t.Errorf("it reads %s of %s", hidden.attribute, hidden.dn)
		}
	}
	if seen := reads389(t, s, password, "cn=config", "passwordMinLength"); len(seen) != 1 {
		t.Error("it does not read the policy")
	}
}

// reads389 returns what the service account sees of an attribute.
func reads389(t *testing.T, s *testenv.DS389, password, dn, attribute string) []string {
	t.Helper()
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(authority)
	l, err := ldap.DialURL(s.LDAPSURL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Bind(s.ServiceDN, password); err != nil {
		t.Fatal(err)
	}
	found, err := l.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{attribute}, nil))
	if err != nil && !ldap.IsErrorAnyOf(err, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultNoSuchObject) {
		t.Fatal(err)
	}
	var values []string
	for _, entry := range found.Entries {
		values = append(values, entry.GetEqualFoldAttributeValues(attribute)...)
	}
	return values
}
