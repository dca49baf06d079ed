package recovery

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/resetapi/delivery"
)

func (h *harness) claimChange(t *testing.T, login string) (ChangeClaim, error) {
	t.Helper()
	p, err := h.dir.Find(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	return h.ClaimChange(t.Context(), KnownChange{Directory: "test", Person: p, Languages: "de", Address: netip.MustParseAddr("192.0.2.1")})
}

// TestChangeOfAKnownPassword: each outcome has its own step and audit, and only
// one that may have been made is told.
func TestChangeOfAKnownPassword(t *testing.T) {
	for name, test := range map[string]struct {
		failure error
		step    Step
		outcome string
		told    []string
	}{
		"done":        {nil, StepDone, "done", []string{delivery.KindChanged}},
		"refused":     {&directory.RefusedError{Reasons: []directory.Reason{directory.InHistory}}, StepEnded, "refused", nil},
		"not allowed": {directory.ErrNotAllowed, StepEnded, "not allowed", nil},
		"away":        {directory.ErrUnavailable, StepEnded, "nothing", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.add("alice")
			open := h.prove(t, h.begin(t, "alice"), EmailCode)
			c, err := h.claimChange(t, "alice")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.SetPassword(t.Context(), open, newPassword); !errors.Is(err, ErrBusy) {
				t.Errorf("a recovery writes meanwhile: %v", err)
			}
			if _, err := h.claimChange(t, "alice"); !errors.Is(err, ErrBusy) {
				t.Errorf("another change meanwhile: %v", err)
			}
			h.kinds()
			step, err := h.EndChange(t.Context(), c, test.failure, newPassword)
			if err != nil || step != test.step {
				t.Errorf("%s, %v", step, err)
			}
			if got := h.kinds(); !slices.Equal(got, test.told) {
				t.Errorf("told %v, want %v", got, test.told)
			}
			if got := h.audit.of(audit.ChangeEnded); !slices.Equal(got, []string{test.outcome}) || len(h.audit.of(audit.ChangeIntended)) != 1 {
				t.Errorf("in the audit: %v", got)
			}
			_, err = h.SetPassword(t.Context(), open, newPassword)
			if ended, ok := errors.AsType[*EndedError](err); (err == nil) == (test.told != nil) || ok && ended.End != Superseded {
				t.Errorf("a recovery from before: %v", err)
			}
		})
	}
}

// TestNoChangeWithoutItsIntent: an audit that cannot be written gives no claim,
// and leaves nothing behind.
func TestNoChangeWithoutItsIntent(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	h.audit.err = audit.ErrUnwritable
	if _, err := h.claimChange(t, "alice"); !errors.Is(err, audit.ErrUnwritable) {
		t.Errorf("%v", err)
	}
	h.audit.err = nil
	if _, err := h.claimChange(t, "alice"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAChangeOfUnknownOutcome is settled like a reset, also after its process died,
// and is then over: nobody holds it.
func TestAChangeOfUnknownOutcome(t *testing.T) {
	for name, test := range map[string]struct {
		says  directory.Settlement
		state State
		told  []string
	}{
		"made":     {directory.Changed, Done, []string{delivery.KindChanged}},
		"not made": {directory.NotWritten, Ended, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.add("alice")
			c, err := h.claimChange(t, "alice")
			if err != nil {
				t.Fatal(err)
			}
			h.dir.settle = func(a directory.Attempt, password string) (directory.Settlement, error) {
				if !a.OwnChange || password != "" {
					t.Errorf("settled as %+v with a password: %v", a, password != "")
				}
				return test.says, nil
			}
			for range 2 {
				h.forward(h.Config.abandonedAfter() + h.Config.SettleEvery.Std())
				if err := h.sweepAll(t); err != nil {
					t.Fatal(err)
				}
			}
			if r := h.record(t, c.ID()); r.State != test.state {
				t.Errorf("state %s", r.State)
			}
			if got := h.kinds(); !slices.Equal(got, test.told) {
				t.Errorf("told %v", got)
			}
			if _, err := h.claimChange(t, "alice"); err != nil {
				t.Errorf("the lock stays: %v", err)
			}
		})
	}
}

// TestAChangeIsSettledAtOnce by a sign-in with the new password.
func TestAChangeIsSettledAtOnce(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	c, err := h.claimChange(t, "alice")
	if err != nil {
		t.Fatal(err)
	}
	h.dir.settle = func(_ directory.Attempt, password string) (directory.Settlement, error) {
		if password != newPassword {
			t.Error("asked without the new password")
		}
		return directory.Written, nil
	}
	step, err := h.EndChange(context.Background(), c, &directory.UnknownError{Err: errors.New("no answer")}, newPassword)
	if err != nil || step != StepDone {
		t.Errorf("%s, %v", step, err)
	}
	if got := h.kinds(); !slices.Equal(got, []string{delivery.KindChanged}) {
		t.Errorf("told %v", got)
	}
}

// TestAChangeIsNoRecovery: nothing that recoveries do can be done to its record.
func TestAChangeIsNoRecovery(t *testing.T) {
	r := Record{State: Started, Change: true, StartedAt: changeBegun, TouchedAt: changeBegun, Shown: Requirement{1, []Method{EmailCode}}}
	subject := Subject{Person: "p"}
	for _, event := range []Event{
		Found{subject, Requirement{1, []Method{EmailCode}}},
		NotFound{},
		Opened{Challenge{Method: EmailCode}},
		Claimed{"c"},
		UnlockClaimed{"c"},
		Overtaken{},
		Abandoned{},
		GuessesExhausted{},
		ChangeClaimed{Claim: "c"},
	} {
		if next, err := Next(r, event, changeBegun, Defaults()); !errors.Is(err, ErrNotNow) || next.State != Started {
			t.Errorf("%T: %s, %v", event, next.State, err)
		}
	}
	r.Change = false
	if _, err := Next(r, ChangeClaimed{Claim: "c", Subject: subject}, changeBegun, Defaults()); !errors.Is(err, ErrNotNow) {
		t.Errorf("a recovery gets the claim of a change: %v", err)
	}
}

var changeBegun = time.Unix(1_800_000_000, 0)
