package recovery

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/delivery"
)

// notices takes what waits in the outbox and counts the notices.
func (h *harness) notices() (jobs []delivery.Job) {
	for {
		select {
		case j := <-h.jobs:
			if j.Kind == delivery.KindNotice {
				jobs = append(jobs, j)
			}
		default:
			return jobs
		}
	}
}

// queued counts the jobs in the stream, notices among them.
func (h *harness) queued(t *testing.T) int {
	t.Helper()
	entries, err := h.redis.Stream(delivery.StreamKey())
	if err != nil {
		return 0
	}
	return len(entries)
}

// TestNobodyIsToldOfWhatWasNotDone: a notice is queued in the step that makes a
// write known as made, and in no other.
func TestNobodyIsToldOfWhatWasNotDone(t *testing.T) {
	h := newHarness(t, nil)
	p := h.add("alice")
	p.Mail = "alice@corp.example"
	card := h.cards[p.ID.String()]
	card.Contacts = append(
		card.Contacts,
		contact.Contact{Kind: contact.Email, Value: "rests@home.example", UsableFrom: h.clockNow().Add(time.Hour)},
		contact.Contact{Kind: contact.Email, Value: "awaits@home.example", Source: contact.Staff, Unverified: true},
	)
	h.cards[p.ID.String()] = card
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	before := h.queued(t)
	for _, failure := range []error{&directory.RefusedError{Reasons: []directory.Reason{directory.TooShort}}, directory.ErrUnavailable} {
		h.dir.setErr = failure
		if _, err := h.SetPassword(t.Context(), ticket, newPassword); err == nil {
			t.Fatal("a failed write is told as done")
		}
	}
	if n := h.queued(t); n != before {
		t.Fatalf("%d notices of writes that were not made", n-before)
	}
	h.dir.setErr = nil
	h.notices()
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	jobs := h.notices()
	if n := h.queued(t); n != before+1 || len(jobs) != 1 {
		t.Fatalf("%d notices, %v", n-before, jobs)
	}
	messages, err := h.Recipients(t.Context(), jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	var to []string
	for _, m := range messages {
		to = append(to, m.Method+" "+m.To)
		if m.Kind != delivery.KindNotice || m.Code != "" || m.Reference == "" {
			t.Errorf("message %+v", m)
		}
	}
	want := []string{"email alice@home.example", "sms +4915112345678", "email rests@home.example", "email alice@corp.example"}
	if !slices.Equal(to, want) {
		t.Errorf("told %v, want %v", to, want)
	}
	if got := h.audit.of(audit.WriteIntended); len(got) != 3 {
		t.Errorf("%d intents in the audit", len(got))
	}
	if got := h.audit.of(audit.WriteEnded); !slices.Equal(got, []string{"refused", "nothing", "done"}) {
		t.Errorf("outcomes in the audit: %v", got)
	}
}

// TestSweeperFinishesWhatTheDeadLeft: the process dies between the write and
// its outcome, or between the claim and the write.
func TestSweeperFinishesWhatTheDeadLeft(t *testing.T) {
	for name, c := range map[string]struct {
		written bool
		says    directory.Settlement
		state   State
		notices int
	}{
		"written":     {true, directory.Changed, Done, 1},
		"not written": {false, directory.NotWritten, Ready, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.add("alice")
			ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
			died := errors.New("died")
			h.dir.onWrite = func(*directory.Person) { panic(died) }
			func() {
				defer func() { _ = recover() }()
				_, _ = h.SetPassword(context.Background(), ticket, newPassword)
			}()
			h.dir.settle = func(a directory.Attempt, password string) (directory.Settlement, error) {
				if password != "" {
					t.Error("a password outlived its process")
				}
				return c.says, nil
			}
			h.notices()
			for range 2 {
				if err := h.sweepAll(t); err != nil {
					t.Fatal(err)
				}
			}
			if r := h.record(t, ticket.ID); r.State != Writing {
				t.Fatalf("swept while the process may live: %s", r.State)
			}
			for range 3 {
				h.forward(2 * time.Minute)
				if err := h.sweepAll(t); err != nil {
					t.Fatal(err)
				}
			}
			if r := h.record(t, ticket.ID); r.State != c.state {
				t.Errorf("state %s, want %s", r.State, c.state)
			}
			if got := h.notices(); len(got) != c.notices {
				t.Errorf("%d notices, want %d", len(got), c.notices)
			}
			if ids, _, err := h.Store.pending(t.Context(), 0, h.clockNow()); err != nil || len(ids) != 0 {
				t.Errorf("still pending: %v, %v", ids, err)
			}
		})
	}
}

// TestTheTruthGoesToTheHolderOnly: a person who exists but may not reset gets a
// message that says why; a login that does not exist gets nothing.
func TestTheTruthGoesToTheHolderOnly(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice").State = directory.LockedByAdministrator
	h.open(t, h.begin(t, "alice"), EmailCode)
	got, err := h.Recipients(t.Context(), <-h.jobs)
	if err != nil || len(got) != 1 || got[0].Kind != delivery.KindRefusal || got[0].Reason != delivery.ReasonLocked || got[0].Code != "" || got[0].To != "alice@home.example" {
		t.Errorf("alice gets %+v, %v", got, err)
	}
	h.open(t, h.begin(t, "nobody"), EmailCode)
	if got, err := h.Recipients(t.Context(), <-h.jobs); err != nil || len(got) != 0 {
		t.Errorf("nobody gets %+v, %v", got, err)
	}
}

