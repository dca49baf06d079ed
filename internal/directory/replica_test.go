package directory_test

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// replica starts a copy of a server and waits until the people are there.
func replica(t *testing.T, provider *testenv.Slapd, updateRef string) *testenv.Slapd {
	t.Helper()
	r := testenv.NewSlapdReplica(t, provider, updateRef)
	eventually(t, "the people are copied", func() bool {
		uids, err := r.Attribute(t.Context(), testenv.PersonDN("young"), "uid")
		return err == nil && len(uids) == 1
	})
	return r
}

// forbidden is an address that nobody may connect to.
func forbidden(t *testing.T) string {
	t.Helper()
	var visits atomic.Int32
	address := listen(t, func(net.Conn) { visits.Add(1) })
	t.Cleanup(func() {
		if n := visits.Load(); n != 0 {
			t.Errorf("a referral was followed %d times", n)
		}
	})
	return address
}

// TestF06_ReadOnlyReplica has a copy in front of the server that takes writes. It
// answers with a referral, or that it is unwilling.
func TestF06_ReadOnlyReplica(t *testing.T) {
	t.Parallel()
	provider := testenv.NewSlapd(t, testenv.SlapdOptions{ServiceWrites: []string{"pwdAccountLockedTime"}})
	lock := "dn: " + testenv.PersonDN("bob") + "\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: " + time.Now().UTC().Format("20060102150405Z") + "\n"
	if err := provider.Modify(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ updateRef, uid, code string }{
		"referral":  {"ldap://" + forbidden(t), "alice", "code 10 "},
		"unwilling": {"", "nocontacts", "code 53 "},
	} {
		t.Run(name, func(t *testing.T) {
			copied := replica(t, provider, test.updateRef)
			l := &logs{}
			c := configFor(provider)
			c.Servers = []string{copied.LDAPSURL, provider.LDAPSURL}
			d, err := directory.Open(c, l.logger())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(d.Close)
			person, locked := find(t, d, test.uid), find(t, d, "bob")
			if person.Server() != copied.LDAPSURL || locked.State != directory.Locked {
				t.Fatalf("%s is read from %s; bob is %s", test.uid, person.Server(), locked.State)
			}
			for what, call := range map[string]func() error{
				"reset":  func() error { return d.SetPassword(t.Context(), person, second) },
				"change": func() error { return d.Change(t.Context(), person, testenv.FirstPassword, second) },
				"unlock": func() error { return d.Unlock(t.Context(), locked) },
			} {
				if err := call(); !errors.Is(err, directory.ErrReadOnly) || !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), test.code) {
					t.Errorf("%s at the copy: %v", what, err)
				}
			}
			wantPassword(t, provider, test.uid, testenv.FirstPassword, second)
			if n := strings.Count(l.String(), "takes no writes; others"); n != 1 {
				t.Errorf("said %d times:\n%s", n, l)
			}
			if person, err = d.Read(t.Context(), person.ID); err != nil || person.Server() != provider.LDAPSURL {
				t.Fatalf("then read from %s, %v", person.Server(), err)
			}
			if p := find(t, d, test.uid); p.Server() != provider.LDAPSURL {
				t.Errorf("then found at %s", p.Server())
			}
			if err := d.SetPassword(t.Context(), person, second); err != nil {
				t.Error(err)
			}
			wantPassword(t, provider, test.uid, second, testenv.FirstPassword)
		})
	}
}

// TestF06_NothingButCopies: being one is only known from an answer, so they are
// asked again with each write, and write when they were made providers.
func TestF06_NothingButCopies(t *testing.T) {
	t.Parallel()
	provider := testenv.NewSlapd(t)
	proxy := testenv.NewLDAPProxy(t, replica(t, provider, ""), nil)
	c := configFor(provider)
	c.Servers = []string{proxy.LDAPSURL}
	d := open(t, c)
	var writes atomic.Int32
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == testenv.LDAPExtendedRequest && strings.Contains(string(m.Bytes), "uid=alice") {
			writes.Add(1)
		}
		return testenv.LDAPAction{}
	})
	for range 2 {
		alice, err := d.Read(t.Context(), find(t, d, "alice").ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.SetPassword(t.Context(), alice, second); !errors.Is(err, directory.ErrReadOnly) {
			t.Errorf("got %v", err)
		}
	}
	if writes.Load() != 2 {
		t.Errorf("%d writes were sent", writes.Load())
	}
}

