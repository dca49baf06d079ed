package recovery

import (
	"slices"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/policy"
)

// limited makes limits that get in nobody's way but for those given.
func limited(limits map[string]ratelimit.Limit) func(*Parts) {
	return func(p *Parts) {
		all := generous()
		for name, limit := range limits {
			all[name] = limit
		}
		p.Limits = ratelimit.New(p.Store.redis, p.Keys, all)
	}
}

func perHour(n int) ratelimit.Limit {
	return ratelimit.Limit{Rates: []ratelimit.Rate{{Count: n, Period: time.Hour}}}
}

// twoGates wants a mail's code and an SMS's of everyone.
func twoGates(p *Parts) {
	rule := policy.Rule{Enabled: true, Gates: 2, Methods: []string{"email", "sms"}}
	p.Policy = policy.New([]policy.Rule{rule}, policy.Protected{}, policy.Administrators{})
}

// row is how many guesses in a row a login's person has by a method.
func (h *harness) row(t *testing.T, r Record, m Method) string {
	t.Helper()
	p := h.purse(r.who(), r.Device)
	_, rows := h.Store.purseKeys(p)
	return h.redis.HGet(rows, p.row(m))
}

func (h *harness) subject(login string) Subject {
	return Subject{Directory: "test", Person: h.dir.people[login].ID.String()}
}

