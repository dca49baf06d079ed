package blackbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// home is the directory that a stack stands on.
type home struct {
	server, caFile       string
	bindDN, bindPassword string
	// settings are further lines of [[directory]]: where people are.
	settings string
	// protected, notEnabled and admins are groups; bob is in admins, where a test
	// has made it.
	protected, notEnabled, admins string
	// people are all logins, each with the mail login@mailDomain. naming is how
	// their DNs begin, which no log may hold.
	people             []string
	mailDomain, naming string
	// certificates are for servers on 127.0.0.1.
	certificates *testenv.Certificates
	// clients sign people in; the first is the directory's own.
	clients []client
}

// client is software in use that lets in whom the directory lets in.
type client struct {
	name string
	// signIn fails with testenv.ErrInvalidCredentials for a wrong password.
	signIn func(ctx context.Context, login, password string) error
}

func slapdHome(s *testenv.Slapd) *home {
	h := likeSlapd(s.Tools())
	h.server, h.caFile, h.certificates = s.LDAPSURL, s.CAFile, s.Certificates
	h.settings += fmt.Sprintf("default_policy_dn = %q\n", testenv.DefaultPolicyDN)
	return h
}

// home389 is a 389 Directory Server, with the people and groups of slapd.
func home389(s *testenv.DS389) *home {
	h := likeSlapd(testenv.LDAPTools{URL: s.LDAPSURL, CAFile: s.CAFile})
	h.server, h.caFile, h.certificates = s.LDAPSURL, s.CAFile, s.Certificates
	return h
}

func likeSlapd(tools testenv.LDAPTools) *home {
	return &home{
		bindDN: testenv.ServiceDN, bindPassword: testenv.ServicePassword,
		settings:  fmt.Sprintf("base_dn = \"ou=people,%s\"\ngroup_base_dn = \"ou=groups,%[1]s\"\n", testenv.BaseDN),
		protected: testenv.ProtectedGroupDN, notEnabled: testenv.NotEnabledGroupDN, admins: adminsDN,
		people: testenv.People(), mailDomain: "example.test", naming: "uid=",
		clients: []client{whoami(tools, testenv.PersonDN)},
	}
}

// whoami is ldapwhoami, which also tells who was let in.
func whoami(tools testenv.LDAPTools, dn func(login string) string) client {
	return client{"ldapwhoami", func(ctx context.Context, login, password string) error {
		who, err := tools.Whoami(ctx, dn(login), password)
		if err == nil && !strings.Contains(strings.ToLower(who), strings.ToLower(login)) {
			return fmt.Errorf("%s is let in as %q", login, who)
		}
		return err
	}}
}

// web adds a web server that signs people in by their uid.
func (h *home) web(t *testing.T) {
	t.Helper()
	apache := testenv.StartApache(t, testenv.ApacheOptions{
		LDAPSURL: h.server, CAFile: h.caFile, BaseDN: "ou=people," + testenv.BaseDN, Attribute: "uid", BindDN: h.bindDN, BindPassword: h.bindPassword,
	})
	h.clients = append(h.clients, client{"Apache", apache.SignIn})
}

// reading is ldapsearch, which shows who is let in their own entry.
func reading(tools testenv.LDAPTools, dn func(login string) string) client {
	return client{"ldapsearch", func(ctx context.Context, login, password string) error {
		entry, err := tools.Read(ctx, dn(login), password)
		if err == nil && !strings.Contains(strings.ToLower(entry), strings.ToLower("sAMAccountName: "+login+"\n")) {
			return fmt.Errorf("%s is let in and shown %q", login, entry)
		}
		return err
	}}
}

// The groups that the tests make in a domain, beside those that it has.
const (
	domainKeptDN   = "CN=Vault," + testenv.SambaStaffDN
	domainAdminsDN = "CN=Desk," + testenv.SambaStaffDN
)

// domainGroups are the groups that a homeSamba needs, and one more person.
var domainGroups = testenv.SambaPersonLDIF("kept") + domainGroup(domainKeptDN, "Vault", "kept") + domainGroup(domainAdminsDN, "Desk", "bob")

func domainGroup(dn, name, member string) string {
	return fmt.Sprintf("\ndn: %s\nchangetype: add\nobjectClass: group\nsAMAccountName: %s\nmember: %s\n", dn, name, testenv.SambaPersonDN(member))
}

// homeSamba is a domain with domainGroups.
func homeSamba(t *testing.T, s *testenv.Samba) *home {
	t.Helper()
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &home{
		server: s.LDAPSURL, caFile: s.CAFile, bindDN: s.ServiceDN, bindPassword: s.ServicePassword,
		settings:  fmt.Sprintf("base_dn = %q\n", testenv.SambaStaffDN),
		protected: domainKeptDN, notEnabled: testenv.SambaNotEnabledDN, admins: domainAdminsDN,
		people: append(testenv.SambaPeople(), "kept"), mailDomain: strings.ToLower(testenv.SambaRealm), naming: "CN=",
		certificates: certificates,
		clients:      []client{reading(testenv.LDAPTools{URL: s.LDAPSURL, CAFile: s.CAFile}, testenv.SambaPersonDN)},
	}
}

// signsIn checks with each client which of two passwords lets a person in.
func (s *stack) signsIn(login, with, not string) {
	s.t.Helper()
	for _, c := range s.home.clients {
		if err := c.signIn(s.t.Context(), login, with); err != nil {
			s.t.Errorf("%s: %s cannot sign in with %q: %v", c.name, login, with, err)
		}
		if err := c.signIn(s.t.Context(), login, not); !errors.Is(err, testenv.ErrInvalidCredentials) {
			s.t.Errorf("%s: %s can sign in with %q: %v", c.name, login, not, err)
		}
	}
}
