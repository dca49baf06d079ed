package resetapi

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"latchkey/internal/setting"
)

// gauged remembers what was said of connections.
type gauged struct {
	noMeter

	mu      sync.Mutex
	open    int
	refused map[string]int
	changed chan struct{}
}

func newGauged() *gauged {
	return &gauged{refused: make(map[string]int), changed: make(chan struct{})}
}

func (g *gauged) change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *gauged) Connections(open int)           { g.change(func() { g.open = open }) }
func (g *gauged) ConnectionRefused(limit string) { g.change(func() { g.refused[limit]++ }) }

func (g *gauged) refusals(limit string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused[limit]
}

// await waits until so many connections are open.
func (g *gauged) await(t *testing.T, open int) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		g.mu.Lock()
		n, changed := g.open, g.changed
		g.mu.Unlock()
		if n == open {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%d connections are open, want %d", n, open)
		}
	}
}

// listening serves a site for a test and returns its address.
func listening(t *testing.T, c Config, meter Meter) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.PublicURL = "http://" + listener.Addr().String()
	c.ShutdownTimeout = setting.Duration(time.Second)
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		_ = New(c, new(scripted), nil, noPages{}, meter, slog.New(slog.DiscardHandler)).Serve(ctx, listener)
	})
	t.Cleanup(func() { stop(); serving.Wait() })
	return listener.Addr().String()
}

// idle opens connections from an address of this machine that send half a
// request and then nothing more.
func idle(t *testing.T, to, from string, count int) []net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	var opened []net.Conn
	for range count {
		conn, err := dialer.DialContext(t.Context(), "tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n") // a refused one may be closed already
		opened = append(opened, conn)
	}
	return opened
}

// page asks for a page from an address of this machine.
func page(t *testing.T, at, from string) error {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// TestS64_ConnectionsOfOneAddress: one that opens many takes nobody's place, and
// what it gives back can be had again.
func TestS64_ConnectionsOfOneAddress(t *testing.T) {
	c, meter := Defaults(), newGauged()
	c.MaxConnections, c.MaxConnectionsPerAddress, c.TrustedProxies = 40, 5, []string{"127.0.0.9/32"}
	at := listening(t, c, meter)
	slow := idle(t, at, "127.0.0.2", 30)
	meter.await(t, 5)
	if err := page(t, at, "127.0.0.2"); err == nil {
		t.Error("the address has more than its share")
	}
	if err := page(t, at, "127.0.0.3"); err != nil {
		t.Errorf("another address: %v", err)
	}
	meter.await(t, 5)
	idle(t, at, "127.0.0.9", 20)
	meter.await(t, 25)
	if n := meter.refusals("max_connections_per_address"); n != 26 {
		t.Errorf("%d refused, want 26", n)
	}
	for _, conn := range slow {
		conn.Close()
	}
	meter.await(t, 20)
	if err := page(t, at, "127.0.0.2"); err != nil {
		t.Errorf("after they were given back: %v", err)
	}
}

// TestS64_ConnectionsInAll: beyond the limit nobody gets in, a proxy neither,
// until the slow ones ran out of time.
func TestS64_ConnectionsInAll(t *testing.T) {
	c, meter := Defaults(), newGauged()
	c.MaxConnections, c.MaxConnectionsPerAddress = 12, 12
	at := listening(t, c, meter)
	idle(t, at, "127.0.0.1", 12)
	meter.await(t, 12)
	if err := page(t, at, "127.0.0.1"); err == nil {
		t.Error("there is no limit in all")
	}
	if n := meter.refusals("max_connections"); n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
	meter.await(t, 0)
	if err := page(t, at, "127.0.0.1"); err != nil {
		t.Errorf("after their time: %v", err)
	}
}

// addressed is a connection from somewhere.
type addressed struct {
	net.Conn

	from string
}

func (a *addressed) RemoteAddr() net.Addr {
	address, err := net.ResolveTCPAddr("tcp", a.from)
	if err != nil {
		panic(err)
	}
	return address
}

func (*addressed) Close() error { return nil }

// TestS64_NeighborsInIPv6: addresses of one /64 share their connections, however
// they are written.
func TestS64_NeighborsInIPv6(t *testing.T) {
	c := Defaults()
	c.MaxConnectionsPerAddress = 2
	limits := New(c, new(scripted), nil, noPages{}, noMeter{}, slog.New(slog.DiscardHandler)).newConnections()
	for i, test := range []struct {
		from  string
		limit string
	}{
		{"[2001:db8::1]:1", ""},
		{"[2001:db8::2]:1", ""},
		{"[2001:db8::3]:1", "max_connections_per_address"},
		{"[2001:db8:0:1::1]:1", ""},
		{"192.0.2.1:1", ""},
		{"[::ffff:192.0.2.1]:2", ""},
		{"192.0.2.1:3", "max_connections_per_address"},
		{"[::1]:1", ""},
		{"[::1]:2", ""},
		{"[::1]:3", ""},
	} {
		if got := limits.take(&addressed{from: test.from}); got != test.limit {
			t.Errorf("number %d, %s: %q, want %q", i, test.from, got, test.limit)
		}
	}
}
