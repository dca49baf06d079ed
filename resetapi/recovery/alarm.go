package recovery

import (
	"context"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
)

// strictFor is how long strict mode lasts after the last wrong code beyond the
// limit on everything.
const strictFor = time.Hour

// alarm counts a wrong code against a real account over all accounts together.
// Beyond the first limit the operator is told; beyond the second strict mode
// begins, in which each contact gets one message an hour, so that a spray over
// many accounts stays slow, and strict_gates are demanded. Decoys do not count: a
// stranger who invents logins cannot slow anybody down.
//
// For a decoy the same is asked and written, on keys of nobody's: the answer to a
// wrong code must not tell by its time whether there is an account.
func (s *Service) alarm(ctx context.Context, r Record) {
	real := r.Subject.Person != ""
	many := s.beyond(ctx, ratelimit.WrongCodesAlarm, real)
	tooMany := s.beyond(ctx, ratelimit.WrongCodes, real)
	if err := s.Store.setStrict(ctx, tooMany, strictFor); err != nil {
		s.Logger.ErrorContext(ctx, "strict mode cannot be entered", "error", err)
		return
	}
	switch {
	case tooMany:
		s.Logger.ErrorContext(ctx, "alarm: strict mode, messages are slowed down", "for", strictFor.String())
	case many:
		s.Logger.ErrorContext(ctx, "alarm: very many wrong codes over all accounts")
	}
}

// beyond counts against a limit on everything, and reports whether that went
// beyond it. What decoys spend is beyond nothing.
func (s *Service) beyond(ctx context.Context, limit string, real bool) bool {
	of := ""
	if !real {
		of = "decoys"
	}
	decision, err := s.Limits.Take(ctx, ratelimit.Budget{Limit: limit, Of: of})
	if err != nil || decision.Allowed || !real {
		return false
	}
	s.Meter.Limited(limit)
	return true
}

// guessesInARow is the limit's name in metrics and in the audit.
const guessesInARow = "guesses_in_a_row"

// codesStopped gives alarm when a person's wrong codes in a row reached the limit:
// from then on none is compared, until an operator clears the row.
func (s *Service) codesStopped(ctx context.Context, r Record, m Method, count guesses) {
	if r.Subject.Person == "" || count.row < s.Config.GuessesInARow {
		return
	}
	s.Logger.ErrorContext(ctx, "alarm: too many wrong codes in a row; codes of this person are stopped until `latchkey limits clear`", "recovery", r.ID, "method", m)
	s.Meter.Limited(guessesInARow)
	s.Audit.Note(s.about(r, audit.Event{Kind: audit.CodesStopped, Method: string(m), Reason: guessesInARow}))
}

// messageBudgets are what one message to a contact costs. On a known device the
// contact has a share of its own, so that no stranger can use up what its owner
// is sent.
func messageBudgets(of string, strict bool) []ratelimit.Budget {
	budgets := []ratelimit.Budget{{Limit: ratelimit.MessagesPerContact, Of: of}}
	if strict {
		budgets = append(budgets, ratelimit.Budget{Limit: ratelimit.StrictMessages, Of: of})
	}
	return budgets
}

func strictKey() string { return store.Hot("strict") }

// setStrict begins strict mode, or writes as much where it changes nothing.
func (s *Store) setStrict(ctx context.Context, on bool, d time.Duration) error {
	key := strictKey()
	if !on {
		key = store.Hot("lenient")
	}
	return store.Unavailable(s.redis.Set(ctx, key, 1, d).Err())
}

func (s *Store) strictWith(ctx context.Context, b *store.Batch) func() (bool, error) {
	read := b.Commands().Exists(ctx, strictKey())
	return func() (bool, error) {
		n, err := read.Result()
		return n == 1, store.Unavailable(err)
	}
}
