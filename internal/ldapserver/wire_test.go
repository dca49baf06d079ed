package ldapserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/ldapserver"
	"latchkey/internal/leaktest"
)

// TestMain looks for connections and operations that nobody ended.
func TestMain(m *testing.M) { leaktest.Main(m) }

// pipes is a listener whose connections are in memory, for tests in which time
// is not the world's.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

func newPipes() *pipes {
	return &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// bench is a server under test.
type bench struct {
	t        *testing.T
	listener *pipes
	stop     context.CancelFunc
	done     chan error
	log      *bytes.Buffer
}

// serve starts a server; the test ends when it has ended.
func serve(t *testing.T, config ldapserver.Config, handler ldapserver.Handler) *bench {
	t.Helper()
	b := &bench{t: t, listener: newPipes(), done: make(chan error, 1), log: &bytes.Buffer{}}
	server := ldapserver.New(config, handler, slog.New(slog.NewTextHandler(b.log, nil)))
	var ctx context.Context
	ctx, b.stop = context.WithCancel(context.Background())
	go func() { b.done <- server.Serve(ctx, b.listener) }()
	t.Cleanup(func() {
		b.stop()
		if err := <-b.done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

// dial opens a connection.
func (b *bench) dial() *wire {
	ours, theirs := net.Pipe()
	b.listener.connections <- theirs
	b.t.Cleanup(func() { ours.Close() })
	return &wire{b.t, ours}
}

// wire is a client that sends what it is told. It speaks through another
// implementation of BER than the server's.
type wire struct {
	t *testing.T
	net.Conn
}

// send does not wait for the server to read all: it may have had enough.
func (w *wire) send(raw []byte) {
	w.t.Helper()
	_ = w.SetWriteDeadline(time.Now().Add(time.Second))
	defer func() { _ = w.SetWriteDeadline(time.Time{}) }()
	if _, err := w.Write(raw); err != nil && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatalf("send: %v", err)
	}
}

// answer is a message of the server.
type answer struct {
	id, code int
	tag      int
	packet   *ber.Packet
}

// read returns the next message, and false when the connection was closed.
func (w *wire) read() (answer, bool) {
	w.t.Helper()
	packet, err := ber.ReadPacket(w.Conn)
	if err != nil {
		return answer{}, false
	}
	a := answer{id: int(packet.Children[0].Value.(int64)), tag: int(packet.Children[1].Tag), packet: packet}
	if code, ok := packet.Children[1].Children[0].Value.(int64); ok {
		a.code = int(code)
	}
	return a, true
}

// want reads one answer and holds it against a number and a code.
func (w *wire) want(id int, code ldapserver.Code) answer {
	w.t.Helper()
	a, ok := w.read()
	if !ok || a.id != id || a.code != int(code) {
		w.t.Fatalf("answer %+v, open %t; want id %d, code %d", a, ok, id, code)
	}
	return a
}

// wantNotice reads the notice of disconnection and the end.
func (w *wire) wantNotice(code ldapserver.Code) {
	w.t.Helper()
	w.want(0, code)
	w.wantEnd()
}

func (w *wire) wantEnd() {
	w.t.Helper()
	if a, ok := w.read(); ok {
		w.t.Fatalf("answer %+v where the connection should be closed", a)
	}
}

func text(value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
}

func context0(value string) *ber.Packet {
	return ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, value, "")
}

func enumerated(n int) *ber.Packet {
	return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, n, "")
}

func integer(n int) *ber.Packet {
	return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, n, "")
}

// request is a whole message. Without parts the operation is of the primitive
// kind.
func request(id int, kind ldapserver.Kind, parts ...*ber.Packet) []byte {
	return withControls(id, kind, nil, parts...)
}

func withControls(id int, kind ldapserver.Kind, controls *ber.Packet, parts ...*ber.Packet) []byte {
	m := ber.NewSequence("")
	m.AppendChild(integer(id))
	operation := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ber.Tag(kind), nil, "")
	for _, part := range parts {
		operation.AppendChild(part)
	}
	m.AppendChild(operation)
	if controls != nil {
		m.AppendChild(controls)
	}
	return m.Bytes()
}

func control(oid string, critical bool) *ber.Packet {
	all := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	one := ber.NewSequence("")
	one.AppendChild(text(oid))
	one.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, critical, ""))
	all.AppendChild(one)
	return all
}

func bind(id int, dn, password string) []byte {
	return request(id, ldapserver.KindBind, integer(3), text(dn), context0(password))
}

func search(id, sizeLimit, timeLimit int) []byte {
	return request(id, ldapserver.KindSearch, searchParts("", sizeLimit, timeLimit)...)
}

func searchParts(base string, sizeLimit, timeLimit int) []*ber.Packet {
	present := ber.NewString(ber.ClassContext, ber.TypePrimitive, 7, "objectClass", "")
	return []*ber.Packet{
		text(base), enumerated(2), enumerated(0), integer(sizeLimit), integer(timeLimit),
		ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""), present, ber.NewSequence(""),
	}
}

func extended(id int, oid string) []byte { return request(id, ldapserver.KindExtended, context0(oid)) }

func abandon(id, other int) []byte {
	m := ber.NewSequence("")
	m.AppendChild(integer(id))
	m.AppendChild(ber.NewInteger(ber.ClassApplication, ber.TypePrimitive, ber.Tag(ldapserver.KindAbandon), other, ""))
	return m.Bytes()
}

// office is a handler made of functions.
type office struct {
	bind   func(context.Context, *ldapserver.BindRequest) ldapserver.Result
	search func(context.Context, *ldapserver.SearchRequest, func(ldapserver.Entry) error) ldapserver.Result
	opened func(context.Context, *ldapserver.Peer)
}

func (o office) Open(ctx context.Context, peer *ldapserver.Peer) ldapserver.Operations {
	if o.opened != nil {
		o.opened(ctx, peer)
	}
	operations := ldapserver.Operations{Controls: map[string][]ldapserver.Kind{"1.2.3": {ldapserver.KindSearch}}}
	if o.bind != nil {
		operations.Bind = o
	}
	if o.search != nil {
		operations.Search = o
	}
	return operations
}

func (o office) Bind(ctx context.Context, r *ldapserver.BindRequest) ldapserver.Result {
	return o.bind(ctx, r)
}

func (o office) Search(ctx context.Context, r *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
	return o.search(ctx, r, send)
}

func welcome(context.Context, *ldapserver.BindRequest) ldapserver.Result { return ldapserver.Result{} }

// untilEnd is a search that ends with its context.
func untilEnd(ctx context.Context, _ *ldapserver.SearchRequest, _ func(ldapserver.Entry) error) ldapserver.Result {
	<-ctx.Done()
	return ldapserver.Failure(ldapserver.Other, "ended")
}
