package mail

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/setting"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// gate is an address in front of a mail server that can be down.
type gate struct {
	t      *testing.T
	addr   string
	to     string
	came   atomic.Int32 // connections
	serve  sync.WaitGroup
	listen net.Listener
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	port, err := testenv.FreePort() // which stays free while it is down
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, addr: fmt.Sprintf("127.0.0.1:%d", port), to: to}
	g.up()
	t.Cleanup(g.down)
	return g
}

func (g *gate) up() {
	g.t.Helper()
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.listen = l
	g.serve.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			g.came.Add(1)
			g.serve.Go(func() { g.pass(from) })
		}
	})
}

func (g *gate) pass(from net.Conn) {
	to, err := net.Dial("tcp", g.to)
	if err != nil {
		_ = from.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(to, from); _ = to.Close() })
	both.Go(func() { _, _ = io.Copy(from, to); _ = from.Close() })
	both.Wait()
}

// down refuses connections and waits for those that are open.
func (g *gate) down() {
	_ = g.listen.Close()
	g.serve.Wait()
}

// pair is a mailer with two servers, and gates in front of both.
type pair struct {
	mailer        *Mailer
	first, second *testenv.MailServer
	gates         [2]*gate
}

func newPair(t *testing.T, change func(*Config)) *pair {
	t.Helper()
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{
		first:  testenv.NewMailServer(t, certificates, testenv.MailOptions{}),
		second: testenv.NewMailServer(t, certificates, testenv.MailOptions{}),
	}
	p.gates = [2]*gate{newGate(t, p.first.Addr), newGate(t, p.second.Addr)}
	c := Defaults()
	c.CAFile, c.From = certificates.CAFile, "reset@example.org"
	if c.Host, c.Port, err = splitAddress(p.gates[0].addr); err != nil {
		t.Fatal(err)
	}
	c.Fallbacks = []string{p.gates[1].addr}
	c.Username, c.Password = p.first.Username, setting.NewSecret(p.first.Password)
	if change != nil {
		change(&c)
	}
	if p.mailer, err = Open(c); err != nil {
		t.Fatal(err)
	}
	// The servers have different passwords; each of ours knows its own.
	p.mailer.servers[1].config.Password = setting.NewSecret(p.second.Password)
	return p
}

func (p *pair) send(t *testing.T) error {
	t.Helper()
	return p.mailer.Send(t.Context(), delivery.Message{Kind: delivery.KindCode, To: "alice@example.org", Code: "12345678", ID: "job-1"})
}

func (p *pair) arrived() [2]int {
	return [2]int{len(p.first.Messages()), len(p.second.Messages())}
}

func TestFallbacks(t *testing.T) {
	p := newPair(t, nil)
	if err := p.send(t); err != nil || p.arrived() != [2]int{1, 0} {
		t.Fatalf("%v, arrived %v", err, p.arrived())
	}
	if got := p.first.Messages()[0].Header.Get("Message-Id"); got != "<job-1@example.org>" {
		t.Errorf("Message-ID %s", got)
	}
	p.gates[0].down()
	if err := p.send(t); err != nil || p.arrived() != [2]int{1, 1} {
		t.Fatalf("first down: %v, arrived %v", err, p.arrived())
	}
	// The first one is up again, and rests.
	p.gates[0].up()
	before := p.gates[0].came.Load()
	if err := p.send(t); err != nil || p.arrived() != [2]int{1, 2} || p.gates[0].came.Load() != before {
		t.Errorf("resting: %v, arrived %v, %d connections", err, p.arrived(), p.gates[0].came.Load()-before)
	}
	p.mailer.servers[0].setRest(time.Now())
	if err := p.send(t); err != nil || p.arrived() != [2]int{2, 2} {
		t.Errorf("rested: %v, arrived %v", err, p.arrived())
	}
	// Both down: all the same one is asked each time, by turns.
	p.gates[0].down()
	p.gates[1].down()
	for range 3 {
		if err := p.send(t); !errors.Is(err, delivery.ErrUnreachable) {
			t.Errorf("both down: %v", err)
		}
	}
	p.gates[0].up()
	if err := p.send(t); err != nil || p.arrived() != [2]int{3, 2} {
		t.Errorf("back: %v, arrived %v", err, p.arrived())
	}
}

func TestFallbacksByAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		behavior testenv.MailBehavior
		arrived  [2]int
		want     error
	}{
		"later":            {testenv.MailBehavior{Recipient: 450}, [2]int{0, 1}, nil},
		"content later":    {testenv.MailBehavior{Content: 451}, [2]int{0, 1}, nil},
		"STARTTLS gone":    {testenv.MailBehavior{StripStartTLS: true}, [2]int{0, 1}, nil},
		"unknown":          {testenv.MailBehavior{Recipient: 550}, [2]int{0, 0}, delivery.ErrPermanent},
		"content refused":  {testenv.MailBehavior{Content: 554}, [2]int{0, 0}, delivery.ErrPermanent},
		"no answer at all": {testenv.MailBehavior{Delay: time.Minute}, [2]int{0, 0}, delivery.ErrUncertain},
	} {
		p := newPair(t, func(c *Config) {
			if test.behavior.Delay > 0 {
				c.Timeout = setting.Duration(3 * time.Second)
			}
		})
		p.first.Behave(test.behavior)
		if err := p.send(t); !errors.Is(err, test.want) || (test.want == nil && err != nil) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if got := p.arrived(); !slices.Equal(got[:], test.arrived[:]) {
			t.Errorf("%s: arrived %v, want %v", name, got, test.arrived)
		}
	}
}
