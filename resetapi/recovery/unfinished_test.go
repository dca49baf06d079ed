package recovery

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/resetapi/delivery"
)

// halfway makes the directory replace the password by a temporary one and refuse
// the rest.
func (h *harness) halfway(login string, rest error) {
	h.dir.onWrite = func(*directory.Person) { h.dir.people[login].ChangeStamp = "halfway" }
	h.dir.setErr = &directory.UnfinishedError{ChangeStamp: "halfway", Err: rest}
}

// TestMustFinish: after the first half the recovery goes on, its holder is told
// what is so, and everything else of the person is over.
func TestMustFinish(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket, other := h.prove(t, h.begin(t, "alice"), EmailCode), h.prove(t, h.begin(t, "alice"), EmailCode)
	h.kinds()
	h.dir.people["alice"].State = directory.Locked // by tries with the old password, say
	h.halfway("alice", &directory.RefusedError{Reasons: []directory.Reason{directory.InHistory}})
	for i := range 2 {
		_, err := h.SetPassword(t.Context(), ticket, newPassword)
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || !slices.Equal(refused.Reasons, []string{string(directory.InHistory)}) {
			t.Fatalf("%v", err)
		}
		if v, err := h.View(t.Context(), ticket); err != nil || v.Step != StepSetPassword || !v.MustFinish {
			t.Errorf("%+v, %v", v, err)
		}
		if _, err := h.Unlock(t.Context(), ticket); !errors.Is(err, ErrNotNow) {
			t.Errorf("the unlocking, which would keep the password that nobody knows: %v", err)
		}
		want := []string{delivery.KindUnfinished}
		if i > 0 {
			want = nil // told once
		}
		if got := h.kinds(); !slices.Equal(got, want) {
			t.Errorf("told at try %d: %v", i+1, got)
		}
	}
	if _, err := h.SetPassword(t.Context(), other, newPassword); err == nil {
		t.Error("another recovery goes on")
	}
	h.dir.setErr, h.dir.onWrite = nil, nil
	v, err := h.SetPassword(t.Context(), ticket, newPassword)
	if err != nil || v.Step != StepDone || v.MustFinish {
		t.Fatalf("%+v, %v", v, err)
	}
	if got := h.kinds(); !slices.Equal(got, []string{delivery.KindNotice}) {
		t.Errorf("told at the end: %v", got)
	}
	if got := h.audit.of(audit.WriteEnded); !slices.Equal(got, []string{"unfinished", "unfinished", "done"}) {
		t.Errorf("in the audit: %v", got)
	}
}

// TestMustFinishWhatCouldNotBeSent: the second half got lost before it left.
func TestMustFinishWhatCouldNotBeSent(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.halfway("alice", fmt.Errorf("%w: away", directory.ErrUnavailable))
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); !errors.Is(err, directory.ErrUnavailable) {
		t.Fatal(err)
	}
	if r := h.record(t, ticket.ID); r.State != Ready || !r.MustFinish || r.Refusals != 0 {
		t.Errorf("%+v", r)
	}
}

// TestUnfinishedHasAnEnd: refusals are counted as ever.
func TestUnfinishedHasAnEnd(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.halfway("alice", &directory.RefusedError{Reasons: []directory.Reason{directory.InHistory}})
	for range h.Config.RefusalsPerRecovery {
		_, err := h.SetPassword(t.Context(), ticket, newPassword)
		if err == nil {
			t.Fatal("the password was taken")
		}
	}
	if v, err := h.View(t.Context(), ticket); err != nil || v.Step != StepEnded || v.End != TooManyRefusals || !v.MustFinish {
		t.Errorf("%+v, %v", v, err)
	}
	h.dir.setErr, h.dir.onWrite = nil, nil
	next := h.prove(t, h.begin(t, "alice"), EmailCode)
	if v, err := h.SetPassword(t.Context(), next, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("a recovery begun anew: %+v, %v", v, err)
	}
}
