package change

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/recovery"
)

func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		begun := time.Now()
		outcome, err := service(w, nil).Change(t.Context(), request(" alice ", current))
		if outcome != Done || err != nil || w.writes != 1 || w.claims != 1 || !slices.Equal(w.ends, []error{nil}) {
			t.Errorf("%q, %v: %d writes, %d claims, ends %v", outcome, err, w.writes, w.claims, w.ends)
		}
		if w.cleared != 1 || !slices.Equal(w.outcomes, []string{"done"}) || time.Since(begun) > 0 {
			t.Errorf("tries given back %d times, %v, after %v", w.cleared, w.outcomes, time.Since(begun))
		}
	})
}

// TestS38_OneAnswer: whatever is wrong, the error is the same and comes at the
// same time, and only the audit knows why.
func TestS38_OneAnswer(t *testing.T) {
	for reason, test := range map[string]struct {
		login, old string
		adapt      func(*Parts)
	}{
		"nobody":         {login: "missing", old: current},
		"wrong_password": {login: "alice", old: "wrong"},
		"not_allowed":    {login: "off", old: current},
		"ambiguous":      {login: "twin", old: current},
		"suspended":      {login: "suspended", old: current},
		"changes_per_person": {login: "alice", old: current, adapt: func(p *Parts) {
			p.Limits = &world{limited: ratelimit.ChangesPerPerson}
		}},
		"no_policy": {login: "alice", old: current, adapt: func(p *Parts) {
			p.Policy = policy.New(nil, policy.Protected{}, policy.Administrators{})
		}},
	} {
		for _, takes := range []time.Duration{0, 900 * time.Millisecond} {
			t.Run(reason+" "+takes.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &world{takes: takes}
					begun := time.Now()
					_, err := service(w, test.adapt).Change(t.Context(), request(test.login, test.old))
					took := time.Since(begun)
					if !errors.Is(err, ErrWrong) || err.Error() != ErrWrong.Error() || took < time.Second || took > 1100*time.Millisecond {
						t.Errorf("%v after %v", err, took)
					}
					if w.writes+w.claims+w.cleared != 0 || !slices.Equal(w.reasons, []string{reason}) {
						t.Errorf("%d writes, %d claims; in the audit: %v", w.writes, w.claims, w.reasons)
					}
				})
			})
		}
	}
}

// TestSlowWorkIsAnsweredAtTheNextStep and so tells no more than its multiple.
func TestSlowWorkIsAnsweredAtTheNextStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{takes: 1200 * time.Millisecond}
		begun := time.Now()
		_, err := service(w, nil).Change(t.Context(), request("alice", "wrong"))
		if took := time.Since(begun); !errors.Is(err, ErrWrong) || took < 2*time.Second || took > 2100*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestRefusals: what the new password is refused for is told before anything is
// asked where it can be seen in what was typed, and else only to who gave the
// right password.
func TestRefusals(t *testing.T) {
	inHistory := &directory.RefusedError{Reasons: []directory.Reason{directory.InHistory}}
	for name, test := range map[string]struct {
		request Request
		fails   error
		want    []string
		ends    int
	}{
		"too short":           {Request{Login: "alice", Current: "wrong", New: "short"}, nil, []string{"too_short"}, 0},
		"the typed login":     {Request{Login: "alice", Current: "wrong", New: "alice is not here 7"}, nil, []string{"contains_login"}, 0},
		"the canonical login": {request("alias", current), nil, []string{"contains_login"}, 0},
		"the directory":       {request("alice", current), inHistory, []string{"in_history"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{fails: test.fails, step: recovery.StepEnded}
				_, err := service(w, nil).Change(t.Context(), test.request)
				refused, ok := errors.AsType[*recovery.RefusedError](err)
				if !ok || !slices.Equal(refused.Reasons, test.want) || len(w.ends) != test.ends {
					t.Errorf("%v, %d writes ended", err, len(w.ends))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		if _, err := service(&world{}, nil).Change(t.Context(), request("alias", "wrong")); !errors.Is(err, ErrWrong) {
			t.Errorf("the canonical login is told to who has no password: %v", err)
		}
	})
}

// TestTheSameForEveryone: what is not about the account is told alike, before any
// directory is asked.
func TestTheSameForEveryone(t *testing.T) {
	away := errors.New("away")
	for name, test := range map[string]struct {
		world   *world
		limited string
		want    error
	}{
		"the address":           {world: &world{limited: ratelimit.ChangesPerAddress}, limited: "192.0.2.1"},
		"the network":           {world: &world{limited: ratelimit.ChangesPerNetwork}, limited: "192.0.2.1"},
		"an office":             {world: &world{limited: ratelimit.ChangesPerOffice}, limited: "10.0.0.1"},
		"the login":             {world: &world{limited: ratelimit.ChangesPerLogin}, limited: "10.0.0.1"},
		"all":                   {world: &world{limited: ratelimit.Changes}, limited: "10.0.0.1"},
		"frozen":                {world: &world{stopped: recovery.ErrFrozen}, want: recovery.ErrFrozen},
		"no audit":              {world: &world{auditErr: audit.ErrUnwritable}, want: audit.ErrUnwritable},
		"the directory is away": {world: &world{findErr: away}, want: away},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, login := range []string{"alice", "missing"} {
					r := request(login, current)
					if test.limited != "" {
						r.Address = netip.MustParseAddr(test.limited)
					}
					_, err := service(test.world, nil).Change(t.Context(), r)
					_, isLimited := errors.AsType[*recovery.LimitedError](err)
					if isLimited != (test.limited != "") || !isLimited && !errors.Is(err, test.want) {
						t.Errorf("%s: %v", login, err)
					}
				}
				if test.world.writes != 0 || len(test.world.reasons) != 0 {
					t.Errorf("%d writes, %v", test.world.writes, test.world.reasons)
				}
			})
		})
	}
	if _, err := service(&world{}, nil).Change(t.Context(), request(" ", current)); !errors.Is(err, recovery.ErrBadLogin) {
		t.Errorf("no login: %v", err)
	}
}