func TestWithoutAuditNothingIsWritten(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.audit.err = audit.ErrUnwritable
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); !errors.Is(err, audit.ErrUnwritable) || h.dir.writes != 0 {
		t.Fatalf("%v, %d writes", err, h.dir.writes)
	}
	h.audit.err = nil
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("afterwards: %+v, %v", v, err)
	}
}

func TestFrozen(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.frozen.all = true
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); !errors.Is(err, ErrFrozen) || h.dir.writes != 0 {
		t.Errorf("write: %v", err)
	}
	if _, _, err := h.Start(t.Context(), StartRequest{Login: "bob", Origin: API, Address: netip.MustParseAddr("192.0.2.1")}); !errors.Is(err, ErrFrozen) {
		t.Errorf("start: %v", err)
	}
	if held, err := h.Held(t.Context()); !held || err != nil {
		t.Errorf("held: %v, %v", held, err)
	}
	h.frozen.all = false
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("afterwards: %+v, %v", v, err)
	}
}

// TestAKnownDeviceHasItsOwnBudget: a stranger used up everything that a login
// and its person have; on the browser that reset before, it still works.
func TestAKnownDeviceHasItsOwnBudget(t *testing.T) {
	h := newHarness(t, func(p *Parts) {
		limits := generous()
		for _, name := range []string{ratelimit.StartsPerLogin, ratelimit.StartsPerPerson} {
			limits[name] = ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 3, Period: time.Hour}}}
		}
		p.Limits = ratelimit.New(p.Store.redis, p.Keys, limits)
	})
	h.add("alice")
	h.add("bob")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	if _, err := h.Remember(t.Context(), ticket); !errors.Is(err, ErrNotNow) {
		t.Errorf("remembered before the end: %v", err)
	}
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	device, err := h.Remember(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	start := func(login, device string) (Ticket, error) {
		t, _, err := h.Start(context.Background(), StartRequest{Login: login, Device: device, Origin: API, Address: netip.MustParseAddr("192.0.2.1")})
		if err == nil {
			err = h.lookup(context.Background(), <-h.lookups)
		}
		return t, err
	}
	for range 2 {
		if stranger, err := start("alice", ""); err != nil {
			t.Fatal(err)
		} else {
			h.open(t, stranger, EmailCode)
			for range 5 {
				_, _, _ = h.Prove(t.Context(), stranger, EmailCode, "00000000")
			}
		}
	}
	for _, wrong := range []string{"", "x", device[:len(device)-4] + "AAAA", device + ".x"} {
		if _, err := start("alice", wrong); err == nil {
			t.Errorf("with the device %q the login's budget does not count", wrong)
		}
	}
	own, err := start("alice", device)
	if err != nil {
		t.Fatal(err)
	}
	h.prove(t, own, EmailCode)
	other, err := start("bob", device)
	if err != nil || h.record(t, other.ID).Decoy {
		t.Errorf("another's device for bob: %v", err)
	}
	if h.purse(h.record(t, other.ID).Subject, h.record(t, other.ID).Device).device != "" {
		t.Error("bob's guesses go to the purse of alice's device")
	}
}

// TestOfficesHaveTheirOwnLimits: many people behind one address of the
// organisation do not shut each other out.
func TestOfficesHaveTheirOwnLimits(t *testing.T) {
	h := newHarness(t, func(p *Parts) {
		limits := generous()
		limits[ratelimit.StartsPerAddress] = ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 1, Period: time.Hour}}}
		limits[ratelimit.StartsPerOffice] = ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 3, Period: time.Hour}}}
		p.Limits = ratelimit.New(p.Store.redis, p.Keys, limits)
		p.Config.OfficeNetworks = []string{"192.0.2.0/24"}
	})
	for address, want := range map[string]int{"192.0.2.9": 3, "::ffff:192.0.2.10": 3, "198.51.100.9": 1} {
		begun := 0
		for range 5 {
			if _, _, err := h.Start(t.Context(), StartRequest{Login: "x", Origin: API, Address: netip.MustParseAddr(address)}); err == nil {
				begun++
			}
		}
		if begun != want {
			t.Errorf("%s began %d, want %d", address, begun, want)
		}
	}
}

// TestThePersonIsGone: whoever was deleted meanwhile meets the end of the
// recovery, not a fault of ours.
func TestThePersonIsGone(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	clear(h.dir.people)
	if _, err := h.PasswordRules(t.Context(), ticket); end(err) != Superseded {
		t.Errorf("the rules of nobody: %v", err)
	}
}

// TestANoticeKnowsItsHolder: what was read for the write goes with the notice, so
// that it can be sent while the directory is away. Whoever settles a write later
// has read nobody, and the directory is asked then.
func TestANoticeKnowsItsHolder(t *testing.T) {
	h := newHarness(t, nil)
	p := h.add("alice")
	p.Mail = "alice@corp.example"
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	h.notices()
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	h.dir.findErr = directory.ErrUnavailable
	notice := h.notices()[0]
	messages, err := h.Recipients(t.Context(), notice)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, m := range messages {
		told = told || m.To == "alice@corp.example" && m.Login == "alice"
	}
	if !told {
		t.Errorf("%+v", messages)
	}
	notice.Holder = delivery.Holder{}
	if _, err := h.Recipients(t.Context(), notice); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("a notice that knows nobody: %v", err)
	}
}
