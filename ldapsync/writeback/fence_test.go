package writeback_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/store"
)

// sleepy is an audit in which a worker falls asleep, once, before its first write.
type sleepy struct {
	journal
	asleep chan struct{}
	wake   chan struct{}
	once   sync.Once
}

func (s *sleepy) Record(ctx context.Context, e audit.Event) error {
	s.once.Do(func() {
		close(s.asleep)
		<-s.wake
	})
	return s.journal.Record(ctx, e)
}

// A leader that slept so long that another one began writes nothing any more,
// neither into the directory nor into a card.
func TestASleepingLeaderWritesNothing(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	alice := s.id(t, "alice")
	s.set(t, alice, contact.Registered, "+491701234567")
	first := s.worker(t)
	bed := &sleepy{asleep: make(chan struct{}), wake: make(chan struct{})}
	first.Audit = bed
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		first.Run(ctx)
	}()
	<-bed.asleep
	if got := s.written(t, alice); len(got) != 1 || !strings.HasPrefix(got[0], string(contact.Intended)) {
		t.Fatalf("the card says %q", got)
	}
	// Meanwhile the person changes their mind, and somebody else leads. The lease is
	// not asked about: the sleeper cannot know.
	s.set(t, alice, contact.Registered, "+491707654321")
	const later = 1 << 52 // greater than what the clock gives in this century
	if err := s.cards.Pending("staff", later).Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := s.written(t, alice)
	close(bed.wake)
	await(t, "the sleeper sees that it was replaced", func() bool {
		s.logs.mu.Lock()
		defer s.logs.mu.Unlock()
		return strings.Contains(s.logs.text.String(), store.ErrFenced.Error())
	})
	cancel()
	<-ended
	s.want(t, "nothing was written", "alice", s.mobile)
	if after := s.written(t, alice); len(after) != 1 || after[0] != before[0] {
		t.Errorf("the card changed from %q to %q", before, after)
	}
}
