package sms

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// limited is a gateway with real budgets in a Redis whose clock the test turns.
func limited(t *testing.T, c Config, limits map[string]ratelimit.Limit) (*Gateway, *bytes.Buffer, func(time.Duration), *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	now := time.Unix(1_800_000_000, 0)
	server.SetTime(now)
	rc := store.Defaults()
	rc.Timeout = setting.Duration(storetest.Patience)
	rc.Addresses = []string{server.Addr()}
	s, err := store.Open(rc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var log bytes.Buffer
	keys := keyring.Generate()
	g, err := Open(c, Parts{
		PublicURL: "https://reset.example.org", Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Budgets: ratelimit.New(s, keys, ratelimit.Merge(limits)), Ledger: NewLedger(s, keys), Meter: newCounted(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g, &log, func(d time.Duration) {
		now = now.Add(d)
		server.SetTime(now)
		server.FastForward(d)
	}, server
}

// number is one of a block of German numbers.
func number(block, i int) string { return fmt.Sprintf("+491512%03d%04d", block, i) }

func TestS45_PrefixBudget(t *testing.T) {
	server, c := newGateway(t)
	g, log, forward, _ := limited(t, c, nil)
	const people = 500
	send := func(block, i int) error {
		m := message()
		m.ID, m.To = fmt.Sprintf("%d-%d", block, i), number(block, i)
		return g.Send(t.Context(), m)
	}
	for i := range people {
		if err := send(345, i); (err == nil) != (i < 20) || err != nil && !errors.Is(err, delivery.ErrPermanent) {
			t.Fatalf("number %d: %v", i, err)
		}
	}
	if n := len(server.Requests()); n != 20 {
		t.Errorf("%d SMS to one block, want 20", n)
	}
	if strings.Contains(log.String(), "1512345") || !strings.Contains(log.String(), "limit=sms_per_prefix") {
		t.Errorf("%.500s", log)
	}
	if err := send(346, 0); err != nil {
		t.Errorf("the next block: %v", err)
	}
	forward(time.Hour)
	if err := send(345, people); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestS45_CountryAndDayBudgets(t *testing.T) {
	for name, test := range map[string]struct {
		limits map[string]ratelimit.Limit
		sent   int
	}{
		"country, as it is": {nil, 200},
		"day":               {map[string]ratelimit.Limit{ratelimit.SMS: {Rates: []ratelimit.Rate{{Count: 50, Period: 24 * time.Hour}}}}, 50},
	} {
		server, c := newGateway(t)
		g, _, _, _ := limited(t, c, test.limits)
		for i := range 300 {
			m := message()
			m.ID, m.To = fmt.Sprint(i), number(100+i, 0)
			_ = g.Send(t.Context(), m)
		}
		if n := len(server.Requests()); n != test.sent {
			t.Errorf("%s: %d SMS, want %d", name, n, test.sent)
		}
	}
}

// TestAMessagePaysOnce: however often the gateway is away.
func TestAMessagePaysOnce(t *testing.T) {
	server, c := newGateway(t)
	one := ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 1, Period: 24 * time.Hour}}}
	g, _, forward, _ := limited(t, c, map[string]ratelimit.Limit{ratelimit.SMS: one, ratelimit.SMSPerPrefix: one, ratelimit.SMSPerCountry: one})
	server.Behave(testenv.SMSBehavior{Status: 500})
	for range 5 {
		if err := g.Send(t.Context(), message()); err == nil || errors.Is(err, delivery.ErrPermanent) {
			t.Fatalf("%v", err)
		}
		forward(10 * time.Minute)
	}
	server.Behave(testenv.SMSBehavior{})
	forward(22 * time.Hour)
	if err := g.Send(t.Context(), message()); err != nil {
		t.Errorf("the same message at last: %v", err)
	}
	other := message()
	other.ID = "job-2"
	if err := g.Send(t.Context(), other); !errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("another message: %v", err)
	}
}

func TestNothingIsSentWithoutBudgets(t *testing.T) {
	server, c := newGateway(t)
	g, _, _, redis := limited(t, c, nil)
	redis.SetError("LOADING")
	if err := g.Send(t.Context(), message()); err == nil || errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("%v", err)
	}
	if len(server.Requests()) != 0 {
		t.Error("an SMS was sent that nobody counted")
	}
}

func TestAlarms(t *testing.T) {
	_, c := newGateway(t)
	roomy := ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 1000, Period: time.Hour}}}
	g, log, forward, _ := limited(t, c, map[string]ratelimit.Limit{
		ratelimit.SMS:          {Rates: []ratelimit.Rate{{Count: 10, Period: 24 * time.Hour}}},
		ratelimit.SMSPerPrefix: roomy, ratelimit.SMSPerCountry: roomy,
	})
	next := 0
	send := func(n int) (alarms int) {
		log.Reset()
		for range n {
			m := message()
			m.ID = fmt.Sprint(next)
			next++
			_ = g.Send(t.Context(), m)
		}
		return strings.Count(log.String(), "level=ERROR")
	}
	for _, step := range []struct{ send, alarms int }{{4, 0}, {1, 1}, {2, 0}, {1, 1}, {1, 0}, {1, 1}, {5, 0}} {
		if got := send(step.send); got != step.alarms {
			t.Errorf("after %d: %d alarms, want %d\n%s", next, got, step.alarms, log)
		}
	}
	forward(24 * time.Hour)
	if send(1) != 0 || send(4) != 1 {
		t.Errorf("the next day is not told of: %s", log)
	}
}