// TestStoppedCodesAreNotSent: who cannot get back in because of wrong codes in a
// row is told so; a known device is not concerned, and after an operator cleared
// it, codes come again.
func TestStoppedCodesAreNotSent(t *testing.T) {
	h := newHarness(t, func(p *Parts) { p.Config.GuessesInARow = 4 })
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
		t.Fatal(err)
	}
	device, err := h.Remember(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	ticket = h.begin(t, "alice")
	code := h.open(t, ticket, EmailCode)
	for range 4 {
		_, _, _ = h.Prove(t.Context(), ticket, EmailCode, "00000000")
	}
	if _, _, err := h.Prove(t.Context(), ticket, EmailCode, code); err == nil {
		t.Fatal("the fifth guess is compared")
	}
	r := h.record(t, h.begin(t, "alice").ID)
	if r.Refused == nil || r.Refused.Reason != delivery.ReasonStopped || r.Refused.Subject.Login != "alice" {
		t.Errorf("a new recovery: %+v", r)
	}
	own, _, err := h.Start(t.Context(), StartRequest{Login: "alice", Device: device, Origin: API})
	if err == nil {
		err = h.lookup(t.Context(), <-h.lookups)
	}
	if err != nil || h.record(t, own.ID).Decoy {
		t.Errorf("on the known device: %v", err)
	}
	ledger := NewLedger(h.Store, h.Keys, h.Limits.(*ratelimit.Limiter), h.Config)
	card := h.cards[h.subject("alice").Person]
	used, err := ledger.Used(t.Context(), card)
	row := Used{Limit: guessesInARow, Of: "email", Count: 4, Allowed: 4, Reached: true}
	if err != nil || !slices.Contains(used, row) {
		t.Errorf("used: %+v, %v", used, err)
	}
	if err := ledger.Clear(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	if used, err := ledger.Used(t.Context(), card); err != nil || len(used) != 0 {
		t.Errorf("after clearing, used: %+v, %v", used, err)
	}
	h.prove(t, h.begin(t, "alice"), EmailCode)
}

// TestARowBelongsToItsGate: who holds the mailbox guesses SMS codes, day by day.
// The right code of the mail does not give the wrong ones of the SMS back.
func TestARowBelongsToItsGate(t *testing.T) {
	h := newHarness(t, twoGates)
	h.add("alice")
	for range 8 {
		first, second := h.begin(t, "alice"), h.begin(t, "alice")
		if h.record(t, first.ID).Decoy {
			break
		}
		for _, ticket := range []Ticket{h.prove(t, first, EmailCode), h.prove(t, second, EmailCode)} {
			h.open(t, ticket, SMSCode)
			for range 5 {
				_, _, _ = h.Prove(t.Context(), ticket, SMSCode, "00000000")
			}
		}
		h.forward(25 * time.Hour)
	}
	r := Record{Subject: h.subject("alice")}
	if got := h.row(t, r, SMSCode); got != "50" {
		t.Errorf("%s wrong SMS codes in a row were compared, want 50", got)
	}
	if got := h.row(t, r, EmailCode); got != "" {
		t.Errorf("the mail's row is %q after a right code", got)
	}
}

// TestARepeatedAnswerBeginsNoRowAnew: the right code that is sent once more
// within its minute gets its answer, and gives no wrong guess back.
func TestARepeatedAnswerBeginsNoRowAnew(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	first := h.begin(t, "alice")
	code := h.open(t, first, EmailCode)
	if _, _, err := h.Prove(t.Context(), first, EmailCode, code); err != nil {
		t.Fatal(err)
	}
	other := h.begin(t, "alice")
	h.open(t, other, EmailCode)
	for range 3 {
		_, _, _ = h.Prove(t.Context(), other, EmailCode, "00000000")
	}
	for range 2 {
		if _, _, err := h.Prove(t.Context(), first, EmailCode, code); err != nil {
			t.Fatalf("the answer repeated: %v", err)
		}
		if got := h.row(t, h.record(t, other.ID), EmailCode); got != "3" {
			t.Errorf("the row is %q after a repeated answer, want 3", got)
		}
	}
	h.prove(t, h.begin(t, "alice"), EmailCode)
	if got := h.row(t, h.record(t, other.ID), EmailCode); got != "" {
		t.Errorf("the row is %q after a new right code", got)
	}
}

// TestInventedLoginsLeaveNothing: what is counted for logins of nobody is gone
// after a day, what is counted for a person stays.
func TestInventedLoginsLeaveNothing(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	for _, login := range []string{"alice", "nobody", "noone"} {
		ticket := h.begin(t, login)
		h.open(t, ticket, EmailCode)
		_, _, _ = h.Prove(t.Context(), ticket, EmailCode, "00000000")
	}
	r := Record{Login: "nobody"}
	if got := h.row(t, r, EmailCode); got != "1" {
		t.Errorf("the row of nobody is %q", got)
	}
	h.forward(60 * 24 * time.Hour)
	var stay []string
	for _, key := range h.redis.Keys() {
		if key != delivery.StreamKey() {
			stay = append(stay, key)
		}
	}
	_, rows := h.Store.purseKeys(h.purse(h.subject("alice"), Device{}))
	if len(stay) != 1 || stay[0] != rows {
		t.Errorf("for ever stay %v, want only %s", stay, rows)
	}
}

// TestTheLastGuessEndsTheRecovery also when the process died before it said so.
func TestTheLastGuessEndsTheRecovery(t *testing.T) {
	for _, login := range []string{"alice", "nobody"} {
		h := newHarness(t, nil)
		h.add("alice")
		ticket := h.begin(t, login)
		h.open(t, ticket, EmailCode)
		r := h.record(t, ticket.ID)
		for range 5 {
			b := h.Store.batch()
			counted := h.Store.guess(t.Context(), b, h.Config, guessed{r.ID, r.Challenge.ID, EmailCode}, h.purse(r.who(), r.Device))
			b.Send(t.Context())
			if _, err := counted(); err != nil {
				t.Fatal(err)
			}
		}
		for _, ended := range []bool{false, true} { // at once, and when nothing is on its way any more
			if _, _, err := h.Prove(t.Context(), ticket, EmailCode, "00000000"); end(err) != TooManyGuesses {
				t.Errorf("%s: the sixth guess: %v", login, err)
			}
			if got := h.record(t, ticket.ID).State == Ended; got != ended {
				t.Errorf("%s: ended is %v, want %v", login, got, ended)
			}
			h.forward(onItsWay)
		}
		if v, err := h.View(t.Context(), ticket); err != nil || v.End != TooManyGuesses {
			t.Errorf("%s: told that it ended, and the view says %+v, %v", login, v, err)
		}
	}
}

// TestAWrongCodeAfterTheGate: the gate was passed while a wrong guess was on its
// way; the recovery goes on.
func TestAWrongCodeAfterTheGate(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.begin(t, "alice")
	h.open(t, ticket, EmailCode)
	old, err := h.Store.load(t.Context(), ticket.ID)
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := h.Prove(t.Context(), ticket, EmailCode, h.code(old.Record))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.wrong(t.Context(), old, EmailCode, false, guesses{}); end(err) != "" {
		t.Errorf("told that the recovery ended: %v", err)
	}
	if v, err := h.View(t.Context(), next); err != nil || v.Step != StepSetPassword {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestTheAlarmCountsWhatWasCompared: neither repeated answers, nor guesses that
// nobody compared, nor invented logins bring strict mode upon everyone.
func TestTheAlarmCountsWhatWasCompared(t *testing.T) {
	strict := func(h *harness) bool {
		b := h.Store.batch()
		strict := h.Store.strictWith(t.Context(), b)
		b.Send(t.Context())
		on, err := strict()
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	guess := func(h *harness, login string) {
		ticket := h.begin(t, login)
		h.open(t, ticket, EmailCode)
		for range 5 {
			_, _, _ = h.Prove(t.Context(), ticket, EmailCode, "00000000")
		}
	}
	h := newHarness(t, limited(map[string]ratelimit.Limit{ratelimit.WrongCodes: perHour(10)}))
	h.add("alice")
	h.add("bob")
	first := h.begin(t, "bob")
	h.prove(t, first, EmailCode)
	for range 20 {
		_, _, _ = h.Prove(t.Context(), first, EmailCode, "00000000")
	}
	if strict(h) {
		t.Fatal("repeated answers count")
	}
	for range 4 {
		guess(h, "nobody")
	}
	if strict(h) {
		t.Fatal("invented logins count")
	}
	for range 4 {
		guess(h, "alice") // ten are compared, ten are not
	}
	if strict(h) {
		t.Fatal("guesses that were not compared count")
	}
	h.forward(25 * time.Hour)
	for range 2 {
		guess(h, "alice")
	}
	h.add("carol")
	guess(h, "carol")
	if !strict(h) {
		t.Error("fifteen compared wrong codes, and no strict mode")
	}
}

// TestAStoppedPersonGivesAlarm once, in the audit and in the metrics.
func TestAStoppedPersonGivesAlarm(t *testing.T) {
	counted := &countingMeter{}
	h := newHarness(t, func(p *Parts) { p.Config.GuessesInARow, p.Meter = 7, counted })
	p := h.add("alice")
	for _, login := range []string{"alice", "nobody"} {
		for range 3 {
			ticket := h.begin(t, login)
			h.open(t, ticket, EmailCode)
			for range 5 {
				_, _, _ = h.Prove(t.Context(), ticket, EmailCode, "00000000")
			}
		}
	}
	var found []audit.Event
	for _, e := range h.audit.events {
		if e.Kind == audit.CodesStopped {
			found = append(found, e)
		}
	}
	if len(found) != 1 || found[0].Person != p.ID.String() || found[0].Method != "email" || found[0].Directory != "test" {
		t.Errorf("in the audit: %+v", found)
	}
	if counted.limits[guessesInARow] != 1 {
		t.Errorf("in the metrics: %v", counted.limits)
	}
}

// TestStrictModeDemandsMoreGates where it is configured, of those whose recovery
// begins in it: they pass both, and who cannot is told so.
func TestStrictModeDemandsMoreGates(t *testing.T) {
	h := newHarness(t, func(p *Parts) {
		p.Config.StrictGates = 2
		rule := policy.Rule{Enabled: true, Gates: 1, Methods: []string{"email", "sms"}}
		p.Policy = policy.New([]policy.Rule{rule}, policy.Protected{}, policy.Administrators{})
	})
	h.add("alice")
	bob := h.add("bob")
	card := h.cards[bob.ID.String()]
	card.Contacts = card.Contacts[:1]
	h.cards[bob.ID.String()] = card
	before := h.prove(t, h.begin(t, "bob"), EmailCode)
	if err := h.Store.setStrict(t.Context(), true, time.Hour); err != nil {
		t.Fatal(err)
	}
	if v, err := h.SetPassword(t.Context(), before, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("what began before: %+v, %v", v, err)
	}
	ticket := h.begin(t, "alice")
	if r := h.record(t, ticket.ID); r.GatesLeft() != 1 {
		t.Error("a stranger sees that more is demanded")
	}
	if ticket = h.prove(t, ticket, EmailCode); h.record(t, ticket.ID).State != Gating {
		t.Fatal("one gate is enough")
	}
	ticket = h.prove(t, ticket, SMSCode)
	if v, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil || v.Step != StepDone {
		t.Errorf("with both gates: %+v, %v", v, err)
	}
	if r := h.record(t, h.begin(t, "bob").ID); !r.Decoy || r.Refused == nil || r.Refused.Reason != delivery.ReasonTooFewContacts {
		t.Errorf("bob, who has no second contact: %+v", r)
	}
	h.forward(2 * time.Hour)
	h.prove(t, h.begin(t, "bob"), EmailCode)
}

type countingMeter struct {
	meter

	limits map[string]int
}

func (m *countingMeter) Limited(name string) {
	if m.limits == nil {
		m.limits = map[string]int{}
	}
	m.limits[name]++
}

// TestALookupIsPaidOnce: the look-up worker and the delivery worker may look at
// once, and neither makes the other's recovery a decoy.
func TestALookupIsPaidOnce(t *testing.T) {
	h := newHarness(t, limited(map[string]ratelimit.Limit{ratelimit.StartsPerPerson: perHour(2)}))
	h.add("alice")
	for i, want := range []bool{true, true, false} {
		ticket, _, err := h.Start(t.Context(), StartRequest{Login: "alice", Origin: API})
		if err != nil {
			t.Fatal(err)
		}
		<-h.lookups
		for range 3 {
			event, _, err := h.identify(t.Context(), h.record(t, ticket.ID))
			if _, found := event.(Found); err != nil || found != want {
				t.Errorf("recovery %d: %+v, %v; found should be %v", i+1, event, err, want)
			}
		}
	}
}

// TestMessagesOnAKnownDevice: a stranger's recoveries use up what a contact is
// sent, also in strict mode; on the browser that reset before, a code comes.
func TestMessagesOnAKnownDevice(t *testing.T) {
	for _, limit := range []string{ratelimit.MessagesPerContact, ratelimit.StrictMessages} {
		h := newHarness(t, func(p *Parts) {
			limited(map[string]ratelimit.Limit{limit: perHour(1)})(p)
			p.Config.ResendAfter = setting.Duration(0)
		})
		if err := h.Store.setStrict(t.Context(), true, 100*time.Hour); err != nil {
			t.Fatal(err)
		}
		h.add("alice")
		h.add("bob")
		ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
		if _, err := h.SetPassword(t.Context(), ticket, newPassword); err != nil {
			t.Fatal(err)
		}
		device, err := h.Remember(t.Context(), ticket)
		if err != nil {
			t.Fatal(err)
		}
		h.forward(2 * time.Hour)
		sent := func(login, device string) int {
			t.Helper()
			ticket, _, err := h.Start(t.Context(), StartRequest{Login: login, Device: device, Origin: API})
			if err == nil {
				err = h.lookup(t.Context(), <-h.lookups)
			}
			if err != nil {
				t.Fatal(err)
			}
			h.notices()
			h.open(t, ticket, EmailCode)
			messages, err := h.Recipients(t.Context(), <-h.jobs)
			if err != nil {
				t.Fatal(err)
			}
			return len(messages)
		}
		for i, want := range []int{1, 0, 0} {
			if got := sent("alice", ""); got != want {
				t.Errorf("%s: stranger's message %d: %d sent, want %d", limit, i+1, got, want)
			}
		}
		if sent("alice", device) != 1 || sent("alice", device) != 0 {
			t.Errorf("%s: the known device has no share, or one without end", limit)
		}
		if sent("bob", device) != 1 || sent("bob", "") != 0 {
			t.Errorf("%s: alice's device has a share in what bob is sent", limit)
		}
	}
}
