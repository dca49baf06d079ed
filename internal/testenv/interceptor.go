package testenv

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
)

// Interception is what somebody in the middle does to connections.
type Interception struct {
	// TLS is what they show as the server's certificate, and the versions that
	// they speak.
	TLS *tls.Config
	// StartTLS is how they answer StartTLS of LDAP.
	StartTLS StartTLSAnswer
}

// StartTLSAnswer is how somebody in the middle answers StartTLS.
type StartTLSAnswer int

// The answers.
const (
	// GrantStartTLS goes on under TLS with what is shown.
	GrantStartTLS StartTLSAnswer = iota
	// RefuseStartTLS says that there is none, and passes on whatever else comes.
	RefuseStartTLS
	// FeignStartTLS says yes, and then speaks on in clear.
	FeignStartTLS
)

// Interceptor is somebody in the middle between a client and a server. Whoever
// talks to it is served, so that a careless client notices nothing; all that
// clients sent is kept, as it came over the wire and as it was under TLS.
type Interceptor struct {
	// Addr takes connections that begin with TLS.
	Addr string
	// URL is an ldap:// address, for StartTLS.
	URL string

	backend  string
	listener [2]net.Listener
	running  sync.WaitGroup

	mu          sync.Mutex
	how         Interception
	received    bytes.Buffer
	connections int
	open        map[net.Conn]bool
}

// NewInterceptor gets in front of a server that speaks in clear at backend, a
// host:port or an ldap:// URL.
func NewInterceptor(tb TB, backend string, how Interception) *Interceptor {
	tb.Helper()
	i := &Interceptor{backend: strings.TrimPrefix(backend, "ldap://"), how: how, open: make(map[net.Conn]bool)}
	for n := range i.listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatalf("listen in the middle: %v", err)
		}
		i.listener[n] = l
	}
	i.Addr, i.URL = i.listener[0].Addr().String(), "ldap://"+i.listener[1].Addr().String()
	i.running.Go(func() { i.accept(i.listener[0], i.encrypted) })
	i.running.Go(func() { i.accept(i.listener[1], i.upgraded) })
	tb.Cleanup(i.close)
	return i
}

// Become changes what is done to new connections and ends all that are open.
func (i *Interceptor) Become(how Interception) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.how = how
	for c := range i.open {
		c.Close()
	}
}

// Received returns everything that clients sent.
func (i *Interceptor) Received() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return bytes.Clone(i.received.Bytes())
}

// Connections counts those that clients opened.
func (i *Interceptor) Connections() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.connections
}

func (i *Interceptor) close() {
	for _, l := range i.listener {
		l.Close()
	}
	i.mu.Lock()
	for c := range i.open {
		c.Close()
	}
	i.mu.Unlock()
	i.running.Wait()
}

func (i *Interceptor) now() Interception {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.how
}

func (i *Interceptor) keep(b []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.received.Write(b)
}

func (i *Interceptor) hold(c net.Conn, open bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if open {
		i.open[c] = true
	} else {
		delete(i.open, c)
	}
}

func (i *Interceptor) accept(l net.Listener, secure func(net.Conn) (net.Conn, error)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		i.mu.Lock()
		i.connections++
		i.mu.Unlock()
		i.running.Go(func() {
			i.hold(c, true)
			defer i.hold(c, false)
			defer c.Close()
			if client, err := secure(tapped{c, i}); err == nil {
				i.relay(client)
			}
		})
	}
}

// tapped keeps what is read from a connection.
type tapped struct {
	net.Conn
	to *Interceptor
}

func (t tapped) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.to.keep(b[:n])
	return n, err
}

func (i *Interceptor) encrypted(c net.Conn) (net.Conn, error) {
	server := tls.Server(c, i.now().TLS)
	return tapped{server, i}, server.Handshake()
}

// upgraded waits for StartTLS.
func (i *Interceptor) upgraded(c net.Conn) (net.Conn, error) {
	const success, protocolError = 0, 2
	m, err := readMessage(c)
	if err != nil || m.Op != LDAPExtendedRequest {
		return nil, errStayedClear
	}
	code, how := success, i.now()
	if how.StartTLS == RefuseStartTLS {
		code = protocolError
	}
	if _, err := c.Write(m.Result(LDAPExtendedResponse, code, "")); err != nil {
		return nil, err
	}
	if how.StartTLS == GrantStartTLS {
		return i.encrypted(c)
	}
	return c, nil
}

// relay passes everything on in both directions.
func (i *Interceptor) relay(client net.Conn) {
	server, err := net.Dial("tcp", i.backend)
	if err != nil {
		return
	}
	i.hold(server, true)
	defer i.hold(server, false)
	defer server.Close()
	i.running.Go(func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
	})
	_, _ = io.Copy(server, client)
}
