package directory_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// nameServer is a DNS server on the loopback that knows SRV records.
type nameServer struct {
	*net.Resolver
	connection net.PacketConn

	mu      sync.Mutex
	records map[string][]dnsmessage.SRVResource
	asked   []string
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	connection, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	n := &nameServer{connection: connection, records: make(map[string][]dnsmessage.SRVResource)}
	n.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", connection.LocalAddr().String())
	}}
	go n.serve()
	return n
}

func (n *nameServer) serve() {
	packet := make([]byte, 1500)
	for {
		length, from, err := n.connection.ReadFrom(packet)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(packet[:length]) != nil || len(question.Questions) != 1 {
			continue
		}
		answer, err := n.answer(question)
		if err == nil {
			_, _ = n.connection.WriteTo(answer, from)
		}
	}
}

func (n *nameServer) answer(m dnsmessage.Message) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := m.Questions[0].Name
	n.asked = append(n.asked, name.String())
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true}
	m.Additionals = nil
	records, ok := n.records[name.String()]
	if !ok {
		m.RCode = dnsmessage.RCodeNameError
	}
	for i := range records {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &records[i],
		})
	}
	return m.Pack()
}

// name puts records of servers, in the order of their priority, under a service.
func (n *nameServer) name(service string, targets ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records[service] = nil
	for i, target := range targets {
		host, port, _ := net.SplitHostPort(target)
		number, _ := strconv.ParseUint(port, 10, 16)
		n.records[service] = append(n.records[service], dnsmessage.SRVResource{
			Priority: uint16(i), Weight: 1, Port: uint16(number), Target: dnsmessage.MustNewName(host + "."),
		})
	}
}

func (n *nameServer) questions() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.asked...)
}

// port is the port of a URL.
func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func openWith(t *testing.T, c directory.Config, n directory.Resolver) (*directory.Directory, *logs) {
	t.Helper()
	l := &logs{}
	d, err := directory.OpenWith(c, n, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, l
}

// TestServersFromDNS finds servers of both schemes by priority. The certificate is
// the one of localhost, which is the domain here.
func TestServersFromDNS(t *testing.T) {
	t.Parallel()
	first := testenv.NewSlapd(t)
	next := testenv.NewSlapd(t, testenv.SlapdOptions{Certificates: first.Certificates})
	n := newNameServer(t)
	n.name("_ldaps._tcp.localhost.", "localhost:"+port(t, first.LDAPSURL), "localhost:"+port(t, next.LDAPSURL))
	n.name("_ldap._tcp.localhost.", "localhost:"+port(t, next.URL))
	c := configFor(first)
	for entry, server := range map[string]string{
		"ldaps+srv://localhost": "ldaps://localhost:" + port(t, first.LDAPSURL),
		"ldap+srv://LOCALHOST.": "ldap://localhost:" + port(t, next.URL),
	} {
		c.Servers = []string{entry}
		d, _ := openWith(t, c, n)
		if err := d.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
		alice := find(t, d, "alice")
		if alice.Server() != server {
			t.Errorf("%s: found at %s, want %s", entry, alice.Server(), server)
		}
		// Another process settles: it has to ask DNS first.
		again, _ := openWith(t, c, n)
		if got, err := again.Settle(t.Context(), alice.Attempt(), ""); got != directory.NotWritten || err != nil {
			t.Errorf("%s: settled as %v, %v", entry, got, err)
		}
	}
	if asked := strings.Join(n.questions(), " "); strings.Count(asked, "_ldaps._tcp.localhost.") != 2 {
		t.Errorf("asked %s", asked)
	}
	c.Servers = []string{"ldaps+srv://localhost"}
	d, _ := openWith(t, c, n)
	find(t, d, "alice")
	first.Stop()
	p := find(t, d, "alice")
	if p.Server() != "ldaps://localhost:"+port(t, next.LDAPSURL) {
		t.Errorf("with the first away found at %s", p.Server())
	}
	if err := d.SetPassword(t.Context(), p, second); err != nil {
		t.Error(err)
	}
	wantPassword(t, next, "alice", second, testenv.FirstPassword)
}

// TestDNSIsNotTrusted: it names foreign hosts and an address, which the resolver
// itself passes over, and a host of the domain whose certificate is another's.
func TestDNSIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	foreign := forbidden(t)
	_, foreignPort, _ := net.SplitHostPort(foreign)
	n := newNameServer(t)
	n.name("_ldaps._tcp.example.test.", "localhost:"+foreignPort, "127.0.0.1:"+foreignPort, "notexample.test:"+foreignPort)
	c := configFor(s)
	c.Servers = []string{"ldaps+srv://example.test"}
	d, l := openWith(t, c, n)
	for range 2 {
		if _, err := d.Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "DNS names no servers in _ldaps._tcp.example.test") {
			t.Errorf("got %v", err)
		}
	}
	if n := strings.Count(l.String(), "outside of the configured domain"); n != 2 {
		t.Errorf("said %d times:\n%s", n, l)
	}
	if asked := n.questions(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}

	// What is in the domain has to prove it.
	others, err := testenv.NewCertificatesFor(t.TempDir(), "other.example.test")
	if err != nil {
		t.Fatal(err)
	}
	proxy := testenv.NewLDAPProxy(t, s, others)
	proxy.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction {
		t.Error("something was sent")
		return testenv.LDAPAction{Drop: true}
	})
	n.name("_ldaps._tcp.localhost.", "localhost:"+port(t, proxy.LDAPSURL))
	c.Servers, c.CAFile = []string{"ldaps+srv://localhost"}, others.CAFile
	d, _ = openWith(t, c, n)
	if _, err := d.Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "another name") {
		t.Errorf("got %v", err)
	}
}

// TestDNSIsAway: with another server beside, people are found all the same; and
// nobody waits for a name server longer than connect_timeout.
func TestDNSIsAway(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	n := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", silent.LocalAddr().String())
	}}
	c := configFor(s)
	c.ConnectTimeout = setting.Duration(300 * time.Millisecond)
	c.Servers = []string{"ldaps+srv://example.test"}
	d, _ := openWith(t, c, n)
	begun := time.Now()
	if _, err := d.Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
	c.Servers, c.ConnectTimeout = append(c.Servers, s.LDAPSURL), setting.Duration(3*time.Second)
	d, _ = openWith(t, c, n)
	find(t, d, "alice")
}
