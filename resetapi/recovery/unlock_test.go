package recovery

import (
	"context"
	"errors"
	"slices"
	"testing"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/resetapi/delivery"
)

// locked is a harness in which alice is locked and has passed her gate.
func locked(t *testing.T, adapt func(*Parts)) (*harness, Ticket) {
	t.Helper()
	h := newHarness(t, adapt)
	h.add("alice").State = directory.Locked
	return h, h.prove(t, h.begin(t, "alice"), EmailCode)
}

// kinds are the kinds of the jobs that were queued since the last look, codes
// left out.
func (h *harness) kinds() []string {
	var kinds []string
	for {
		select {
		case j := <-h.jobs:
			if j.Kind != delivery.KindCode {
				kinds = append(kinds, j.Kind)
			}
		default:
			return kinds
		}
	}
}

func TestUnlock(t *testing.T) {
	h, ticket := locked(t, nil)
	other := h.prove(t, h.begin(t, "alice"), EmailCode)
	rules, err := h.PasswordRules(t.Context(), ticket)
	if err != nil || !rules.Locked {
		t.Fatalf("%+v, %v", rules, err)
	}
	h.kinds()
	v, err := h.Unlock(t.Context(), ticket)
	if err != nil || v.Step != StepDone || !v.Unlocked {
		t.Fatalf("%+v, %v", v, err)
	}
	if v, err := h.View(t.Context(), ticket); err != nil || v.Step != StepDone || !v.Unlocked {
		t.Errorf("afterwards: %+v, %v", v, err)
	}
	if h.dir.unlocks != 1 || h.dir.writes != 0 {
		t.Errorf("%d unlocks and %d passwords", h.dir.unlocks, h.dir.writes)
	}
	if got := h.kinds(); !slices.Equal(got, []string{delivery.KindUnlocked}) {
		t.Errorf("told: %v", got)
	}
	if intents, ends := h.audit.of(audit.UnlockIntended), h.audit.of(audit.UnlockEnded); len(intents) != 1 || !slices.Equal(ends, []string{"done"}) {
		t.Errorf("in the audit: %v %v", intents, ends)
	}
	for _, after := range []Ticket{ticket, other} {
		if _, err := h.Unlock(t.Context(), after); err == nil {
			t.Error("unlocked twice")
		}
		if _, err := h.SetPassword(t.Context(), after, newPassword); err == nil {
			t.Error("a password is set after the unlock")
		}
	}
}

// TestUnlockOnAnotherServer where the first is a copy that takes no writes.
func TestUnlockOnAnotherServer(t *testing.T) {
	h, ticket := locked(t, nil)
	tries := 0
	h.dir.onUnlock = func(*directory.Person) {
		if tries++; tries == 1 {
			h.dir.unlockErr = directory.ErrReadOnly
			return
		}
		h.dir.unlockErr = nil
	}
	if v, err := h.Unlock(t.Context(), ticket); err != nil || !v.Unlocked || tries != 2 {
		t.Errorf("%+v, %v after %d tries", v, err, tries)
	}
}

