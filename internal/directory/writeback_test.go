package directory_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

const contactsDN = "cn=contacts,ou=services," + testenv.BaseDN

// contactsAccount may write far more than it is configured to.
func contactsAccount(attributes ...string) (directory.WriteBackAccount, testenv.SlapdOptions) {
	return directory.WriteBackAccount{BindDN: contactsDN, BindPassword: setting.NewSecret(second), Attributes: attributes}, testenv.SlapdOptions{
		LDIF:        "\ndn: " + contactsDN + "\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: contacts\nuserPassword: " + second + "\n",
		FirstAccess: "to dn.subtree=\"ou=people," + testenv.BaseDN + "\" by dn.exact=\"" + contactsDN + "\" write by * break",
		AuditLog:    true,
	}
}

func openWriteBack(t *testing.T, c directory.Config, account directory.WriteBackAccount) *directory.WriteBack {
	t.Helper()
	l := &logs{}
	w, err := directory.OpenWriteBack(c, account, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// modifications records what is asked of a server: the kind of each change, as a
// number of RFC 4511 §4.6, and its attribute.
type modifications struct {
	mu   sync.Mutex
	all  map[string]int
	sent int
}

func (m *modifications) watch(p *testenv.LDAPProxy) {
	m.all = make(map[string]int)
	p.OnRequest(func(message testenv.LDAPMessage) testenv.LDAPAction {
		m.mu.Lock()
		defer m.mu.Unlock()
		switch message.Op {
		case 0, 3, 23: // bind, search, an extended operation, which is looked at below
			if message.Op == 23 {
				m.all["extended"]++
			}
			return testenv.LDAPAction{}
		}
		m.sent++
		packet, err := ber.DecodePacketErr(message.Bytes)
		if err != nil || message.Op != 6 {
			m.all[fmt.Sprintf("operation %d", message.Op)]++
			return testenv.LDAPAction{}
		}
		for _, change := range packet.Children[1].Children[1].Children {
			m.all[fmt.Sprintf("%v %s", change.Children[0].Value, change.Children[1].Children[0].Data.String())]++
		}
		return testenv.LDAPAction{}
	})
}

// TestS31_NothingElseIsWrittenBack: the identity that writes contacts sends single
// additions and removals of the configured attributes, whatever it may.
func TestS31_NothingElseIsWrittenBack(t *testing.T) {
	t.Parallel()
	account, options := contactsAccount("mobile", "employeeNumber")
	s := testenv.NewSlapd(t, options)
	proxy := testenv.NewLDAPProxy(t, s, nil)
	var sent modifications
	sent.watch(proxy)
	c := configFor(s)
	c.Servers = []string{proxy.LDAPSURL}
	w := openWriteBack(t, c, account)
	people := open(t, configFor(s))
	ctx := t.Context()
	for _, login := range []string{"alice", "bob", "young", "adminlocked"} {
		h, err := w.Read(ctx, find(t, people, login).ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, attribute := range account.Attributes {
			if err := w.Add(ctx, h, attribute, "+491701234567"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Add(ctx, h, "mobile", "+49 170 1234567"); !errors.Is(err, directory.ErrThere) {
			t.Errorf("there already: %v", err)
		}
		if err := w.Add(ctx, h, "employeeNumber", "+491707654321"); !errors.Is(err, directory.ErrUnfit) {
			t.Errorf("one value only: %v", err)
		}
		if err := errors.Join(w.Remove(ctx, h, "mobile", "+491701234567"), w.Remove(ctx, h, "mobile", "+491701234567")); err != nil {
			t.Error(err)
		}
		before := sent.sent
		for _, attribute := range []string{"userPassword", "description", "mail", "pager", "MOBILE;lang-de", ""} {
			if err := w.Add(ctx, h, attribute, "x"); !errors.Is(err, directory.ErrNotAllowed) {
				t.Errorf("%q: %v", attribute, err)
			}
			if err := w.Remove(ctx, h, attribute, "x"); !errors.Is(err, directory.ErrNotAllowed) {
				t.Errorf("%q: %v", attribute, err)
			}
		}
		if err := w.Remove(ctx, h, "mobile", ""); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("all values at once: %v", err)
		}
		if sent.sent != before {
			t.Errorf("what is not in the list was sent: %v", sent.all)
		}
	}
	// whoami is asked by each connection; 0 adds and 1 deletes.
	delete(sent.all, "extended")
	if want := map[string]int{"0 mobile": 8, "0 employeeNumber": 8, "1 mobile": 8}; !maps.Equal(sent.all, want) {
		t.Errorf("sent: %v, want %v", sent.all, want)
	}
	if got := attributesOf(w.Writes()); !slices.Equal(got, []string{"add mobile", "delete mobile", "add employeeNumber", "delete employeeNumber"}) {
		t.Errorf("the list is %q", got)
	}
	if asked := requests(t, s); asked["PASSMOD"] > 0 {
		t.Errorf("a password was written: %v", asked)
	}
	wantPassword(t, s, "alice", testenv.FirstPassword)
}

func attributesOf(all []directory.Permission) (names []string) {
	for _, p := range all {
		names = append(names, p.Change+" "+p.Attribute)
	}
	return names
}

// TestWriteBackIdentity: neither the service account nor an attribute that is none
// for contacts, whoever forgot to check the configuration.
func TestWriteBackIdentity(t *testing.T) {
	c := directory.Defaults()
	c.Name, c.Servers, c.BaseDN = "staff", []string{"ldaps://127.0.0.1:1"}, testenv.BaseDN
	c.BindDN, c.BindPassword = testenv.ServiceDN, setting.NewSecret(testenv.ServicePassword)
	account := directory.WriteBackAccount{BindDN: "CN=Latchkey, ou=services," + testenv.BaseDN, BindPassword: setting.NewSecret(second), Attributes: []string{"mobile"}}
	if _, err := directory.OpenWriteBack(c, account, (&logs{}).logger()); err == nil {
		t.Error("the service account writes contacts")
	}
	account.BindDN = contactsDN
	for _, attribute := range []string{"userPassword", "UNICODEPWD", "pwdReset", "member", "objectClass", "userAccountControl", "nsAccountLock", "uid", "mobile;lang-de", "aci", "2.5.4.35", "sambaNTPassword", "krbPrincipalKey", ""} {
		account.Attributes = []string{"mobile", attribute}
		if _, err := directory.OpenWriteBack(c, account, (&logs{}).logger()); !errors.Is(err, directory.ErrGuarded) {
			t.Errorf("%q: %v", attribute, err)
		}
	}
	for _, attribute := range []string{"mobile", "otherMailbox", "otherMobile", "homePhone", "pager", "alternateEmail", "extensionAttribute1", "mail"} {
		if err := directory.CheckWriteBack(attribute); err != nil {
			t.Errorf("%s: %v", attribute, err)
		}
	}
}

// TestWriteBackAnotherEntry: an entry that got the name of the one that was read is
// not written to.
func TestWriteBackAnotherEntry(t *testing.T) {
	t.Parallel()
	account, options := contactsAccount("mobile")
	s := testenv.NewSlapd(t, options)
	w := openWriteBack(t, configFor(s), account)
	h, err := w.Read(t.Context(), find(t, open(t, configFor(s)), "alice").ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, ldif := range []string{
		"dn: " + testenv.PersonDN("alice") + "\nchangetype: modrdn\nnewrdn: uid=other\ndeleteoldrdn: 1\n",
		"dn: " + testenv.PersonDN("bob") + "\nchangetype: modrdn\nnewrdn: uid=alice\ndeleteoldrdn: 1\n",
	} {
		if err := s.Modify(t.Context(), ldif); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Add(t.Context(), h, "mobile", "+491701234567"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("bob got it: %v", err)
	}
	if values, err := s.Attribute(t.Context(), testenv.PersonDN("alice"), "mobile"); err != nil || len(values) > 0 {
		t.Errorf("bob has %q, %v", values, err)
	}
}
