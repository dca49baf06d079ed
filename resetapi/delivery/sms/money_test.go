package sms

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/ratelimit"
	"latchkey/resetapi/delivery"
)

// unbound are limits on messages that no test of money reaches.
func unbound() map[string]ratelimit.Limit {
	all := ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 100_000, Period: time.Hour}}}
	return map[string]ratelimit.Limit{ratelimit.SMS: all, ratelimit.SMSPerPrefix: all, ratelimit.SMSPerCountry: all}
}

func TestAmounts(t *testing.T) {
	for text, want := range map[string]Amount{"0": 0, "12": 120_000, "0.075": 750, "12.50": 125_000, "0.0001": 1, "1000000000": maxAmount} {
		var got Amount
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
		var again Amount
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, text := range []string{"", ".5", "5.", "-1", "+1", "1e3", "0.00001", "1,5", "1000000000.1", "99999999999", "1.2.3", "0x1", " 1", "٣"} {
		if err := new(Amount).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is an amount", text)
		}
	}
}

func TestPrices(t *testing.T) {
	c := Config{Price: 1000, Prices: map[string]string{"+49": "0.05", "+4915": "0.07", "+1": "0.01"}}
	for number, want := range map[string]Amount{"+4930123": 500, "+4915123456789": 700, "+436641234567": 1000, "+12015550123": 100} {
		if got := c.priceOf(number); got != want {
			t.Errorf("%s costs %s, want %s", number, got, want)
		}
	}
	bad := Defaults()
	bad.Prices, bad.MaxCostPerDay = map[string]string{"49": "0.05", "+49": "5 cents", "+": "1"}, 1
	bad.WatchPercent, bad.WatchMinimum, bad.WatchWindow = 91, 0, 0
	if got := append(bad.moneyFaults(), bad.watchFaults()...); len(got) != 7 {
		t.Errorf("%d faults: %v", len(got), got)
	}
}

// TestS45_MoneyCap: what would cost more than the day may is not sent, until the
// next day; the alarm and the metric tell.
func TestS45_MoneyCap(t *testing.T) {
	server, c := newGateway(t)
	c.Countries = []string{"DE", "AT"}
	c.MaxCostPerDay, c.Price, c.Prices = 10*unit, 3*unit, map[string]string{"+49": "1.5"}
	g, log, forward, _ := limited(t, c, unbound())
	meter := g.meter.(*counted)
	send := func(id, to string) error {
		m := message()
		m.ID, m.To = id, to
		return g.Send(t.Context(), m)
	}
	for i, step := range []struct {
		to   string
		sent bool
		cost float64
	}{
		{number(100, 1), true, 1.5},
		{number(100, 1), true, 3},
		{"+436641234567", true, 6},
		{"+436641234567", true, 9},
		{"+436641234567", false, 9},
		{number(100, 2), false, 9},
	} {
		if err := send(fmt.Sprint(i), step.to); (err == nil) != step.sent || err != nil && !errors.Is(err, delivery.ErrPermanent) {
			t.Errorf("number %d: %v", i, err)
		}
		if meter.cost != step.cost {
			t.Errorf("number %d: it cost %v, want %v", i, meter.cost, step.cost)
		}
	}
	if n := len(server.Requests()); n != 4 || meter.limited[maxCost] != 2 {
		t.Errorf("%d SMS, refused %v", n, meter.limited)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 3 { // at 60, 90 and 100 percent
		t.Errorf("%d alarms:\n%s", n, log)
	}
	forward(24 * time.Hour)
	if err := send("next day", number(100, 2)); err != nil || meter.cost != 1.5 {
		t.Errorf("the next day: %v, cost %v", err, meter.cost)
	}
}

// TestAMessageIsChargedOnce: however often it is tried, and also after the sum
// is used up by others.
func TestAMessageIsChargedOnce(t *testing.T) {
	_, c := newGateway(t)
	c.MaxCostPerDay, c.Price = 2*unit, unit
	g, _, _, _ := limited(t, c, unbound())
	for _, id := range []string{"a", "a", "b", "a", "b"} {
		m := message()
		m.ID = id
		if err := g.Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if cost := g.meter.(*counted).cost; cost != 2 {
		t.Errorf("two messages cost %v", cost)
	}
}

// TestNoticesAreNeverKeptBack: neither by a limit on messages, nor by money, nor
// by a pause. They are counted all the same, and wait where nobody can count.
func TestNoticesAreNeverKeptBack(t *testing.T) {
	server, c := newGateway(t)
	one := ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 1, Period: 24 * time.Hour}}}
	c.MaxCostPerDay, c.Price, c.WatchMinimum = unit, unit, 1
	g, _, forward, redis := limited(t, c, map[string]ratelimit.Limit{ratelimit.SMS: one, ratelimit.SMSPerPrefix: one, ratelimit.SMSPerCountry: one})
	send := func(id, kind string) error {
		m := message()
		m.ID, m.Kind, m.Challenge = id, kind, "challenge"
		if kind == delivery.KindNotice {
			m.Code, m.Challenge = "", ""
		}
		return g.Send(t.Context(), m)
	}
	if err := send("code", delivery.KindCode); err != nil {
		t.Fatal(err)
	}
	forward(settledAfter + time.Minute)
	for i := range 3 {
		if err := send(fmt.Sprint("notice ", i), delivery.KindNotice); err != nil {
			t.Errorf("notice %d: %v", i, err)
		}
	}
	if err := send("another code", delivery.KindCode); !errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("a code: %v", err)
	}
	if n, cost := len(server.Requests()), g.meter.(*counted).cost; n != 4 || cost != 4 {
		t.Errorf("%d SMS for %v", n, cost)
	}
	redis.SetError("LOADING")
	if err := send("notice", delivery.KindNotice); err == nil || errors.Is(err, delivery.ErrPermanent) {
		t.Errorf("without Redis: %v, want one that is tried again", err)
	}
}