// TestUnlockIsRefused: what keeps a password from being written keeps a lock from
// being taken away, and where there is none, nothing happens.
func TestUnlockIsRefused(t *testing.T) {
	superseded := &EndedError{Superseded}
	for name, test := range map[string]struct {
		change func(h *harness, p *directory.Person)
		adapt  func(*Parts)
		want   error
		step   Step
	}{
		"no lock":                {change: func(_ *harness, p *directory.Person) { p.State = directory.Active }, want: ErrNotNow, step: StepSetPassword},
		"not by the operator":    {adapt: func(p *Parts) { p.Directories[0].Unlocks = false }, want: ErrNotNow, step: StepSetPassword},
		"an administrator's":     {change: func(_ *harness, p *directory.Person) { p.State = directory.LockedByAdministrator }, want: superseded, step: StepEnded},
		"disabled":               {change: func(_ *harness, p *directory.Person) { p.State = directory.Disabled }, want: superseded, step: StepEnded},
		"the password changed":   {change: func(_ *harness, p *directory.Person) { p.ChangeStamp += "x" }, want: superseded, step: StepEnded},
		"the contacts changed":   {change: func(h *harness, p *directory.Person) { delete(h.cards, p.ID.String()) }, want: superseded, step: StepEnded},
		"protected":              {change: func(_ *harness, p *directory.Person) { p.Privileged = "tier 0" }, want: superseded, step: StepEnded},
		"gone":                   {change: func(h *harness, p *directory.Person) { delete(h.dir.people, p.Login) }, want: superseded, step: StepEnded},
		"everything is frozen":   {change: func(h *harness, _ *directory.Person) { h.frozen.all = true }, want: ErrFrozen, step: StepSetPassword},
		"their part is frozen":   {change: func(h *harness, p *directory.Person) { h.frozen.tops = []string{p.DN} }, want: ErrFrozen, step: StepSetPassword},
		"the directory is away":  {change: func(h *harness, _ *directory.Person) { h.dir.unlockErr = directory.ErrUnavailable }, want: directory.ErrUnavailable, step: StepSetPassword},
		"the audit is not there": {change: func(h *harness, _ *directory.Person) { h.audit.err = audit.ErrUnwritable }, want: audit.ErrUnwritable, step: StepSetPassword},
		"no right":               {change: func(h *harness, _ *directory.Person) { h.dir.unlockErr = directory.ErrNotAllowed }, want: ErrCannotUnlock, step: StepSetPassword},
	} {
		t.Run(name, func(t *testing.T) {
			h, ticket := locked(t, test.adapt)
			h.kinds()
			if test.change != nil {
				test.change(h, h.dir.people["alice"])
			}
			_, err := h.Unlock(t.Context(), ticket)
			ended, isEnded := errors.AsType[*EndedError](err)
			want, wantsEnd := errors.AsType[*EndedError](test.want)
			if isEnded != wantsEnd || isEnded && ended.End != want.End || !isEnded && !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			h.frozen, h.audit.err = fakeSwitch{}, nil
			if v, err := h.View(t.Context(), ticket); err != nil || v.Step != test.step {
				t.Errorf("afterwards: %+v, %v", v, err)
			}
			if told := h.kinds(); h.dir.unlocks != 0 || len(told) > 0 {
				t.Errorf("%d unlocks, told %v", h.dir.unlocks, told)
			}
		})
	}
}

// TestUnlockIsNotOfferedWhereItCannotBeDone: a new password still is.
func TestUnlockIsNotOfferedWhereItCannotBeDone(t *testing.T) {
	h, ticket := locked(t, nil)
	h.dir.unlockErr = directory.ErrNotAllowed
	if _, err := h.Unlock(t.Context(), ticket); !errors.Is(err, ErrCannotUnlock) {
		t.Fatal(err)
	}
	if rules, err := h.PasswordRules(t.Context(), ticket); err != nil || rules.Locked {
		t.Errorf("%+v, %v", rules, err)
	}
	if _, err := h.Unlock(t.Context(), ticket); !errors.Is(err, ErrNotNow) {
		t.Errorf("once more: %v", err)
	}
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone || v.Unlocked {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestSweeperFinishesAnUnlock whose process died before or after it, unless by
// then the person may not be unlocked any more.
func TestSweeperFinishesAnUnlock(t *testing.T) {
	for name, test := range map[string]struct {
		dies    func(h *harness, p *directory.Person)
		before  func(p *directory.Person)
		state   State
		unlocks int
		told    []string
	}{
		"before":        {state: Done, unlocks: 1, told: []string{delivery.KindUnlocked}},
		"after":         {before: func(p *directory.Person) { p.State = directory.Active }, state: Done, unlocks: 1, told: []string{delivery.KindUnlocked}},
		"and forbidden": {before: func(p *directory.Person) { p.State = directory.LockedByAdministrator }, state: Ended},
	} {
		t.Run(name, func(t *testing.T) {
			h, ticket := locked(t, nil)
			h.dir.onUnlock = func(*directory.Person) { panic("died") }
			func() {
				defer func() { _ = recover() }()
				_, _ = h.Unlock(context.Background(), ticket)
			}()
			h.dir.onUnlock = nil
			if r := h.record(t, ticket.ID); r.State != Writing || !r.Write.Unlock {
				t.Fatalf("state %s", r.State)
			}
			if test.before != nil {
				test.before(h.dir.people["alice"])
			}
			h.kinds()
			h.forward(h.Config.abandonedAfter() + h.Config.SettleEvery.Std())
			if err := h.sweepAll(t); err != nil {
				t.Fatal(err)
			}
			if r := h.record(t, ticket.ID); r.State != test.state || h.dir.unlocks != test.unlocks {
				t.Errorf("state %s after %d unlocks", r.State, h.dir.unlocks)
			}
			if got := h.kinds(); !slices.Equal(got, test.told) {
				t.Errorf("told %v, want %v", got, test.told)
			}
		})
	}
}
