package sms

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// block sends a code to each of count numbers of a block, of which the first are
// entered, and returns how many were sent.
func block(t *testing.T, g *Gateway, at, count, entered int) (sent int) {
	t.Helper()
	for i := range count {
		m := message()
		m.ID, m.To = fmt.Sprintf("%d-%d-%d", at, i, time.Now().UnixNano()), number(at, i)
		m.Challenge = "challenge " + m.ID
		switch err := g.Send(t.Context(), m); {
		case err == nil:
			sent++
		case !errors.Is(err, delivery.ErrPermanent):
			t.Fatal(err)
		}
		if i < entered {
			g.Entered(t.Context(), m.Challenge)
			g.Entered(t.Context(), m.Challenge) // the same answer may come twice
		}
	}
	return sent
}

// TestS45_ConversionWatch: a block of numbers whose codes nobody enters gets no
// more for a while, and no other block is in the way of that.
func TestS45_ConversionWatch(t *testing.T) {
	for _, test := range []struct {
		name          string
		sent, entered int
		pauses        bool
	}{
		{"nobody", 10, 0, true},
		{"one of ten", 10, 1, true},
		{"two of ten", 10, 2, false},
		{"everybody", 10, 10, false},
		{"too few to judge", 9, 0, false},
	} {
		_, c := newGateway(t)
		g, log, forward, _ := limited(t, c, unbound())
		meter := g.meter.(*counted)
		if n := block(t, g, 345, test.sent, test.entered); n != test.sent {
			t.Errorf("%s: %d sent", test.name, n)
		}
		forward(10*time.Minute - time.Second)
		if n := block(t, g, 345, 1, 1); n != 1 {
			t.Errorf("%s: judged while codes can still be entered", test.name)
		}
		forward(2 * time.Second)
		if n := block(t, g, 345, 3, 3); (n == 0) != test.pauses {
			t.Errorf("%s: %d of 3 sent afterwards", test.name, n)
		}
		if alarms := strings.Count(log.String(), "level=ERROR"); (alarms == 1) != test.pauses || (meter.paused["DE"] == 1) != test.pauses {
			t.Errorf("%s: %d alarms, %v\n%s", test.name, alarms, meter.paused, log)
		}
		if strings.Contains(log.String(), "1512") {
			t.Errorf("%s: the log tells a number: %s", test.name, log)
		}
		if n := block(t, g, 346, 1, 1); n != 1 {
			t.Errorf("%s: another block is in the way", test.name)
		}
		forward(time.Hour)
		if n := block(t, g, 345, 3, 3); n != 3 {
			t.Errorf("%s: after the pause %d of 3 are sent", test.name, n)
		}
	}
}

// TestTheWatchCountsWhatTheGatewayTook: codes that never left are no reason to
// pause, and a watch that is off pauses nobody.
func TestTheWatchCountsWhatTheGatewayTook(t *testing.T) {
	for name, percent := range map[string]int{"on": 20, "off": 0} {
		server, c := newGateway(t)
		c.WatchPercent = percent
		g, _, forward, _ := limited(t, c, unbound())
		if percent > 0 {
			server.Behave(testenv.SMSBehavior{Status: 403})
		}
		block(t, g, 345, 30, 0)
		server.Behave(testenv.SMSBehavior{})
		forward(settledAfter + time.Second)
		if n := block(t, g, 345, 1, 0); n != 1 {
			t.Errorf("%s: the block pauses", name)
		}
	}
}