// TestF06_ReadOnlyController shows the root DSE of a read-only domain controller:
// it is not even asked.
func TestF06_ReadOnlyController(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy := testenv.NewLDAPProxy(t, s, nil)
	var writes atomic.Int32
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == testenv.LDAPExtendedRequest && strings.Contains(string(m.Bytes), "uid=alice") {
			writes.Add(1)
		}
		return testenv.LDAPAction{}
	})
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if !strings.Contains(string(m.Bytes), "OpenLDAProotDSE") {
			return testenv.LDAPAction{}
		}
		return testenv.LDAPAction{Replace: withAttribute(t, m, "supportedCapabilities", "1.2.840.113556.1.4.1920")}
	})
	c := configFor(s)
	c.Servers = []string{proxy.LDAPSURL}
	d := open(t, c)
	alice := find(t, d, "alice")
	if err := d.SetPassword(t.Context(), alice, second); !errors.Is(err, directory.ErrReadOnly) || writes.Load() != 0 {
		t.Errorf("got %v after %d writes", err, writes.Load())
	}
	c.Servers = []string{proxy.LDAPSURL, s.LDAPSURL}
	d = open(t, c)
	if alice = find(t, d, "alice"); alice.Server() != s.LDAPSURL {
		t.Errorf("with another server found at %s", alice.Server())
	}
	if err := d.SetPassword(t.Context(), alice, second); err != nil {
		t.Error(err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}

// withAttribute adds an attribute to an entry that a search found.
func withAttribute(t *testing.T, m testenv.LDAPMessage, name, value string) []byte {
	t.Helper()
	old, err := ber.DecodePacketErr(m.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "vals")
	values.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "value"))
	added := ber.NewSequence("PartialAttribute")
	added.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, "type"))
	added.AppendChild(values)
	attributes := ber.NewSequence("attributes")
	for _, attribute := range append(old.Children[1].Children[1].Children, added) {
		attributes.AppendChild(attribute)
	}
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, old.Children[1].Tag, nil, "SearchResultEntry")
	entry.AppendChild(old.Children[1].Children[0])
	entry.AppendChild(attributes)
	message := ber.NewSequence("LDAPMessage")
	message.AppendChild(old.Children[0])
	message.AppendChild(entry)
	return message.Bytes()
}

// TestF05_ReplicaLag stops the replication. What the copy shows is old, and
// nothing that is written or settled rests on it.
func TestF05_ReplicaLag(t *testing.T) {
	t.Parallel()
	provider := testenv.NewSlapd(t)
	link := testenv.NewLDAPProxy(t, provider, nil)
	behind := *provider
	behind.LDAPSURL = link.LDAPSURL
	copied := replica(t, &behind, "")
	link.OnResponse(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Swallow: true} })

	front := testenv.NewLDAPProxy(t, provider, nil)
	c := configFor(provider)
	c.Servers = []string{copied.LDAPSURL, front.LDAPSURL}
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(5*time.Second), setting.Duration(10*time.Second)
	d := open(t, c)
	old := find(t, d, "alice")
	helpdesk(t, provider, "alice", "helpdesk-Chose-1")

	// The copy still shows the stamp from before, and would not write.
	if p := find(t, d, "alice"); p.Server() != copied.LDAPSURL || p.ChangeStamp != old.ChangeStamp {
		t.Fatalf("read from %s with stamp %s", p.Server(), p.ChangeStamp)
	}
	if err := d.SetPassword(t.Context(), old, second); !errors.Is(err, directory.ErrReadOnly) {
		t.Errorf("at the copy: %v", err)
	}
	alice, err := d.Read(t.Context(), old.ID)
	if err != nil || alice.Server() != front.LDAPSURL || alice.ChangeStamp == old.ChangeStamp {
		t.Fatalf("read from %s with stamp %s, %v", alice.Server(), alice.ChangeStamp, err)
	}

	// The reply is lost; settling asks the server that was written.
	front.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		return testenv.LDAPAction{Drop: m.Op == testenv.LDAPExtendedResponse && !strings.Contains(string(m.Bytes), "dn:")}
	})
	if _, unknown := errors.AsType[*directory.UnknownError](d.SetPassword(t.Context(), alice, second)); !unknown {
		t.Fatal("the outcome is known")
	}
	front.OnResponse(nil)
	if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	wantPassword(t, provider, "alice", second, testenv.FirstPassword, "helpdesk-Chose-1")
	if strings.Contains(slapdLog(t, copied), `BIND dn="`+alice.DN) {
		t.Error("the copy was asked who the password belongs to")
	}

	// With the provider away the copy finds people, and says nothing for a write.
	front.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Drop: true} })
	if p := find(t, d, "alice"); p.Server() != copied.LDAPSURL {
		t.Errorf("found at %s", p.Server())
	}
	if _, err := d.Read(t.Context(), alice.ID); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("read for a write: %v", err)
	}
}
