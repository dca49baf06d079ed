package recovery

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

// walkSteps is how many steps the walk through the pure machine makes.
const walkSteps = 1_000_000

// TestS01_TheMachineUnderAttack makes a million random steps on the machine, with
// what an attacker and bad luck can do: ids of others, stale copies, results that
// are lost, parallel steps, all at any time. A witness who knows nothing of the
// machine but what it said yes to keeps books, and objects to everything that is
// not earned. WALK_SEED repeats a walk.
func TestS01_TheMachineUnderAttack(t *testing.T) {
	seed := rand.Uint64()
	if given, err := strconv.ParseUint(os.Getenv("WALK_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("WALK_SEED=%d", seed)
	w := &attack{
		random: rand.New(rand.NewPCG(seed, 0)), rules: Defaults(), now: time.Unix(1_800_000_000, 0),
		places: make([]*attacked, 6),
	}
	for i := range w.places {
		w.places[i] = w.fresh()
	}
	for step := range walkSteps {
		if err := w.step(); err != nil {
			t.Fatalf("step %d with WALK_SEED=%d: %v", step, seed, err)
		}
	}
	// The walk proves nothing where nothing succeeds.
	if w.done < walkSteps/2000 || w.twoGates < w.done/100 {
		t.Errorf("only %d passwords were written, %d of them behind two gates", w.done, w.twoGates)
	}
}

// attack is a world of recoveries that are all attacked.
type attack struct {
	random         *rand.Rand
	rules          Config
	now            time.Time
	made           int
	places         []*attacked
	done, twoGates int
}

// attacked is a recovery as it is stored, an older copy of it, and the witness.
type attacked struct {
	record, copied Record
	version, old   int
	witness        *witness
}

func (w *attack) fresh() *attacked {
	w.made++
	a := &attacked{record: Record{
		ID: fmt.Sprint("r", w.made), State: Started, StartedAt: w.now, TouchedAt: w.now,
		Shown: Requirement{Gates: 1, Methods: []Method{EmailCode, SMSCode}},
	}, witness: &witness{rules: w.rules, begun: w.now, used: w.now, codes: map[string]*issued{}}}
	a.copied = a.record
	return a
}

// step lets one thing happen to one recovery, and stores it or not.
func (w *attack) step() error {
	place := w.random.IntN(len(w.places))
	if w.places[place].witness.over && w.chance(10) { // until then it is attacked all the same
		w.places[place] = w.fresh()
	}
	a := w.places[place]
	w.now = w.now.Add(time.Duration(w.random.IntN(8)) * time.Second)
	from, version := a.record, a.version
	if w.chance(8) { // somebody who read it a while ago
		from, version = a.copied, a.old
	}
	if w.chance(10) {
		a.copied, a.old = a.record, a.version
	}
	event := w.event(from)
	before := from
	before.Proofs = slices.Clone(from.Proofs)
	next, err := Next(from, event, w.now, w.rules)
	if w.chance(100) && !reflect.DeepEqual(before, from) {
		return fmt.Errorf("%T changed its argument", event)
	}
	expired := err != nil && next.State == Ended && from.State != Ended
	if (err != nil && !expired) || version != a.version || w.chance(40) {
		return nil // refused; too late for the compare-and-swap; or the process died
	}
	a.record, a.version = next, a.version+1
	if err := a.witness.saw(event, expired, next.State, w.now); err != nil {
		return fmt.Errorf("%s: %w (%+v from %s to %s)", a.record.ID, err, event, from.State, next.State)
	}
	if a.witness.written > 0 && next.State == Done {
		w.done++
		if a.witness.gates > 1 {
			w.twoGates++
		}
	}
	return nil
}

func (w *attack) chance(oneIn int) bool { return w.random.IntN(oneIn) == 0 }

// event draws what happens: mostly what fits, often what does not.
func (w *attack) event(r Record) Event {
	other := w.places[w.random.IntN(len(w.places))].record // swapped ids come from here
	if !w.chance(4) {
		other = r
	}
	challenge, claim := "", "claim"
	if other.Challenge != nil {
		challenge = other.Challenge.ID
	} else if n := len(other.Proofs); n > 0 {
		challenge = other.Proofs[n-1].Challenge // a code from before
	}
	if other.Write != nil {
		claim = other.Write.Claim
	}
	methods := []Method{EmailCode, SMSCode, "", "other"}
	w.made++
	switch w.random.IntN(16) {
	case 0, 1:
		return Found{Subject{Person: "p" + r.ID, Contacts: "v"}, Requirement{w.random.IntN(3), methods[:1+w.random.IntN(2)]}}
	case 2:
		if !w.chance(4) {
			return Claimed{fmt.Sprint("w", w.made)}
		}
		return []Event{NotFound{}, Overtaken{}, Abandoned{}, GuessesExhausted{}, GuessesExhausted{}}[w.random.IntN(5)]
	case 3, 4, 5:
		return Opened{Challenge{
			ID: fmt.Sprint("c", w.made), Method: methods[w.random.IntN(2+w.random.IntN(3))], SentAt: w.now,
			ExpiresAt: w.now.Add(time.Duration(w.random.IntN(300)) * time.Second), ResendAt: w.now.Add(time.Duration(w.random.IntN(20)) * time.Second),
		}}
	case 6, 7, 8, 9:
		return GatePassed{challenge}
	case 10, 11:
		return Claimed{fmt.Sprint("w", w.made)}
	case 12:
		return Aimed{Claim: claim, Server: "s", DN: "d"}
	case 13, 14:
		return Wrote{Claim: claim, Outcome: Outcome(w.random.IntN(7)), Overwritten: w.chance(4), Stamp: "s", Refused: w.chance(2)}
	default:
		return Settled{claim, Seen(w.random.IntN(5))}
	}
}
