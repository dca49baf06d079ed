package recovery

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNoWriteWithoutEveryGate walks the pure machine at random, from any record
// it ever made (copies and stale ones included), with any event: a record that
// may write has one proof for each gate, by different methods, each made by a
// GatePassed of its own.
func TestNoWriteWithoutEveryGate(t *testing.T) {
	rules := Defaults()
	begin := time.Unix(1_800_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		// passed remembers, for each record, the challenges whose answers led to it.
		type traced struct {
			record Record
			passed []string
		}
		made := []traced{{record: Record{
			ID: "r", State: Started, StartedAt: begin, TouchedAt: begin,
			Shown: Requirement{Gates: 1, Methods: []Method{EmailCode, SMSCode}},
		}}}
		now := begin
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			// Mostly the newest record, so that walks get far; often a stale one.
			from := made[len(made)-1]
			if rapid.IntRange(0, 3).Draw(t, "stale") == 0 {
				from = rapid.SampledFrom(made).Draw(t, "from")
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			event := anyEvent(t, from.record)
			next, err := Next(from.record, event, now, rules)
			passed := slices.Clone(from.passed)
			if e, ok := event.(GatePassed); ok && err == nil {
				if from.record.Challenge == nil || from.record.Challenge.ID != e.Challenge {
					t.Fatalf("a gate passed without its open challenge: %+v", from.record)
				}
				passed = append(passed, e.Challenge)
			}
			if err != nil && next.State != from.record.State && next.State != Ended {
				t.Fatalf("%T failed with %v and yet led from %s to %s", event, err, from.record.State, next.State)
			}
			if err != nil {
				continue
			}
			if _, ok := event.(Claimed); ok && from.record.State != Ready {
				t.Fatalf("a claim was given in state %s", from.record.State)
			}
			made = append(made, traced{next, passed})
			mayWrite := next.State == Ready || next.State == Writing || next.State == Unknown || next.State == Done
			if !mayWrite {
				continue
			}
			methods := map[Method]bool{}
			for _, p := range next.Proofs {
				methods[p.Method] = true
			}
			if next.Decoy || next.Required.Gates < 1 || len(methods) < next.Required.Gates || len(passed) < next.Required.Gates {
				t.Fatalf("a write is possible with %d gates, proofs %v, answers %v, decoy %v", next.Required.Gates, next.Proofs, passed, next.Decoy)
			}
		}
	})
}

func anyEvent(t *rapid.T, r Record) Event {
	method := rapid.SampledFrom([]Method{EmailCode, EmailCode, SMSCode, SMSCode, "", "vouch"})
	challenge := "c" + rapid.StringMatching("[0-9]{3}").Draw(t, "challenge")
	if r.Challenge != nil && rapid.IntRange(0, 4).Draw(t, "another") > 0 {
		challenge = r.Challenge.ID
	}
	claim := "claim"
	if r.Write != nil && rapid.Bool().Draw(t, "own claim") {
		claim = r.Write.Claim
	}
	return rapid.SampledFrom([]Event{
		Found{Subject{Person: "p", Contacts: "v"}, Requirement{rapid.IntRange(0, 3).Draw(t, "gates"), []Method{EmailCode, SMSCode}}},
		Found{Subject{Person: "p", Contacts: "v"}, Requirement{2, []Method{EmailCode, SMSCode}}},
		Opened{Challenge{ID: challenge, Method: method.Draw(t, "method"), ExpiresAt: r.TouchedAt.Add(10 * time.Minute)}},
		Found{Subject{}, Requirement{1, []Method{EmailCode}}},
		NotFound{},
		Opened{Challenge{ID: challenge, Method: method.Draw(t, "method"), ExpiresAt: r.TouchedAt.Add(10 * time.Minute)}},
		GatePassed{challenge},
		GatePassed{challenge},
		GuessesExhausted{},
		Claimed{claim},
		Claimed{claim},
		Aimed{Claim: claim, Server: "server", DN: "dn"},
		Wrote{claim, Outcome(rapid.IntRange(0, 6).Draw(t, "outcome"))},
		Settled{claim, rapid.Bool().Draw(t, "written")},
		Overtaken{},
		Abandoned{},
	}).Draw(t, "event")
}

func TestTimeEndsARecovery(t *testing.T) {
	rules, begin := Defaults(), time.Unix(1_800_000_000, 0)
	r := Record{State: Started, StartedAt: begin, TouchedAt: begin, Shown: Requirement{1, []Method{EmailCode}}}
	idle := begin.Add(rules.Idle.Std())
	if _, err := Next(r, NotFound{}, idle.Add(-1), rules); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	next, err := Next(r, NotFound{}, idle, rules)
	if ended, ok := errors.AsType[*EndedError](err); !ok || ended.End != Expired || next.State != Ended {
		t.Errorf("at the idle end: state %s, %v", next.State, err)
	}
	r.TouchedAt = begin.Add(29 * time.Minute)
	if _, err := Next(r, NotFound{}, begin.Add(30*time.Minute), rules); err == nil {
		t.Error("a recovery in use outlives its lifetime")
	}
	r.State, r.Write = Writing, &Write{Claim: "c"}
	if next, err := Next(r, Wrote{"c", OutcomeDone}, begin.Add(31*time.Minute), rules); err != nil || next.State != Done {
		t.Errorf("a write that was begun is cut off: state %s, %v", next.State, err)
	}
}

// TestNotWrittenIsSeenTwice: a slow server may write after the first look.
func TestNotWrittenIsSeenTwice(t *testing.T) {
	rules, now := Defaults(), time.Unix(1_800_000_000, 0)
	r := Record{State: Unknown, StartedAt: now, TouchedAt: now, Write: &Write{Claim: "c", At: now}}
	once, err := Next(r, Settled{"c", false}, now, rules)
	if err != nil || once.State != Unknown {
		t.Fatalf("after one look: %s, %v", once.State, err)
	}
	soon, _ := Next(once, Settled{"c", false}, now.Add(rules.SettleEvery.Std()-1), rules)
	if soon.State != Unknown {
		t.Errorf("after a second look too soon: %s", soon.State)
	}
	twice, _ := Next(once, Settled{"c", false}, now.Add(rules.SettleEvery.Std()), rules)
	if twice.State != Ready {
		t.Errorf("after a second look: %s", twice.State)
	}
	if _, err := Next(r, Settled{"other", true}, now, rules); !errors.Is(err, ErrNotNow) {
		t.Errorf("another claim settles: %v", err)
	}
}
