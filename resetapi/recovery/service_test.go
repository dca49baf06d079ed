package recovery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
	"latchkey/resetapi/delivery"
)

const newPassword = "correct horse battery"

func end(err error) End {
	if e, ok := errors.AsType[*EndedError](err); ok {
		return e.End
	}
	return ""
}

func TestOneReset(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ctx := t.Context()
	first := h.begin(t, " alice ")
	if v, _ := h.View(ctx, first); v.Step != StepVerify || v.GatesLeft != 1 || v.Challenge != nil {
		t.Fatalf("at the start: %+v", v)
	}
	if _, err := h.SetPassword(ctx, first, newPassword); !errors.Is(err, ErrNotNow) {
		t.Fatalf("a password before the gate: %v", err)
	}
	second := h.prove(t, first, EmailCode)
	if _, err := h.View(ctx, first); !errors.Is(err, ErrNoRecovery) {
		t.Errorf("the ticket from before the proof is still good: %v", err)
	}
	rules, err := h.PasswordRules(ctx, second)
	if err != nil || rules.MinLength != 10 || rules.History != 3 {
		t.Errorf("rules %+v, %v", rules, err)
	}
	v, err := h.SetPassword(ctx, second, newPassword)
	if err != nil || v.Step != StepDone || h.dir.password["alice"] != newPassword {
		t.Fatalf("set: %+v, %v", v, err)
	}
	if _, err := h.SetPassword(ctx, second, newPassword+"!"); !errors.Is(err, ErrNotNow) || h.dir.writes != 1 {
		t.Errorf("a second write: %v, %d writes", err, h.dir.writes)
	}
}

func TestGuessesAreCountedAcrossResends(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.begin(t, "alice")
	h.open(t, ticket, EmailCode)
	for want := 4; want >= 1; want-- {
		_, _, err := h.Prove(t.Context(), ticket, EmailCode, "00000000")
		wrong, ok := errors.AsType[*WrongCodeError](err)
		if !ok || wrong.TriesLeft != want {
			t.Fatalf("want %d tries left, got %v", want, err)
		}
	}
	h.forward(time.Minute)
	h.open(t, ticket, EmailCode)
	if _, _, err := h.Prove(t.Context(), ticket, EmailCode, "00000000"); end(err) != TooManyGuesses {
		t.Errorf("after a resend the fifth wrong guess gives %v", err)
	}
}

// TestADayHasTenGuesses: a new recovery does not refill a person's guesses, and
// nobody is told.
func TestADayHasTenGuesses(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	for range 2 {
		ticket := h.begin(t, "alice")
		h.open(t, ticket, EmailCode)
		for range 5 {
			_, _, _ = h.Prove(t.Context(), ticket, EmailCode, "00000000")
		}
	}
	ticket := h.begin(t, "alice")
	code := h.open(t, ticket, EmailCode)
	_, _, err := h.Prove(t.Context(), ticket, EmailCode, code)
	if wrong, ok := errors.AsType[*WrongCodeError](err); !ok || wrong.TriesLeft != 4 {
		t.Errorf("the eleventh guess of a day, with the right code, gives %v", err)
	}
	h.forward(25 * time.Hour)
	h.prove(t, h.begin(t, "alice"), EmailCode)
}

func TestParallelRightAnswersPassOnce(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.begin(t, "alice")
	code := h.open(t, ticket, EmailCode)
	var tokens sync.Map
	var passed atomic.Int32
	together(200, func(int) {
		next, _, err := h.Prove(context.Background(), ticket, EmailCode, code)
		if err == nil {
			passed.Add(1)
			tokens.Store(next.Token, true)
		}
	})
	count := 0
	tokens.Range(func(any, any) bool { count++; return true })
	r := h.record(t, ticket.ID)
	if count != 1 || len(r.Proofs) != 1 || r.Generation != 1 || r.State != Ready {
		t.Errorf("%d answers, %d different tickets, %d proofs, state %s", passed.Load(), count, len(r.Proofs), r.State)
	}
}

