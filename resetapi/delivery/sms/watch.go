package sms

import (
	"context"
	"fmt"
	"time"

	"latchkey/resetapi/delivery"
)

const (
	// settledAfter is when a code that was not entered will not be any more: the
	// longest lifetime that codes can have.
	settledAfter = 10 * time.Minute
	// shortestWatch and longestWatch bound the window of the watch.
	shortestWatch = 10 * time.Minute
	longestWatch  = 24 * time.Hour
)

// Who pumps SMS for money lets codes be sent and enters none of them. The watch
// compares what was sent to a prefix with what came back, and pauses a prefix
// from which too little does.

// watches reports whether a message is one that the watch is about.
func (g *Gateway) watches(m delivery.Message) bool {
	return g.config.WatchPercent > 0 && m.Kind == delivery.KindCode && m.Challenge != ""
}

// judge refuses a message to a prefix that pauses.
func (g *Gateway) judge(ctx context.Context, m delivery.Message, country string) error {
	if !g.watches(m) {
		return nil
	}
	found, err := g.ledger.judge(ctx, prefixOf(m.To), g.config)
	if err != nil {
		return fmt.Errorf("ask for the share of codes that were entered: %w", err)
	}
	if !found.paused {
		return nil
	}
	if found.begun {
		g.meter.SMSPaused(country)
		g.logger.ErrorContext(ctx, "alarm: hardly any code is entered that goes to numbers with this beginning; none is sent there for a while. Look whether somebody pumps messages, or whether SMS arrive there",
			"country", country, "beginning", beginningOf(m.To), "sent", found.sent, "entered", found.entered, "for", g.config.WatchWindow.String())
	}
	g.meter.Limited("sms.watch_percent")
	return fmt.Errorf("%w: the prefix pauses", delivery.ErrPermanent)
}

// sent notes that the gateway took a message. That the note fails is no reason
// to send it again.
func (g *Gateway) sent(ctx context.Context, m delivery.Message) {
	if !g.watches(m) {
		return
	}
	if err := g.ledger.sent(ctx, prefixOf(m.To), m.Challenge, m.ID); err != nil {
		g.logger.WarnContext(ctx, "an SMS is missing in the share of codes that were entered", "error", err)
	}
}

// Entered is told of each challenge whose code was entered, by which SMS it may
// have come.
func (g *Gateway) Entered(ctx context.Context, challenge string) {
	if g.config.WatchPercent == 0 {
		return
	}
	if err := g.ledger.entered(ctx, challenge); err != nil {
		g.logger.WarnContext(ctx, "a code is missing in the share of those that were entered", "error", err)
	}
}

// prefixOf is a number without its last four digits, over which a bought block
// of numbers spreads.
func prefixOf(number string) string {
	const open = 4
	return number[:max(1, len(number)-open)]
}

// beginningOf is so little of a number that it names a network and nobody.
func beginningOf(number string) string {
	const open = 8
	return number[:max(1, len(number)-open)]
}
