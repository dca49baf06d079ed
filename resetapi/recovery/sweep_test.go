package recovery

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/directory"
)

// sweepAll makes rounds of the sweeper until all that is pending was looked at.
func (h *harness) sweepAll(t testing.TB) error {
	t.Helper()
	var from uint64
	for {
		next, err := h.sweepOnce(context.Background(), from)
		if err != nil || next == 0 {
			return err
		}
		from = next
	}
}

// abandon leaves n writes to n people with no outcome, on one server.
func (h *harness) abandon(t *testing.T, n int, server string) []stored {
	t.Helper()
	all := make([]stored, n)
	for i := range all {
		at := h.clockNow()
		r := Record{
			ID: fmt.Sprintf("%s %d", server, i), State: Ready, StartedAt: at, TouchedAt: at, Required: Requirement{1, []Method{EmailCode}},
			Subject: Subject{Directory: "test", Person: directory.ID{Kind: "entryUUID", Bytes: fmt.Sprintf("%-16.16s", fmt.Sprint(server, i))}.String()},
		}
		r.Proofs = []Proof{{Method: EmailCode, Person: r.Subject.Person}}
		if err := h.Store.create(t.Context(), r, time.Hour); err != nil {
			t.Fatal(err)
		}
		old, err := h.Store.load(t.Context(), r.ID)
		for _, step := range []struct {
			event Event
			save  saver
		}{
			{Claimed{"claim"}, h.claim},
			{Aimed{Claim: "claim", Server: server, DN: "uid=x"}, h.swap},
			{Wrote{Claim: "claim", Outcome: OutcomeUnknown}, h.swap},
		} {
			if err == nil {
				_, err = h.change(t.Context(), old, step.event, step.save)
			}
			if err == nil {
				old, err = h.Store.load(t.Context(), r.ID)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		all[i] = old
	}
	h.forward(2 * time.Minute)
	return all
}

// TestSweeperPassesWhatCannotBeSettled: a server that is gone holds up neither
// the sweeper for long nor the writes to another.
func TestSweeperPassesWhatCannotBeSettled(t *testing.T) {
	h := newHarness(t, nil)
	h.abandon(t, 3*pendingPage, "gone")
	other := h.abandon(t, 1, "there")[0]
	var asked atomic.Int32
	h.dir.settle = func(a directory.Attempt, _ string) (directory.Settlement, error) {
		if a.Server == "gone" {
			asked.Add(1)
			return directory.Undecided, directory.ErrUnavailable
		}
		return directory.Changed, nil
	}
	var from uint64
	rounds := 0
	for rounds < 10 && h.record(t, other.ID).State != Done {
		rounds++
		from, _ = h.sweepOnce(t.Context(), from)
	}
	if rounds == 10 {
		t.Fatal("a write that could be settled was never looked at")
	}
	if most := int32(rounds * sweepers); asked.Load() > most {
		t.Errorf("a server that is away was asked %d times in %d rounds, want at most %d", asked.Load(), rounds, most)
	}
}
