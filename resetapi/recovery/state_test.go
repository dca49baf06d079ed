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
			switch event.(type) {
			case Claimed, UnlockClaimed:
				if from.record.State != Ready {
					t.Fatalf("a claim was given in state %s", from.record.State)
				}
			case ChangeClaimed:
				t.Fatal("a recovery got the claim of a change")
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
		UnlockClaimed{claim},
		ChangeClaimed{Claim: claim, Server: "server", DN: "dn", Subject: Subject{Person: "p", Contacts: "v"}},
		Aimed{Claim: claim, Server: "server", DN: "dn"},
		Wrote{Claim: claim, Outcome: Outcome(rapid.IntRange(0, 7).Draw(t, "outcome")), Overwritten: rapid.Bool().Draw(t, "overwritten"), Stamp: "s", Refused: rapid.Bool().Draw(t, "refused")},
		Settled{claim, Seen(rapid.IntRange(0, 5).Draw(t, "seen"))},
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
	if next, err := Next(r, Wrote{Claim: "c", Outcome: OutcomeDone}, begin.Add(31*time.Minute), rules); err != nil || next.State != Done {
		t.Errorf("a write that was begun is cut off: state %s, %v", next.State, err)
	}
}

// TestNotWrittenIsSeenTwice: a slow server may write after the first look.
func TestNotWrittenIsSeenTwice(t *testing.T) {
	rules, now := Defaults(), time.Unix(1_800_000_000, 0)
	r := Record{State: Unknown, StartedAt: now, TouchedAt: now, Write: &Write{Claim: "c", At: now}}
	once, err := Next(r, Settled{"c", SeenUnwritten}, now, rules)
	if err != nil || once.State != Unknown {
		t.Fatalf("after one look: %s, %v", once.State, err)
	}
	soon, _ := Next(once, Settled{"c", SeenUnwritten}, now.Add(rules.SettleEvery.Std()-1), rules)
	if soon.State != Unknown {
		t.Errorf("after a second look too soon: %s", soon.State)
	}
	twice, _ := Next(once, Settled{"c", SeenUnwritten}, now.Add(rules.SettleEvery.Std()), rules)
	if twice.State != Ready {
		t.Errorf("after a second look: %s", twice.State)
	}
	if _, err := Next(r, Settled{"other", SeenWritten}, now, rules); !errors.Is(err, ErrNotNow) {
		t.Errorf("another claim settles: %v", err)
	}
}

// TestOverwrittenIsSeenTwice: a write may come late and win after all; what the
// change stamp says in between proves nothing.
func TestOverwrittenIsSeenTwice(t *testing.T) {
	rules, now := Defaults(), time.Unix(1_800_000_000, 0)
	wait := rules.SettleEvery.Std()
	for name, test := range map[string]struct {
		known bool
		seen  []Seen
		// apart is the time between two looks.
		apart time.Duration
		want  State
	}{
		"once":                        {false, []Seen{SeenOverwritten}, wait, Unknown},
		"twice":                       {false, []Seen{SeenOverwritten, SeenOverwritten}, wait, Ended},
		"twice, too soon":             {false, []Seen{SeenOverwritten, SeenOverwritten}, wait - 1, Unknown},
		"then written":                {false, []Seen{SeenOverwritten, SeenWritten}, wait, Done},
		"then changed":                {false, []Seen{SeenOverwritten, SeenChanged}, wait, Ended},
		"then changed, too soon":      {false, []Seen{SeenOverwritten, SeenChanged}, wait - 1, Unknown},
		"changed alone":               {false, []Seen{SeenChanged}, wait, Done},
		"changed, the server told":    {true, []Seen{SeenChanged}, wait, Ended},
		"overtaken":                   {false, []Seen{SeenOvertaken}, wait, Ended},
		"not written in between":      {false, []Seen{SeenOverwritten, SeenUnwritten, SeenOverwritten}, wait, Ended},
		"nothing that is known":       {false, []Seen{SeenOvertaken + 1}, wait, Unknown},
		"written though not once yet": {false, []Seen{SeenUnwritten, SeenWritten}, wait, Done},
	} {
		t.Run(name, func(t *testing.T) {
			r := Record{State: Writing, StartedAt: now, TouchedAt: now, Write: &Write{Claim: "c", At: now, DN: "dn"}}
			at := now
			r, err := Next(r, Wrote{Claim: "c", Outcome: OutcomeUnknown, Overwritten: test.known}, at, rules)
			for _, seen := range test.seen {
				at = at.Add(test.apart)
				if err == nil {
					r, err = Next(r, Settled{"c", seen}, at, rules)
				}
			}
			if err != nil || r.State != test.want || r.State == Ended && (r.End != Superseded || !r.overwritten()) {
				t.Errorf("%s %s, %v", r.State, r.End, err)
			}
		})
	}
	// What was never written is no write that was overwritten.
	r := Record{State: Writing, Write: &Write{Claim: "c"}}
	if r, err := Next(r, Wrote{Claim: "c", Outcome: OutcomeSuperseded}, now, rules); err != nil || r.overwritten() {
		t.Errorf("superseded before the write: %v, %v", r.overwritten(), err)
	}
}