func TestParallelWrongGuessesAreBounded(t *testing.T) {
	var compared atomic.Int32
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.begin(t, "alice")
	code := h.open(t, ticket, EmailCode)
	together(500, func(i int) {
		_, _, err := h.Prove(context.Background(), ticket, EmailCode, fmt.Sprintf("%08d", i))
		if wrong, ok := errors.AsType[*WrongCodeError](err); ok && wrong.TriesLeft > 0 {
			compared.Add(1)
		}
	})
	if compared.Load() != 4 {
		t.Errorf("%d guesses were told that tries are left, want 4", compared.Load())
	}
	if _, _, err := h.Prove(t.Context(), ticket, EmailCode, code); end(err) != TooManyGuesses {
		t.Errorf("the right code after that gives %v", err)
	}
}

func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func TestALostAnswerCanBeRepeated(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ctx := t.Context()
	first := h.begin(t, "alice")
	code := h.open(t, first, EmailCode)
	a, _, err := h.Prove(ctx, first, EmailCode, code)
	if err != nil {
		t.Fatal(err)
	}
	if b, _, err := h.Prove(ctx, first, EmailCode, code); err != nil || b != a {
		t.Errorf("the same answer gives %v, %v; want %v", b, err, a)
	}
	if _, _, err := h.Prove(ctx, first, EmailCode, "12345678"); err == nil {
		t.Error("another answer is repeated")
	}
	h.forward(61 * time.Second)
	if _, _, err := h.Prove(ctx, first, EmailCode, code); !errors.Is(err, ErrNoRecovery) {
		t.Errorf("after a minute: %v", err)
	}
}

// TestDecoys: whoever may not reset never passes, not even with the code.
func TestDecoys(t *testing.T) {
	for name, prepare := range map[string]func(h *harness){
		"missing":    func(h *harness) { delete(h.dir.people, "alice") },
		"disabled":   func(h *harness) { h.dir.people["alice"].State = directory.Disabled },
		"locked":     func(h *harness) { h.dir.people["alice"].State = directory.LockedByAdministrator },
		"expired":    func(h *harness) { h.dir.people["alice"].State = directory.Expired },
		"no contact": func(h *harness) { delete(h.cards, h.dir.people["alice"].ID.String()) },
		"only a telephone": func(h *harness) {
			id := h.dir.people["alice"].ID.String()
			h.cards[id] = contact.Card{Contacts: h.cards[id].Of(contact.Mobile, time.Now())}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.add("alice")
			prepare(h)
			ticket := h.begin(t, "alice")
			code := h.open(t, ticket, EmailCode)
			got, err := h.Recipients(t.Context(), <-h.jobs)
			if err != nil || slices.ContainsFunc(got, func(m delivery.Message) bool { return m.Kind != delivery.KindRefusal || m.Code != "" }) {
				t.Errorf("recipients %v, %v", got, err)
			}
			_, _, err = h.Prove(t.Context(), ticket, EmailCode, code)
			if _, ok := errors.AsType[*WrongCodeError](err); !ok {
				t.Errorf("the code itself gives %v", err)
			}
			if v, err := h.View(t.Context(), ticket); err != nil || v.Step != StepVerify {
				t.Errorf("the view is %+v, %v", v, err)
			}
		})
	}
}

func TestRecipientsAreDecidedWhenSending(t *testing.T) {
	h := newHarness(t, nil)
	p := h.add("alice")
	ticket := h.begin(t, "alice")
	h.open(t, ticket, EmailCode)
	old := <-h.jobs
	if got, err := h.Recipients(t.Context(), old); err != nil || len(got) != 1 || got[0].To != "alice@home.example" {
		t.Fatalf("recipients %v, %v", got, err)
	}
	h.forward(time.Minute)
	h.open(t, ticket, EmailCode)
	if got, _ := h.Recipients(t.Context(), old); len(got) != 0 {
		t.Error("a code that was replaced is sent")
	}
	current := <-h.jobs
	h.cards[p.ID.String()] = contact.Card{Contacts: []contact.Contact{{Kind: contact.Email, Value: "new@home.example"}}}
	if got, _ := h.Recipients(t.Context(), current); len(got) != 0 {
		t.Error("a code goes to a contact that came after the look-up")
	}
}

// TestAContactHasABudget: trying a job again costs nothing more, another code
// does, and beyond the budget nothing is sent and nobody is told.
func TestAContactHasABudget(t *testing.T) {
	h := newHarness(t, func(p *Parts) {
		limits := generous()
		limits[ratelimit.MessagesPerContact] = ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 2, Period: time.Hour}}}
		p.Limits = ratelimit.New(p.Store.redis, p.Keys, limits)
	})
	h.add("alice")
	ticket := h.begin(t, "alice")
	for i, want := range []int{1, 1, 0} {
		h.open(t, ticket, EmailCode)
		j := <-h.jobs
		for range 3 {
			if got, err := h.Recipients(t.Context(), j); err != nil || len(got) != want {
				t.Fatalf("code %d: %d messages, %v; want %d", i+1, len(got), err, want)
			}
		}
		h.forward(2 * time.Minute)
	}
}

