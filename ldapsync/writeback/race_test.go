package writeback_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/setting"
	"latchkey/ldapsync"
)

// synced follows the same attributes until the function that it returns is called.
func (s *site) synced(t testing.TB) (ldapsync.Config, *ldapsync.Ledger, func()) {
	t.Helper()
	c := ldapsync.Defaults()
	c.Directory, c.Email, c.Mobile, c.MaxRemovalsPercent = "staff", []string{s.email}, []string{s.mobile}, 100
	c.PollInterval = setting.Duration(100 * time.Millisecond)
	f := &ldapsync.Follower{
		Config: c, Source: ldapsync.NewStream(s.people, c), Cards: s.cards, Store: s.store, Keys: s.keys,
		Logger: slog.New(slog.DiscardHandler), Lifetime: 20 * time.Second,
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx)
	}()
	halt := sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(halt)
	return c, ldapsync.NewLedger(s.store, s.keys), halt
}

// found returns the contacts of a card, each as "source value".
func (s *site) found(t testing.TB, person string) []string {
	t.Helper()
	var all []string
	err := s.cards.Read(context.Background(), "staff", []string{person}, func(_ int, c contact.Card, err error) {
		if err != nil {
			t.Error(err)
		}
		for _, one := range c.Contacts {
			all = append(all, string(one.Source)+" "+one.Value)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// What a person takes away does not come back from the directory as a contact
// of the directory's, not while it is being taken away there, nor when that is
// refused, nor by what was read before.
func TestWriteBackDoesNotComeBack(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	const n, other = "+491701234567", "+491707654321"
	alice := s.id(t, "alice")
	halt := s.run(t)
	_, ledger, _ := s.synced(t)
	s.set(t, alice, contact.Registered, n)
	s.want(t, "set", "alice", s.mobile, n)
	// The synchronization reads the entry once more, with something else beside.
	s.others(t, "alice", "add", s.mobile, other)
	await(t, "the other comes", func() bool { return slices.Contains(s.found(t, alice), "sync "+other) })
	if got := s.found(t, alice); !slices.Equal(got, []string{"registered " + n, "sync " + other}) {
		t.Errorf("what was written came back: %q", got)
	}

	// Nobody takes it away in the directory, and the entry is read again and again.
	halt()
	s.set(t, alice, contact.Registered)
	for i := range 3 {
		marker := fmt.Sprintf("+4917055555%02d", i)
		s.others(t, "alice", "add", s.mobile, marker)
		await(t, "it is read", func() bool { return slices.Contains(s.found(t, alice), "sync "+marker) })
		if got := s.found(t, alice); slices.ContainsFunc(got, func(one string) bool { return one == "sync "+n || one == "registered "+n }) {
			t.Fatalf("it is back: %q", got)
		}
	}
	// A single pass passes over it as well.
	if report, err := (&ldapsync.Syncer{Config: syncedOnce(s), Source: s.people, Cards: s.cards}).Run(t.Context()); err != nil || report.Written != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	halt = s.run(t)
	s.want(t, "taken away at last", "alice", s.mobile, other, "+491705555500", "+491705555501", "+491705555502")
	// Somebody read the entry before, and writes now.
	s.others(t, "alice", "add", s.mobile, n)
	s.others(t, "alice", "add", s.mobile, "+491705555599")
	await(t, "it is read", func() bool { return slices.Contains(s.found(t, alice), "sync +491705555599") })
	if got := s.found(t, alice); slices.Contains(got, "sync "+n) {
		t.Errorf("what was taken away a moment ago is back: %q", got)
	}
	s.quiet(t)
	s.want(t, "but it is theirs in the directory", "alice", s.mobile, n, other, "+491705555500", "+491705555501", "+491705555502", "+491705555599")
	if status, err := ledger.Status(t.Context(), "staff"); err != nil || status.Waiting != nil {
		t.Errorf("%+v, %v", status, err)
	}
	halt()
}

// A contact that was taken away and is entered again waits, and is not woken up by
// what a synchronization still reads of the one before (SECURITY: S48).
func TestWriteBackWakesNobodyUp(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	const n, marker = "+491701234567", "+491705555599"
	alice := s.id(t, "alice")
	s.run(t)
	s.synced(t)
	s.set(t, alice, contact.Registered, n)
	s.want(t, "set", "alice", s.mobile, n)
	s.set(t, alice, contact.Registered)
	s.want(t, "taken away", "alice", s.mobile)
	s.quiet(t)
	again := contact.Entry{Addresses: []contact.Address{{Kind: contact.Mobile, Value: n}}, Source: contact.Registered, At: time.Now(), Rest: time.Hour}
	if err := s.cards.Update(t.Context(), "staff", alice, func(c *contact.Card) error { c.Contacts = c.Entered(again); return nil }); err != nil {
		t.Fatal(err)
	}
	s.quiet(t)
	s.want(t, "while it waits", "alice", s.mobile)
	// Somebody read the entry before, and writes now.
	s.others(t, "alice", "add", s.mobile, n, marker)
	await(t, "it is read", func() bool { return slices.Contains(s.found(t, alice), "sync "+marker) })
	if got := s.found(t, alice); !slices.Equal(got, []string{"registered " + n, "sync " + marker}) {
		t.Errorf("what waits counts as the directory's: %q", got)
	}
}

func syncedOnce(s *site) ldapsync.Config {
	c := ldapsync.Defaults()
	c.Directory, c.Email, c.Mobile, c.MaxRemovalsPercent = "staff", []string{s.email}, []string{s.mobile}, 100
	return c
}

// Both at once, with people changing their minds: in the end the directory has what
// the cards and others say, and no card has a contact of the directory's that
// Latchkey wrote there.
func TestWriteBackBesideASynchronization(t *testing.T) {
	t.Parallel()
	g, _ := onOpenLDAP(t)
	s := newSite(t, g)
	alice := s.id(t, "alice")
	s.run(t)
	s.synced(t)
	const theirs = "+491700000000"
	s.others(t, "alice", "add", s.mobile, theirs)
	await(t, "theirs comes", func() bool { return slices.Contains(s.found(t, alice), "sync "+theirs) })
	var last string
	for i := range 40 {
		last = ours(i)
		s.set(t, alice, contact.Registered, last)
		if i%2 == 0 {
			s.others(t, "alice", "replace", "title", fmt.Sprint(i))
		}
		if i%3 == 0 {
			await(t, "it is written", func() bool { return slices.Contains(s.values(t, "alice", s.mobile), last) })
		}
		for _, one := range s.found(t, alice) {
			if one != "registered "+last && one != "sync "+theirs {
				t.Fatalf("the card has %q", one)
			}
		}
	}
	s.want(t, "in the end", "alice", s.mobile, theirs, last)
	await(t, "so has the card", func() bool {
		return slices.Equal(s.found(t, alice), []string{"registered " + last, "sync " + theirs})
	})
}
