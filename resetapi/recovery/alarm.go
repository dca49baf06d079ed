package recovery

import (
	"context"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
)

// strictFor is how long strict mode lasts after the last wrong code beyond the
// limit on everything.
const strictFor = time.Hour

// alarm counts a wrong code against a real account over all accounts together.
// Beyond the first limit the operator is told; beyond the second strict mode
// begins, in which each contact gets one message an hour, so that a spray over
// many accounts stays slow. Decoys do not count: a stranger who invents logins
// cannot slow anybody down.
func (s *Service) alarm(ctx context.Context, r Record) {
	// A decoy asks for the same, on a budget of nobody's: the answer to a wrong
	// code must not tell by its time whether there is an account.
	of := ""
	if r.Subject.Person == "" {
		of = "decoys"
	}
	for _, limit := range []string{ratelimit.WrongCodesAlarm, ratelimit.WrongCodes} {
		decision, err := s.Limits.Take(ctx, ratelimit.Budget{Limit: limit, Of: of})
		if err != nil || decision.Allowed || of != "" {
			continue
		}
		if limit == ratelimit.WrongCodesAlarm {
			s.Logger.ErrorContext(ctx, "alarm: very many wrong codes over all accounts")
			continue
		}
		if err := s.Store.setStrict(ctx, strictFor); err != nil {
			s.Logger.ErrorContext(ctx, "strict mode cannot be entered", "error", err)
			continue
		}
		s.Logger.ErrorContext(ctx, "alarm: strict mode, messages are slowed down", "for", strictFor.String())
	}
}

// messageBudgets are what one message to a contact costs.
func (s *Service) messageBudgets(ctx context.Context, c contact.Contact) ([]ratelimit.Budget, error) {
	of := string(c.Kind) + " " + c.Value
	budgets := []ratelimit.Budget{{Limit: ratelimit.MessagesPerContact, Of: of}}
	strict, err := s.Store.strict(ctx)
	if err != nil {
		return nil, err
	}
	if strict {
		budgets = append(budgets, ratelimit.Budget{Limit: ratelimit.StrictMessages, Of: of})
	}
	return budgets, nil
}

func strictKey() string { return store.Hot("strict") }

func (s *Store) setStrict(ctx context.Context, d time.Duration) error {
	return store.Unavailable(s.redis.Set(ctx, strictKey(), 1, d).Err())
}

func (s *Store) strict(ctx context.Context) (bool, error) {
	n, err := s.redis.Exists(ctx, strictKey()).Result()
	return n == 1, store.Unavailable(err)
}
