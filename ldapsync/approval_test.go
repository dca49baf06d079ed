package ldapsync_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/ldapsync"
)

// script is a source that tells of numbered people: all have an address but those
// below empty. It ends the refresh only where whole is set.
type script struct {
	people, empty int
	whole         bool
	// last is told before the end of the refresh.
	last []ldapsync.Change
}

func numbered(n int) directory.ID {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(n+1))
	return directory.ID{Kind: "entryUUID", Bytes: string(id[:])}
}

func withAddress(n int) ldapsync.Change {
	return ldapsync.Change{What: ldapsync.Found, Entry: directory.Entry{
		ID: numbered(n), Attributes: map[string][]string{alternate: {fmt.Sprintf("p%d@home.example", n)}},
	}}
}

func (s script) Follow(ctx context.Context, _ ldapsync.Cursor, tell func(ldapsync.Change) error) error {
	all := []ldapsync.Change{{What: ldapsync.Began, Source: ldapsync.Syncrepl, Whole: true}}
	for n := range s.people {
		one := withAddress(n)
		if n < s.empty {
			one.Entry.Attributes = nil
		}
		all = append(all, one)
	}
	all = append(all, s.last...)
	if s.whole {
		all = append(all, ldapsync.Change{What: ldapsync.Complete}, ldapsync.Change{What: ldapsync.InStep})
	}
	for _, one := range all {
		if err := tell(one); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// scripted follows a script until stop.
func (s *site) scripted(t *testing.T, source script) (stop func()) {
	t.Helper()
	f := s.follower(s.keys)
	f.Source = source
	return start(t, f)
}

// passedScript follows a script until everyone was told.
func (s *site) passedScript(t *testing.T, ledger *ldapsync.Ledger, source script) {
	t.Helper()
	since := time.Now()
	stop := s.scripted(t, source)
	await(t, "everyone was told", func() bool {
		status, err := ledger.Status(t.Context(), "staff")
		return err == nil && status.FullAt.After(since)
	})
	stop()
}

// S52: whatever ends the process while something approved is removed, in all no
// more than that is.
func TestS52_AnApprovalIsGoodForItsNumber(t *testing.T) {
	for name, test := range map[string]struct {
		// empty are those who have no address when the next one reads everyone.
		empty  int
		finish bool
	}{
		"the rest goes":         {1500, true},
		"more than was shown":   {2200, false},
		"more than is left":     {1501, false},
		"fewer than was shown":  {1400, true},
		"everything came again": {0, true},
	} {
		t.Run(name, func(t *testing.T) {
			const people, shown = 3000, 1500
			s := newSite(t, "")
			s.Config.MaxRemovals = 100
			ledger := ldapsync.NewLedger(s.store, s.keys)
			s.passedScript(t, ledger, script{people: people, whole: true})
			s.passedScript(t, ledger, script{people: people, empty: shown, whole: true})
			w, err := ledger.Approve(t.Context(), "staff")
			if err != nil || w.Contacts != shown || s.total(t) != people {
				t.Fatalf("%+v, %v, %d contacts", w, err, s.total(t))
			}
			// The pass that follows ends in the middle of what it removes.
			// It tells no more than are written at once, so that what was spent of the
			// approval is what is gone.
			stop := s.scripted(t, script{people: 1000, empty: 1000})
			await(t, "the first are removed", func() bool { return s.total(t) <= people-1000 })
			stop()
			gone := people - s.total(t)
			if gone > shown {
				t.Fatalf("%d contacts are gone", gone)
			}
			s.passedScript(t, ledger, script{people: people, empty: test.empty, whole: true})
			want := people - max(gone, test.empty)
			if test.empty == 0 {
				want = people
			}
			if !test.finish {
				want = people - gone
			}
			if got := s.total(t); got != want {
				t.Errorf("%d contacts are left, want %d (%d were gone)", got, want, gone)
			}
			status, err := ledger.Status(t.Context(), "staff")
			if err != nil || (status.Waiting == nil) != test.finish {
				t.Errorf("%+v, %v", status.Waiting, err)
			}
			if status.Waiting != nil {
				if status.Waiting.Contacts != test.empty-gone {
					t.Errorf("it waits for %d contacts, want %d", status.Waiting.Contacts, test.empty-gone)
				}
				return
			}
			if _, err := ledger.Approve(t.Context(), "staff"); !errors.Is(err, ldapsync.ErrNothingWaits) {
				t.Error(err)
			}
		})
	}
}

// S52: who is told twice in a pass, because they changed meanwhile, is one person:
// the share that may go is one of the people that there are.
func TestS52_WhoIsToldTwiceIsOnePerson(t *testing.T) {
	const people, empty = 1000, 150
	s := newSite(t, "")
	s.Config.MaxRemovalsPercent = 10
	ledger := ldapsync.NewLedger(s.store, s.keys)
	// So many make two batches.
	var again []ldapsync.Change
	for n := empty; n < people; n++ {
		again = append(again, withAddress(n), ldapsync.Change{What: ldapsync.Present, ID: numbered(n)})
	}
	s.passedScript(t, ledger, script{people: people, whole: true, last: again})
	s.passedScript(t, ledger, script{people: people, empty: empty, whole: true, last: again})
	status, err := ledger.Status(t.Context(), "staff")
	if err != nil || status.People != people || status.Waiting == nil || status.Waiting.OfPeople != people || status.Waiting.OfContacts != people {
		t.Errorf("%v, %+v, it waits for %+v", err, status, status.Waiting)
	}
	if got := s.total(t); got != people {
		t.Errorf("%d contacts are left, want %d", got, people)
	}
}

// What was held of someone does not count any more once something newer is told
// of them in the same pass.
func TestTheLastWordOfAPassCounts(t *testing.T) {
	s := newSite(t, "")
	s.Config.MaxRemovalsPercent = 100
	ledger := ldapsync.NewLedger(s.store, s.keys)
	s.passedScript(t, ledger, script{people: 1500, whole: true})
	s.passedScript(t, ledger, script{people: 1500, empty: 3, whole: true, last: []ldapsync.Change{withAddress(1)}})
	if got := s.total(t); got != 1498 {
		t.Errorf("%d contacts are left, want 1498", got)
	}
	s.want(t, numbered(1).String(), "sync p1@home.example")
}
