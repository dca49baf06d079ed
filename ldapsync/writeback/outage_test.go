package writeback_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/testenv"
	"latchkey/ldapsync/writeback"
)

// F05: what is set while the directory is away comes there when it is back, and
// the status says so meanwhile.
func TestF05_WriteBackWaitsForTheDirectory(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	alice, bob := s.id(t, "alice"), s.id(t, "bob")
	s.run(t)
	s.set(t, bob, contact.Registered, "+491701234567")
	s.want(t, "before", "bob", s.mobile, "+491701234567")
	s.stop()
	s.set(t, alice, contact.Registered, "+491701111111")
	s.set(t, bob, contact.Registered)
	await(t, "it is told", func() bool {
		status, err := s.ledger.Status(context.Background(), "staff")
		return err == nil && status.Failure != "" && status.Waiting == 2
	})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(t, "after", "alice", s.mobile, "+491701111111")
	s.want(t, "after", "bob", s.mobile)
	await(t, "all is well", func() bool {
		status, err := s.ledger.Status(context.Background(), "staff")
		return err == nil && status.Failure == "" && status.Waiting == 0
	})
	s.wantNoValues(t)
}

// A write whose answer is lost is done or not; the next look tells, and the value
// is ours in both cases. (F03)
func TestF03_WriteBackWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(*testenv.LDAPProxy, func() bool){
		"the answer": func(p *testenv.LDAPProxy, once func() bool) {
			p.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
				return testenv.LDAPAction{Drop: m.Op == modifyResponse && once()}
			})
		},
		"the request": func(p *testenv.LDAPProxy, once func() bool) {
			p.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
				return testenv.LDAPAction{Drop: m.Op == modifyRequest && once()}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, slapd := onOpenLDAP(t)
			proxy := testenv.NewLDAPProxy(t, slapd, nil)
			g.config.Servers = []string{proxy.LDAPSURL}
			s := newSite(t, g)
			alice := s.id(t, "alice")
			drops := make(chan struct{}, 2)
			drops <- struct{}{}
			once := func() bool {
				select {
				case <-drops:
					return true
				default:
					return false
				}
			}
			lost(proxy, once)
			s.run(t)
			s.set(t, alice, contact.Registered, "+491701234567")
			s.want(t, "added", "alice", s.mobile, "+491701234567")
			await(t, "it is known to be ours", func() bool {
				states := s.written(t, alice)
				return len(states) == 1 && strings.HasPrefix(states[0], string(contact.Placed))
			})
			drops <- struct{}{}
			s.set(t, alice, contact.Registered)
			s.want(t, "removed", "alice", s.mobile)
			await(t, "it is known to be gone", func() bool {
				states := s.written(t, alice)
				return len(states) == 1 && !strings.HasPrefix(states[0], string(contact.Placed))
			})
			if len(drops) > 0 {
				t.Error("nothing was lost: the test tests nothing")
			}
		})
	}
}

const modifyRequest, modifyResponse = 6, 7

// Of two workers one works; when it ends, the other goes on.
func TestOneWritesBack(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	alice := s.id(t, "alice")
	first := s.run(t)
	await(t, "one leads", func() bool {
		led, err := s.ledger.Led(context.Background(), "staff")
		return err == nil && led
	})
	s.run(t)
	s.set(t, alice, contact.Registered, "+491701234567")
	s.want(t, "the first", "alice", s.mobile, "+491701234567")
	first()
	s.set(t, alice, contact.Registered, "+491707654321")
	s.want(t, "the second", "alice", s.mobile, "+491707654321")
	await(t, "both are recorded", func() bool { return s.journal.count("added") == 2 })
}

// What nobody noted is found when a worker begins: contacts of before it was
// configured, and those that a command with another configuration set.
func TestWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	alice := s.id(t, "alice")
	noting := s.cards
	s.cards = contact.NewStore(s.store, s.keys)
	s.set(t, alice, contact.Registered, "+491701234567")
	s.cards = noting
	s.Config.Sources = writeback.Defaults().Sources
	s.run(t)
	s.want(t, "from before", "alice", s.mobile, "+491701234567")
}

// It is in the directory within about a second.
func TestWriteBackIsSoon(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	alice := s.id(t, "alice")
	s.run(t)
	s.set(t, alice, contact.Registered, "+491701234567")
	s.want(t, "the first", "alice", s.mobile, "+491701234567")
	began := time.Now()
	s.set(t, alice, contact.Registered, "+491707654321")
	s.want(t, "the next", "alice", s.mobile, "+491707654321")
	t.Logf("it took %s", time.Since(began).Round(time.Millisecond))
}
