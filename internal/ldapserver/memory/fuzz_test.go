package memory

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/ldapserver"
	"latchkey/internal/setting"
)

const few = `dn: dc=example
objectClass: dcObject
dc: example
o: Example

dn: uid=alice,dc=example
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
userPassword: secret
pwdChangedTime: 20260101000000Z
description:: w5xiZXI=

dn: cn=rules,dc=example
objectClass: pwdPolicy
cn: rules
pwdMaxFailure: 3
pwdLockout: TRUE
pwdInHistory: 2
pwdCheckQuality: 2
`

func smallDirectory(tb testing.TB) *Directory {
	tb.Helper()
	d, err := New(Config{Suffix: "dc=example", RootDN: "cn=root", RootPassword: setting.NewSecret("root"), ServiceDN: "uid=alice,dc=example", DefaultPolicyDN: "cn=rules,dc=example", Rounds: 1})
	if err != nil {
		tb.Fatal(err)
	}
	if err := d.Load(few); err != nil {
		tb.Fatal(err)
	}
	return d
}

// one is a listener of one connection.
type one struct {
	connection chan net.Conn
	closed     chan struct{}
}

func (o one) Accept() (net.Conn, error) {
	select {
	case c := <-o.connection:
		return c, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

func (o one) Close() error {
	select {
	case <-o.closed:
	default:
		close(o.closed)
	}
	return nil
}

func (one) Addr() net.Addr { return &net.UnixAddr{} }

// FuzzConnection sends any bytes to a whole server, once as they are and once
// behind a bind as the root DN. The server answers with well formed messages, or
// closes; it neither panics nor waits.
func FuzzConnection(f *testing.F) {
	for _, seed := range conversations() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		talk(t, raw)
		if answers := talk(t, append(rootBind(), raw...)); !bytes.Contains(answers[:min(len(answers), 10)], []byte("\x02\x01\x01\x61\x07\x0a\x01\x00")) {
			t.Errorf("the bind of the root DN is answered with %x", answers)
		}
	})
}

// tape is a connection that plays bytes and records the answers.
type tape struct {
	net.Conn // for what is not called
	said     *bytes.Reader
	closed   chan struct{}
	once     sync.Once
	mu       sync.Mutex
	answers  bytes.Buffer
}

func (c *tape) Read(b []byte) (int, error) { return c.said.Read(b) }

func (c *tape) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers.Write(b)
}

func (c *tape) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (*tape) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (*tape) SetReadDeadline(time.Time) error  { return nil }
func (*tape) SetWriteDeadline(time.Time) error { return nil }

// talk plays bytes to a server and returns all answers.
func talk(t *testing.T, raw []byte) []byte {
	t.Helper()
	listener := one{make(chan net.Conn), make(chan struct{})}
	var log strings.Builder
	server := ldapserver.New(ldapserver.Config{OperationTimeout: time.Second, MaxMessage: 1 << 14, MaxAnonymousMessage: 1 << 14}, smallDirectory(t), slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	played := &tape{said: bytes.NewReader(raw), closed: make(chan struct{})}
	go func() { done <- server.Serve(ctx, listener) }()
	listener.connection <- played
	<-played.closed
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "panicked") {
		t.Fatal(log.String())
	}
	answers := played.answers.Bytes()
	for rest := bytes.NewBuffer(answers); rest.Len() > 0; {
		if _, err := ber.ReadPacket(rest); err != nil {
			t.Fatalf("the answers %x are malformed: %v", answers, err)
		}
	}
	return answers
}

// FuzzMatch evaluates any filter, and its opposite.
func FuzzMatch(f *testing.F) {
	f.Add("\xa3\x0c\x04\x03uid\x04\x05alice")
	f.Add("\xa4\x0b\x04\x02cn\x30\x05\x80\x01a\x82\x00")
	f.Add("\xa9\x10\x81\x0a2.5.13.2\x00\x83\x02xx")
	f.Add("\xa2\x05\x87\x03uid")
	f.Add("\xa5\x1b\x04\x0epwdChangedTime\x04\x092026")
	d := smallDirectory(f)
	e, _ := d.lookUp("uid=alice,dc=example")
	f.Fuzz(func(t *testing.T, encoded string) {
		filter, err := ldapserver.ParseFilter(encoded)
		if err != nil {
			return
		}
		for _, who := range []name{{}, d.root, d.service} {
			seen := view{client{directory: d, who: who}, e}
			is := match(&filter, seen)
			not := match(&ldapserver.Filter{Kind: ldapserver.FilterNot, Parts: []ldapserver.Filter{filter}}, seen)
			if is+not != isTrue {
				t.Errorf("%q is %d, its opposite %d", encoded, is, not)
			}
		}
	})
}

// FuzzName: what was read is written so that it is read as the same.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"", "dc=example", "uid=a\\,b+cn=\\20x\\20 , DC = Example ", `cn=\23\00\c3\bc`, "2.5.4.3=x", "cn=a;o=b", `cn=\`, "cn= ", "=x", "a=b,,c=d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseName(text)
		if err != nil {
			return
		}
		again, err := parseName(n.text)
		if err != nil || again.key != n.key {
			t.Errorf("%q is written as %q: %q, then %q (%v)", text, n.text, n.key, again.key, err)
		}
		if folded, err := parseName(n.key); err != nil || folded.key != n.key {
			t.Errorf("%q: the key %q is another name: %q (%v)", text, n.key, folded.key, err)
		}
		if !n.within(n) || !n.isRoot() && !n.within(n.parent()) {
			t.Errorf("%q is not below itself", text)
		}
	})
}

func FuzzLDIF(f *testing.F) {
	f.Add(few)
	f.Add("version: 1\ndn: dc=example\n# note\n folded\ndc: exa\n mple\n")
	f.Add("dn:: ZGM9ZXhhbXBsZQ==\n\n\ndn: x\nchangetype: add\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := New(Config{Suffix: "dc=example", Rounds: 1})
		if err != nil {
			t.Fatal(err)
		}
		_ = d.Load(text)
	})
}