// TestLookupIsMadeUp: a look-up that failed is made before anything is sent.
func TestLookupIsMadeUp(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	h.dir.findErr = directory.ErrUnavailable
	ticket, _, err := h.Start(t.Context(), StartRequest{Login: "alice", Origin: API, Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.lookup(t.Context(), <-h.lookups); !errors.Is(err, directory.ErrUnavailable) {
		t.Fatalf("look-up without a directory: %v", err)
	}
	h.open(t, ticket, EmailCode)
	j := <-h.jobs
	if _, err := h.Recipients(t.Context(), j); err == nil {
		t.Fatal("a job is settled while the directory is away")
	}
	h.dir.findErr = nil
	if got, err := h.Recipients(t.Context(), j); err != nil || len(got) != 1 {
		t.Errorf("recipients %v, %v", got, err)
	}
}

// TestTheWriteIsCheckedAgain: what changed since the look-up ends the recovery.
func TestTheWriteIsCheckedAgain(t *testing.T) {
	for name, change := range map[string]func(h *harness, p *directory.Person){
		"password": func(_ *harness, p *directory.Person) { p.ChangeStamp = "later" },
		"disabled": func(_ *harness, p *directory.Person) { p.State = directory.Disabled },
		"locked":   func(_ *harness, p *directory.Person) { p.State = directory.LockedByAdministrator },
		"gone":     func(h *harness, _ *directory.Person) { clear(h.dir.people) },
		"contacts": func(h *harness, p *directory.Person) {
			h.cards[p.ID.String()] = contact.Card{Contacts: []contact.Contact{{Kind: contact.Email, Value: "x@y.example"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			p := h.add("alice")
			ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
			change(h, p)
			if _, err := h.SetPassword(t.Context(), ticket, newPassword); end(err) != Superseded || h.dir.writes != 0 {
				t.Errorf("%v, %d writes", err, h.dir.writes)
			}
			if v, _ := h.View(t.Context(), ticket); v.Step != StepEnded || v.End != Superseded {
				t.Errorf("view %+v", v)
			}
		})
	}
}

// TestSuccessEndsTheOthers: two recoveries of one person are verified, one sets.
func TestSuccessEndsTheOthers(t *testing.T) {
	h := newHarness(t, nil)
	p := h.add("alice")
	a, b := h.prove(t, h.begin(t, "alice"), EmailCode), h.prove(t, h.begin(t, "alice"), EmailCode)
	if _, err := h.SetPassword(t.Context(), a, newPassword); err != nil {
		t.Fatal(err)
	}
	p.ChangeStamp = "0" // as if the directory had no change stamp: the epoch alone decides
	if _, err := h.SetPassword(t.Context(), b, newPassword+"!"); end(err) != Superseded || h.dir.writes != 1 {
		t.Errorf("the other recovery: %v, %d writes", err, h.dir.writes)
	}
}

func TestOnePersonIsWrittenOnceAtATime(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	a, b := h.prove(t, h.begin(t, "alice"), EmailCode), h.prove(t, h.begin(t, "alice"), EmailCode)
	var second error
	h.dir.onWrite = func(*directory.Person) {
		h.dir.onWrite = nil
		h.dir.mu.Unlock()
		_, second = h.SetPassword(context.Background(), b, newPassword+"!")
		h.dir.mu.Lock()
	}
	if _, err := h.SetPassword(t.Context(), a, newPassword); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, ErrBusy) || h.dir.writes != 1 {
		t.Errorf("a write during a write: %v, %d writes", second, h.dir.writes)
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.dir.setErr = &directory.RefusedError{Reasons: []directory.Reason{directory.InHistory}}
	for i := range 5 {
		_, err := h.SetPassword(t.Context(), ticket, newPassword)
		refused, ok := errors.AsType[*RefusedError](err)
		if i < 4 && (!ok || len(refused.Reasons) != 1 || refused.Reasons[0] != "in_history") {
			t.Fatalf("refusal %d: %v", i, err)
		}
		if i == 4 && end(err) != TooManyRefusals {
			t.Fatalf("the last refusal: %v", err)
		}
	}
}

func TestOwnChecksCostNothing(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	for range 10 {
		if _, err := h.SetPassword(t.Context(), ticket, "alice"); err == nil {
			t.Fatal("a short password is accepted")
		}
	}
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestOtherOutcomes(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.dir.setErr = directory.ErrUnavailable
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("unavailable: %v", err)
	}
	if v, _ := h.View(t.Context(), ticket); v.Step != StepSetPassword {
		t.Errorf("after that the step is %s", v.Step)
	}
	h.dir.setErr = directory.ErrNotAllowed
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); end(err) != NotAllowed {
		t.Errorf("not allowed: %v", err)
	}
}

func TestUnknownOutcome(t *testing.T) {
	t.Run("written, settled at once", func(t *testing.T) {
		h, ticket := unknown(t, true)
		h.dir.settle = func(_ directory.Attempt, password string) (directory.Settlement, error) {
			if password != newPassword {
				t.Errorf("settled with %q", password)
			}
			return directory.Written, nil
		}
		if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("not written, seen twice", func(t *testing.T) {
		h, ticket := unknown(t, false)
		var binds atomic.Int32
		h.dir.settle = func(_ directory.Attempt, password string) (directory.Settlement, error) {
			if password != "" {
				binds.Add(1)
			}
			h.forward(time.Second)
			return directory.NotWritten, nil
		}
		if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepSettling {
			t.Fatalf("%+v, %v", v, err)
		}
		h.settling.Wait()
		if v, _ := h.View(t.Context(), ticket); v.Step != StepSetPassword || binds.Load() > bindTests {
			t.Errorf("%+v after %d binds", v, binds.Load())
		}
		h.dir.setErr = nil
		if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
			t.Errorf("the next try: %+v, %v", v, err)
		}
	})
	t.Run("the directory stays away, and the process dies", func(t *testing.T) {
		h, ticket := unknown(t, true)
		h.dir.settle = func(directory.Attempt, string) (directory.Settlement, error) {
			return directory.Undecided, directory.ErrUnavailable
		}
		if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepSettling {
			t.Fatalf("%+v, %v", v, err)
		}
		h.settling.Wait()
		if v, _ := h.View(t.Context(), ticket); v.Step != StepSettling {
			t.Fatalf("a guess instead of the truth: %+v", v)
		}
		h.dir.settle = func(a directory.Attempt, password string) (directory.Settlement, error) {
			if password != "" || a.ChangeStamp != "0" || a.ID.IsZero() {
				t.Errorf("settled later with %q and %+v", password, a)
			}
			return directory.Changed, nil
		}
		h.forward(2 * time.Minute)
		if v, _ := h.View(t.Context(), ticket); v.Step != StepDone {
			t.Errorf("settled by the stamp: %+v", v)
		}
	})
}

func unknown(t *testing.T, written bool) (*harness, Ticket) {
	t.Helper()
	h := newHarness(t, quickSettle)
	h.add("alice")
	h.dir.setErr, h.dir.written = &directory.UnknownError{Server: "s", Err: errors.New("no reply")}, written
	return h, h.prove(t, h.begin(t, "alice"), EmailCode)
}

func TestStoreAwayMeansNo(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.begin(t, "alice")
	code := h.open(t, ticket, EmailCode)
	h.redis.SetError("READONLY You can't write against a read only replica.")
	if _, _, err := h.Prove(t.Context(), ticket, EmailCode, code); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a guess that cannot be counted: %v", err)
	}
	h.redis.SetError("")
	if r := h.record(t, ticket.ID); len(r.Proofs) != 0 {
		t.Error("a gate passed while the store was away")
	}
}

func TestTicketsAreBoundToTheirSurface(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.begin(t, "alice")
	other := h.begin(t, "alice")
	for name, wrong := range map[string]Ticket{
		"another surface": {ID: ticket.ID, Token: ticket.Token, Origin: Web},
		"another token":   {ID: ticket.ID, Token: other.Token, Origin: API},
		"another id":      {ID: other.ID, Token: ticket.Token, Origin: API},
		"no token":        {ID: ticket.ID, Origin: API},
		"no id":           {Token: ticket.Token, Origin: API},
	} {
		if _, err := h.View(t.Context(), wrong); !errors.Is(err, ErrNoRecovery) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
