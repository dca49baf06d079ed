package ldapsync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// meter notes who leads.
type meter struct {
	mu      sync.Mutex
	leads   bool
	lag     time.Duration
	changes map[string]int64
	batches int
}

func (m *meter) SyncBatch(_ string, changes map[string]int64, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches++
	for kind, n := range changes {
		m.changes[kind] += n
	}
}

func (m *meter) SyncShared(string, int, int) {}

func (m *meter) SyncState(_ string, leads bool, lag time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leads, m.lag = leads, lag
}

func (m *meter) leading() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leads
}

func (m *meter) count(kind string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes[kind]
}

// Of two followers one leads; when it ends, the other goes on where it was.
func TestOneLeads(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	var meters [2]*meter
	var stops [2]func()
	for i := range meters {
		meters[i] = &meter{changes: make(map[string]int64)}
		follower := f.follower()
		follower.Meter = meters[i]
		stops[i] = start(t, follower)
	}
	f.equal(t, "the first load")
	f.passed(t, time.Time{}) // the cursor comes last
	await(t, "one leads", func() bool { return meters[0].leading() != meters[1].leading() })
	first := 0
	if meters[1].leading() {
		first = 1
	}
	loads := f.status(t).Pass
	stops[first]()
	await(t, "the other leads", meters[1-first].leading)
	f.ground.remove(t, "p1", f.staff)
	f.equal(t, "a change under the other")
	m := meters[1-first]
	await(t, "it is counted", func() bool { return m.count("removed") == 2 })
	m.mu.Lock()
	defer m.mu.Unlock()
	if meters[first].leading() || m.changes["found"] != 0 || m.changes["gone"] != 1 {
		t.Errorf("the other began anew: %v, pass %d then %d", m.changes, loads, f.status(t).Pass)
	}
}

// A leader that was replaced without knowing it writes nothing, neither cards nor
// a cursor.
func TestAReplacedLeaderWritesNothing(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	f.run(t)
	f.equal(t, "the first load")
	f.halt()
	fences := f.keys.Index("sync", "staff")
	old, err := f.store.TakeLease(t.Context(), fences, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	cards := f.cards.Followed("staff", old)
	if err := cards.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	drop := func(_ int, c *contact.Card) bool { c.Contacts = nil; return true }
	await(t, "the lease ran out", func() bool {
		held, err := f.ledger.Led(t.Context(), "staff")
		return err == nil && !held
	})
	since := time.Now()
	f.run(t)
	await(t, "a new leader", func() bool { held, _ := f.ledger.Led(t.Context(), "staff"); return held })
	await(t, "it is in step", func() bool { return f.status(t).InStepAt.After(since) })
	f.equal(t, "the new leader")
	for id := range f.found(t) {
		if err := cards.Update(t.Context(), 9, []string{id}, drop); !errors.Is(err, store.ErrFenced) {
			t.Errorf("the old leader wrote: %v", err)
		}
	}
	if err := cards.Unseen(t.Context(), 1<<40, func(c *contact.Card) bool { c.Contacts = nil; return true }); !errors.Is(err, store.ErrFenced) {
		t.Errorf("the old leader swept: %v", err)
	}
	if err := f.store.KeepLease(t.Context(), fences, old, time.Second); !errors.Is(err, store.ErrFenced) {
		t.Errorf("the old leader kept the lease: %v", err)
	}
	f.equal(t, "the old leader's tries")
}

// A follower that does not know that it was replaced learns it from its next
// batch, and its cursor does not count.
func TestAReplacedFollowerStops(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	m := &meter{changes: make(map[string]int64)}
	follower := f.follower()
	follower.Meter, follower.Lifetime = m, time.Hour
	start(t, follower)
	f.equal(t, "the first load")
	f.passed(t, time.Time{}) // the cursor comes last
	await(t, "it leads", m.leading)
	name := f.keys.Index("sync", "staff")
	if err := f.store.Del(t.Context(), store.LeaseKey(name)).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.TakeLease(t.Context(), name, time.Hour); err != nil {
		t.Fatal(err)
	}
	state := f.ledger.FollowState("staff")
	before, err := f.store.HGet(t.Context(), state, "cursor").Result()
	if err != nil {
		t.Fatal(err)
	}
	f.ground.remove(t, "p1", f.staff)
	await(t, "it stops", func() bool { return !m.leading() })
	if after, err := f.store.HGet(t.Context(), state, "cursor").Result(); err != nil || after != before {
		t.Errorf("its cursor counts: %v", err)
	}
}

// A directory, or a Redis, that is away is made up for, and a Redis that lost
// the fences does not shut everyone out.
func TestRedisComesBack(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	f.run(t)
	f.equal(t, "the first load")
	f.redis.Stop()
	f.ground.remove(t, "p1", f.staff)
	f.change(t, "p2", f.staff, fmt.Sprintf("replace: %s\n%[1]s: +4915199999999\n", f.mobile))
	if err := f.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.equal(t, "a Redis that was away")
	f.halt()
	keys, err := f.redis.Admin(t.Context(), "--scan", "--pattern", "latchkey:{hot}:*")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields(keys) {
		if _, err := f.redis.Admin(t.Context(), "DEL", key); err != nil {
			t.Fatal(err)
		}
	}
	f.ground.remove(t, "p3", f.staff)
	f.run(t)
	f.equal(t, "a Redis that lost everything but the cards")
}

// Stopping ends everything soon, also while everyone is read.
func TestStoppingIsSoon(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	slow := f.follower()
	slow.Source = hanging{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); slow.Run(ctx) }()
	await(t, "it leads", func() bool { held, _ := f.ledger.Led(t.Context(), "staff"); return held })
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	if held, err := f.ledger.Led(t.Context(), "staff"); err != nil || held {
		t.Errorf("the lease is held still: %v", err)
	}
}

// hanging tells nothing.
type hanging struct{}

func (hanging) Follow(ctx context.Context, _ ldapsync.Cursor, _ func(ldapsync.Change) error) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// A server that hangs with its connections open is left, and followed again.
func TestAServerThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{Quiet: true, LDIF: units(testenv.BaseDN)})
	g := (&ground{config: configFor(s), modify: s.Modify, idOf: entryUUID}).likeUnix(testenv.BaseDN)
	g.config.OperationTimeout, g.config.ConnectTimeout = setting.Duration(500*time.Millisecond), setting.Duration(500*time.Millisecond)
	f := newFollowed(t, g, ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	f.run(t)
	f.equal(t, "the first load")
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	await(t, "the stream ends", func() bool { return f.status(t).Failure != "" })
	if err := s.Continue(); err != nil {
		t.Fatal(err)
	}
	f.ground.remove(t, "p1", f.staff)
	f.equal(t, "a server that hung")
}
