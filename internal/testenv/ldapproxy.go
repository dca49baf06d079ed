package testenv

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// The operations of LDAP that a proxy meets most (RFC 4511 §4).
const (
	LDAPBindRequest      = 0
	LDAPBindResponse     = 1
	LDAPSearchDone       = 5
	LDAPExtendedRequest  = 23
	LDAPExtendedResponse = 24
)

// LDAPMessage is one message on its way.
type LDAPMessage struct {
	ID    int64
	Op    int
	Bytes []byte
}

// LDAPAction is what becomes of a message. The zero value passes it on.
type LDAPAction struct {
	// Swallow keeps the message; the other side waits.
	Swallow bool
	// Drop keeps the message and closes both connections.
	Drop bool
	// Wait holds the message until the channel is closed.
	Wait <-chan struct{}
	// Replace is passed on instead.
	Replace []byte
	// Answer keeps the message and goes back to where it came from.
	Answer []byte
}

// LDAPProxy stands in front of an LDAP server and does to single messages what
// a test wants. It ends TLS with the server's own certificate and speaks TLS to
// the server.
type LDAPProxy struct {
	// URL is ldap://127.0.0.1:port; it offers StartTLS.
	URL string
	// LDAPSURL is ldaps://127.0.0.1:port.
	LDAPSURL string

	backend  string
	server   *tls.Config
	client   *tls.Config
	listener [2]net.Listener
	running  sync.WaitGroup
	closed   chan struct{}

	mu             sync.Mutex
	onRequest      func(LDAPMessage) LDAPAction
	onResponse     func(LDAPMessage) LDAPAction
	refuseStartTLS bool
	clear          bytes.Buffer
	open           map[net.Conn]bool
	connections    int
}

// LDAPServer is a server that a proxy can stand in front of.
type LDAPServer interface {
	// overTLS returns the address for LDAPS and the server's own certificate.
	overTLS() (url string, own *Certificates)
}

func (s *Slapd) overTLS() (string, *Certificates) { return s.LDAPSURL, s.Certificates }

// ServedLDAP is an LDAP server that a test runs by itself.
type ServedLDAP struct {
	LDAPSURL     string
	Certificates *Certificates
}

func (s ServedLDAP) overTLS() (string, *Certificates) { return s.LDAPSURL, s.Certificates }

// NewLDAPProxy starts a proxy in front of a server for a test. Where shown is not
// nil it is the certificate to show instead of the server's own.
func NewLDAPProxy(tb TB, s LDAPServer, shown *Certificates) *LDAPProxy {
	tb.Helper()
	p, err := StartLDAPProxy(s, shown)
	if err != nil {
		tb.Fatalf("start the proxy: %v", err)
	}
	tb.Cleanup(p.Close)
	return p
}

// StartLDAPProxy starts a proxy in front of a server.
func StartLDAPProxy(s LDAPServer, shown *Certificates) (*LDAPProxy, error) {
	address, own := s.overTLS()
	if shown == nil {
		shown = own
	}
	backend := strings.TrimPrefix(address, "ldaps://")
	host, _, err := net.SplitHostPort(backend)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(shown.CertFile, shown.KeyFile)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(own.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	p := &LDAPProxy{
		backend: backend,
		server:  &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		client:  &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12},
		open:    make(map[net.Conn]bool),
		closed:  make(chan struct{}),
	}
	for i := range p.listener {
		if p.listener[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	p.URL = "ldap://" + p.listener[0].Addr().String()
	p.LDAPSURL = "ldaps://" + p.listener[1].Addr().String()
	p.running.Go(func() { p.accept(p.listener[0], p.upgrade) })
	p.running.Go(func() { p.accept(p.listener[1], p.handshake) })
	return p, nil
}

// OnRequest sets what becomes of requests; nil passes all on.
func (p *LDAPProxy) OnRequest(f func(LDAPMessage) LDAPAction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onRequest = f
}

// OnResponse sets what becomes of responses; nil passes all on.
func (p *LDAPProxy) OnResponse(f func(LDAPMessage) LDAPAction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onResponse = f
}

// RefuseStartTLS makes the proxy answer StartTLS with "unavailable" and listen
// on in clear.
func (p *LDAPProxy) RefuseStartTLS() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuseStartTLS = true
}

// Clear returns what was received outside of TLS, the StartTLS request
// included.
func (p *LDAPProxy) Clear() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.clear.Bytes())
}

// Connections counts those that were accepted.
func (p *LDAPProxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connections
}

// Open counts the connections of clients that are open now.
func (p *LDAPProxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, client := range p.open {
		if client {
			n++
		}
	}
	return n
}

// Sever ends all connections; new ones are taken.
func (p *LDAPProxy) Sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

// Close ends the proxy and all its connections. What still waits is not passed
// on.
func (p *LDAPProxy) Close() {
	close(p.closed)
	for _, l := range p.listener {
		l.Close()
	}
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// Result builds a response to the message: a result code, a text, and further
// BER elements behind them. op is the kind of the response.
func (m LDAPMessage) Result(op, code int, text string, further ...*ber.Packet) []byte {
	response := ber.NewSequence("LDAPMessage")
	response.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, m.ID, "messageID"))
	result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ber.Tag(op), nil, "result")
	result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, "resultCode"))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "matchedDN"))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "diagnosticMessage"))
	for _, element := range further {
		result.AppendChild(element)
	}
	response.AppendChild(result)
	return response.Bytes()
}

// readMessage reads exactly one LDAPMessage.
func readMessage(r io.Reader) (LDAPMessage, error) {
	var raw bytes.Buffer
	packet, err := ber.ReadPacket(io.TeeReader(r, &raw))
	if err != nil {
		return LDAPMessage{}, err
	}
	if len(packet.Children) < 2 {
		return LDAPMessage{}, errors.New("not an LDAPMessage")
	}
	id, ok := packet.Children[0].Value.(int64)
	if !ok {
		return LDAPMessage{}, fmt.Errorf("a message id of type %T", packet.Children[0].Value)
	}
	return LDAPMessage{ID: id, Op: int(packet.Children[1].Tag), Bytes: raw.Bytes()}, nil
}
