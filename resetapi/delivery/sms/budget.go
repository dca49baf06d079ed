package sms

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"latchkey/internal/ratelimit"
	"latchkey/resetapi/delivery"
)

// budgets keep SMS from costing more than somebody meant to pay.
type budgets struct {
	ask    Budgets
	logger *slog.Logger

	mu sync.Mutex
	// alarmed is the highest level of the whole budget that was told of.
	alarmed int
}

// pay takes the budgets of a message, once, however often it is sent. A budget
// that is used up ends the message.
//
// The message's own limit makes it pay once: it is taken together with the
// others, and refuses when they have been. Its wait, of a day at least, is
// longer than any other's, so that it is the one that is named.
func (b *budgets) pay(ctx context.Context, m delivery.Message, country string) error {
	const open = 4 // the last digits, over which a bought block of numbers spreads
	decision, err := b.ask.Take(
		ctx,
		ratelimit.Budget{Limit: ratelimit.SMSPerMessage, Of: m.ID},
		ratelimit.Budget{Limit: ratelimit.SMSPerPrefix, Of: m.To[:max(1, len(m.To)-open)]},
		ratelimit.Budget{Limit: ratelimit.SMSPerCountry, Of: country},
		ratelimit.Budget{Limit: ratelimit.SMS},
	)
	if err != nil {
		return fmt.Errorf("ask the budgets of SMS: %w", err)
	}
	if decision.Limit == ratelimit.SMSPerMessage {
		return nil
	}
	if decision.Allowed {
		b.alarm(decision.Used)
		return nil
	}
	if decision.Limit == ratelimit.SMS {
		const all = 100
		b.alarm(all)
	}
	b.logger.WarnContext(ctx, "an SMS is not sent: its budget is used up", "limit", decision.Limit, "country", country)
	return fmt.Errorf("%w: the budget %s is used up", delivery.ErrPermanent, decision.Limit)
}

// alarm tells once when the budget of all SMS passes a level, and again only
// when it was well below in between.
func (b *budgets) alarm(used int) {
	const wellBelow = 10
	level := 0
	for _, l := range []int{50, 80, 100} {
		if used >= l {
			level = l
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case level > b.alarmed:
		b.alarmed = level
		b.logger.Error("the budget of SMS is being used up; look whether somebody pumps messages", "limit", ratelimit.SMS, "used_percent", used)
	case used < b.alarmed-wellBelow:
		b.alarmed = level
	}
}
