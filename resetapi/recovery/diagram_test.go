package recovery

import (
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"
)

// TestTheDiagramIsTrue: states.mermaid shows the transitions that the machine
// has, all of them and no other.
func TestTheDiagramIsTrue(t *testing.T) {
	text, err := os.ReadFile("states.mermaid")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^ +(\w+) --> (\w+) :`).FindAllStringSubmatch(string(text), -1) {
		drawn[line[1]+" --> "+line[2]] = true
	}
	found := walkTransitions(300_000)
	for _, arrow := range slices.Sorted(maps.Keys(found)) {
		if !drawn[arrow] {
			t.Errorf("the machine has %s, the diagram has not", arrow)
		}
	}
	for _, arrow := range slices.Sorted(maps.Keys(drawn)) {
		if !found[arrow] {
			t.Errorf("the diagram has %s, the machine has not", arrow)
		}
	}
}

// walkTransitions walks at random, the same way each time, and notes every
// change that was possible.
func walkTransitions(steps int) map[string]bool {
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Unix(1_800_000_000, 0)
	rules := Defaults()
	fresh := Record{State: Started, StartedAt: begin, TouchedAt: begin, Shown: Requirement{1, []Method{EmailCode, SMSCode}}}
	found := map[string]bool{}
	r, now := fresh, begin
	for range steps {
		if r.State == Started && len(r.Proofs) == 0 {
			r.Change = random.IntN(4) == 0
		}
		now = now.Add(time.Duration(random.IntN(60)) * time.Second)
		next, err := Next(r, someEvent(random, r), now, rules)
		if err == nil || next.State != r.State {
			found[string(r.State)+" --> "+string(next.State)] = true
		}
		r = next
		if r.State == Done || r.State == Ended {
			r, now = fresh, begin
		}
	}
	return found
}

func someEvent(random *rand.Rand, r Record) Event {
	methods := []Method{EmailCode, SMSCode}
	challenge, claim := "c", "claim"
	if r.Challenge != nil {
		challenge = r.Challenge.ID
	}
	events := []Event{
		Found{Subject{Person: "p"}, Requirement{1 + random.IntN(2), methods}},
		NotFound{},
		Opened{Challenge{ID: "c", Method: methods[random.IntN(2)], ExpiresAt: r.TouchedAt.Add(time.Hour)}},
		GatePassed{challenge},
		GatePassed{challenge},
		Claimed{claim},
		UnlockClaimed{claim},
		ChangeClaimed{Claim: claim, Subject: Subject{Person: "p"}},
		Aimed{Claim: claim},
		Wrote{Claim: claim, Outcome: Outcome(random.IntN(7)), Overwritten: random.IntN(4) == 0, Stamp: "s", Refused: random.IntN(2) == 0},
		Settled{claim, Seen(random.IntN(5))},
		GuessesExhausted{},
		Overtaken{},
		Abandoned{},
	}
	return events[random.IntN(len(events))]
}
