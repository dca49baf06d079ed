package recovery

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/internal/directory"
	"latchkey/resetapi/policy"
)

// TestHostileWalk walks the service at random: several recoveries of several
// people, with two gates, swapped ids, old tickets, stale copies of records put
// back, codes of others, codes of before, and real codes. Whatever the order,
// a write, or an unlock, happens only in a recovery to which the right code of each of its
// gates was submitted, and at most once.
func TestHostileWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHarness(t, func(p *Parts) {
			rule := policy.Rule{Enabled: true, Gates: 2, Methods: []string{"email", "sms"}}
			p.Policy = policy.New([]policy.Rule{rule}, policy.Protected{}, policy.Administrators{})
			p.Config.ResendAfter, p.Config.CodesPerGate, p.Config.GuessesPerRecovery, p.Config.GuessesPerCode = 0, 100, 100, 100
			p.Config.GuessesPerDay, p.Config.GuessesInARow = 1000, 1000
		})
		h.add("alice")
		h.add("bob")
		w := &walk{h: h, answered: map[string]map[Method]bool{}, written: map[string]int{}}
		h.dir.onWrite = func(p *directory.Person) {
			if !w.answered[w.writing][EmailCode] || !w.answered[w.writing][SMSCode] {
				rt.Fatalf("a write for %s without every code: %v", p.Login, w.answered[w.writing])
			}
			w.written[w.writing]++
		}
		h.dir.onUnlock = h.dir.onWrite
		rt.Repeat(map[string]func(*rapid.T){
			"start": w.start, "open": w.open, "answer": w.answer, "set": w.set, "unlock": w.unlock, "lock": w.lock, "copy": w.copy, "restore": w.restore, "give up": w.giveUp,
			"wait": func(rt *rapid.T) {
				h.forward(time.Duration(rapid.IntRange(1, 90).Draw(rt, "seconds")) * time.Second)
			},
		})
		for id, n := range w.written {
			if n > 1 {
				rt.Fatalf("%d writes in recovery %s", n, id)
			}
		}
	})
}

type walk struct {
	h       *harness
	tickets []Ticket
	copies  []stored
	codes   []string
	// answered are the gates of each recovery whose own current code was submitted.
	answered map[string]map[Method]bool
	written  map[string]int
	writing  string
}

// ticket draws one that was given out once, perhaps with another's id.
func (w *walk) ticket(rt *rapid.T) Ticket {
	if len(w.tickets) == 0 {
		rt.Skip("no recovery yet")
	}
	t := rapid.SampledFrom(w.tickets).Draw(rt, "ticket")
	if rapid.IntRange(0, 9).Draw(rt, "swap") == 0 {
		t.ID = rapid.SampledFrom(w.tickets).Draw(rt, "id").ID
	}
	return t
}

func method(rt *rapid.T) Method {
	return rapid.SampledFrom([]Method{EmailCode, SMSCode}).Draw(rt, "method")
}

func (w *walk) start(rt *rapid.T) {
	login := rapid.SampledFrom([]string{"alice", "alice", "bob", "nobody"}).Draw(rt, "login")
	t, _, err := w.h.Start(context.Background(), StartRequest{Login: login, Origin: API, Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		rt.Fatal(err)
	}
	w.tickets = append(w.tickets, t)
	w.answered[t.ID] = map[Method]bool{}
	id := <-w.h.lookups
	if rapid.IntRange(0, 4).Draw(rt, "late look-up") > 0 {
		_ = w.h.lookup(context.Background(), id)
	}
}

func (w *walk) open(rt *rapid.T) {
	t, m := w.ticket(rt), method(rt)
	if _, err := w.h.Open(context.Background(), t, m); err == nil {
		if r, err := w.h.Store.load(context.Background(), t.ID); err == nil && r.Challenge != nil {
			w.codes = append(w.codes, w.h.code(r.Record))
		}
	}
}

// answer submits the right code, one of another challenge, or an invented one.
func (w *walk) answer(rt *rapid.T) {
	t, m := w.ticket(rt), method(rt)
	code := "00000000"
	r, err := w.h.Store.load(context.Background(), t.ID)
	if err == nil && r.Challenge != nil && rapid.Bool().Draw(rt, "right") {
		code = w.h.code(r.Record)
	} else if len(w.codes) > 0 && rapid.Bool().Draw(rt, "other") {
		code = rapid.SampledFrom(w.codes).Draw(rt, "code")
	}
	if err == nil && r.Challenge != nil && r.Challenge.Method == m && code == w.h.code(r.Record) {
		w.answered[t.ID][m] = true
	}
	if next, _, err := w.h.Prove(context.Background(), t, m, code); err == nil {
		w.tickets = append(w.tickets, next)
	}
}

func (w *walk) set(rt *rapid.T) {
	t := w.ticket(rt)
	w.writing = t.ID
	_, _ = w.h.SetPassword(context.Background(), t, newPassword)
}

func (w *walk) unlock(rt *rapid.T) {
	t := w.ticket(rt)
	w.writing = t.ID
	if v, err := w.h.Unlock(context.Background(), t); err == nil && (v.Step != StepDone || !v.Unlocked) {
		rt.Fatalf("an unlock ends at %s", v.Step)
	}
}

// lock has somebody type too many wrong passwords.
func (w *walk) lock(rt *rapid.T) {
	w.h.dir.people[rapid.SampledFrom([]string{"alice", "bob"}).Draw(rt, "login")].State = directory.Locked
}

func (w *walk) giveUp(rt *rapid.T) { _ = w.h.GiveUp(context.Background(), w.ticket(rt)) }

// copy keeps a record as a worker that stalls would; restore saves it late.
func (w *walk) copy(rt *rapid.T) {
	if r, err := w.h.Store.load(context.Background(), w.ticket(rt).ID); err == nil {
		w.copies = append(w.copies, r)
	}
}

func (w *walk) restore(rt *rapid.T) {
	if len(w.copies) == 0 {
		rt.Skip("no copy yet")
	}
	r := rapid.SampledFrom(w.copies).Draw(rt, "copy")
	_ = w.h.swap(context.Background(), r, r.Record)
}
