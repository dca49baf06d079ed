package sms

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"latchkey/internal/ratelimit"
	"latchkey/resetapi/delivery"
)

// maxCost is the name of the money cap in logs and metrics.
const maxCost = "sms.max_cost_per_day"

// pay takes the budgets of a message and its price, once, however often it is
// sent. A budget that is used up ends the message.
//
// A notice of a changed password is counted like any other, and sent whatever
// the budgets say: it comes of a password that was written, so that nobody can
// pump it, and it may be the only word that an owner gets of a theft.
//
// The message's own limit makes it pay once: it is taken together with the
// others, and refuses when they have been. Its wait, of a day at least, is
// longer than any other's, so that it is the one that is named.
func (g *Gateway) pay(ctx context.Context, m delivery.Message, country string) error {
	decision, err := g.budgets.Take(
		ctx,
		ratelimit.Budget{Limit: ratelimit.SMSPerMessage, Of: m.ID},
		ratelimit.Budget{Limit: ratelimit.SMSPerPrefix, Of: prefixOf(m.To)},
		ratelimit.Budget{Limit: ratelimit.SMSPerCountry, Of: country},
		ratelimit.Budget{Limit: ratelimit.SMS},
	)
	if err != nil {
		return fmt.Errorf("ask the budgets of SMS: %w", err)
	}
	notice := delivery.IsNotice(m.Kind)
	switch {
	case decision.Allowed:
		g.messages.used(decision.Used)
	case decision.Limit != ratelimit.SMSPerMessage:
		if decision.Limit == ratelimit.SMS {
			g.messages.used(full)
		}
		if !notice {
			return g.over(ctx, decision.Limit, country)
		}
	}
	return g.charge(ctx, m, country, notice)
}

// charge pays the price of a message.
func (g *Gateway) charge(ctx context.Context, m delivery.Message, country string, must bool) error {
	limit, price := g.config.MaxCostPerDay, g.config.priceOf(m.To)
	if limit == 0 && price == 0 {
		return nil
	}
	spent, paid, err := g.ledger.charge(ctx, m.ID, price, limit, must)
	if err != nil {
		return fmt.Errorf("charge an SMS: %w", err)
	}
	g.meter.SMSCost(spent.Float())
	if limit == 0 {
		return nil
	}
	if !paid {
		g.money.used(full)
		return g.over(ctx, maxCost, country)
	}
	g.money.used(int(spent * full / limit))
	return nil
}

// over tells of a message that a budget keeps back.
func (g *Gateway) over(ctx context.Context, limit, country string) error {
	g.meter.Limited(limit)
	g.logger.WarnContext(ctx, "an SMS is not sent: its budget is used up", "limit", limit, "country", country)
	return fmt.Errorf("%w: the budget %s is used up", delivery.ErrPermanent, limit)
}

// full is a budget without anything left, in percent.
const full = 100

// alarm tells once when a budget passes a level, and again only when it was well
// below in between.
type alarm struct {
	limit  string
	logger *slog.Logger

	mu sync.Mutex
	// level is the highest that was told of.
	level int
}

// used is told how much of the budget is used up, in percent.
func (a *alarm) used(percent int) {
	const wellBelow = 10
	level := 0
	for _, l := range []int{50, 80, full} {
		if percent >= l {
			level = l
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case level > a.level:
		a.level = level
		a.logger.Error("the budget of SMS is being used up; look whether somebody pumps messages", "limit", a.limit, "used_percent", percent)
	case percent < a.level-wellBelow:
		a.level = level
	}
}