// TestNothingIsWrittenWithoutItsClaim.
func TestNothingIsWrittenWithoutItsClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{claimErr: audit.ErrUnwritable}
		_, err := service(w, nil).Change(t.Context(), request("alice", current))
		if !errors.Is(err, audit.ErrUnwritable) || w.writes != 0 || len(w.ends) != 0 {
			t.Errorf("%v: %d writes, %v", err, w.writes, w.ends)
		}
	})
}

// TestChangeOnAnotherServer where the first is a copy that takes no writes.
func TestChangeOnAnotherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{fails: directory.ErrReadOnly, step: recovery.StepEnded}
		outcome, err := service(w, nil).Change(t.Context(), request("alice", current))
		if outcome != Done || err != nil || w.writes != 2 || w.claims != 2 || len(w.ends) != 2 {
			t.Errorf("%q, %v: %d writes, %d claims, ends %v", outcome, err, w.writes, w.claims, w.ends)
		}
	})
}

func TestUnknownOutcome(t *testing.T) {
	lost := &directory.UnknownError{Err: errors.New("no answer")}
	for step, want := range map[recovery.Step]Outcome{recovery.StepSettling: Unknown, recovery.StepDone: Done} {
		w := &world{fails: lost, step: step}
		outcome, err := service(w, nil).Change(t.Context(), request("alice", current))
		if outcome != want || err != nil || !slices.Equal(w.outcomes, []string{string(want)}) {
			t.Errorf("%s: %q, %v, counted %v", step, outcome, err, w.outcomes)
		}
	}
}

// TestHangingUpChangesNothing once a directory is asked.
func TestHangingUpChangesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &world{}
	if outcome, err := service(w, nil).Change(ctx, request("alice", current)); outcome != Done || err != nil {
		t.Errorf("%q, %v", outcome, err)
	}
}

// TestWorkersAreBounded: more are turned away, whoever they are.
func TestWorkersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{slots: make(chan struct{})}
		s := service(w, nil)
		for range 2 {
			go func() { _, _ = s.Change(t.Context(), request("alice", "wrong")) }()
		}
		synctest.Wait()
		for _, login := range []string{"alice", "missing"} {
			if _, err := s.Change(t.Context(), request(login, current)); !errors.Is(err, recovery.ErrBusy) {
				t.Errorf("%s: %v", login, err)
			}
		}
		close(w.slots)
	})
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]Config{
		"too soon": {AnswerAfter: setting.Duration(time.Millisecond), Workers: 1}, "too late": {AnswerAfter: setting.Duration(time.Minute), Workers: 1},
		"no workers": {AnswerAfter: setting.Duration(time.Second)}, "too many": {AnswerAfter: setting.Duration(time.Second), Workers: 1000},
	} {
		if len(c.Faults()) != 1 {
			t.Errorf("%s: %v", name, c.Faults())
		}
	}
	if faults := Defaults().Faults(); len(faults) > 0 {
		t.Errorf("the defaults: %v", faults)
	}
}
