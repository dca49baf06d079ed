package recovery

import (
	"context"
	"crypto/rand"
	"errors"

	"latchkey/internal/audit"
	"latchkey/internal/crash"
	"latchkey/internal/store"
)

// guesses is what the count before a comparison says.
type guesses struct {
	// compare: the guess may be compared. exhausted: none was left before it.
	compare, exhausted bool
	// code and recovery are the guesses that are left.
	code, recovery int
	// name is this guess's, to take it back if it was right.
	name string
}

// Prove answers the open challenge. The guess is counted before it is compared.
// The right answer gives a new ticket; for 60 seconds the ticket before and the
// same answer give it again, so that a lost response locks nobody out. It fails
// with [WrongCodeError], [EndedError], [ErrNotNow], [LimitedError] or
// store.ErrUnavailable.
func (s *Service) Prove(ctx context.Context, t Ticket, m Method, code string) (Ticket, View, error) {
	if err := s.take(ctx, s.codeBudget(t.Address)); err != nil {
		return Ticket{}, View{}, err
	}
	if err := s.Store.healthy(); err != nil {
		return Ticket{}, View{}, err
	}
	old, previous, err := s.admit(ctx, t)
	if err != nil {
		return Ticket{}, View{}, err
	}
	challenge, err := s.challenged(old, m, previous)
	if err != nil {
		return Ticket{}, View{}, err
	}
	purse := s.purse(old.who(), old.Device)
	count, err := s.Store.guess(ctx, s.Config, old.ID, challenge.ID, purse)
	if err != nil {
		return Ticket{}, View{}, err
	}
	right := s.Codes.Check(old.ID, challenge.ID, string(m), challenge.MAC, code)
	if !count.compare || !right {
		return Ticket{}, View{}, s.wrong(ctx, old, m, previous, count)
	}
	next, err := s.pass(ctx, t, old, challenge, previous)
	if errors.Is(err, ErrNotNow) {
		return Ticket{}, View{}, s.wrong(ctx, old, m, previous, count)
	}
	if err != nil {
		return Ticket{}, View{}, err
	}
	if err := s.Store.right(ctx, old.ID, challenge.ID, purse, count.name); err != nil {
		s.Logger.WarnContext(ctx, "a right guess stays counted", "recovery", old.ID, "error", err)
	}
	return s.ticket(next.Record), next.view(next.now, s.Config), nil
}

// challenged returns the challenge that an answer is for: the open one, or for
// a repeated answer the one of the last proof.
func (s *Service) challenged(old stored, m Method, previous bool) (Challenge, error) {
	if previous {
		last := old.Proofs[len(old.Proofs)-1]
		if last.Method != m {
			return Challenge{}, ErrNoRecovery
		}
		return Challenge{ID: last.Challenge, Method: m, MAC: last.MAC}, nil
	}
	if old.State == Ended {
		return Challenge{}, &EndedError{old.End}
	}
	if !old.over() && !old.now.Before(old.ExpiresAt(s.Config)) {
		return Challenge{}, &EndedError{Expired}
	}
	c := old.Challenge
	if c == nil || c.Method != m {
		return Challenge{}, ErrNotNow
	}
	return *c, nil
}

// pass stores the proof. It fails with ErrNotNow for a decoy, and for a code that
// is over or was replaced; those look like wrong ones.
func (s *Service) pass(ctx context.Context, t Ticket, old stored, c Challenge, previous bool) (stored, error) {
	if previous {
		return old, nil
	}
	next, err := s.change(ctx, old, GatePassed{Challenge: c.ID}, s.swap)
	if err == nil {
		crash.Here("proof stored")
		s.Logger.InfoContext(ctx, "gate passed", "recovery", old.ID, "method", c.Method, "gates_left", next.GatesLeft())
		s.Meter.Gate(string(c.Method), true)
		s.Audit.Note(s.about(next.Record, audit.Event{Kind: audit.Guessed, Outcome: "right", Method: string(c.Method)}))
		return next, nil
	}
	if !errors.Is(err, ErrNotNow) {
		return stored{}, err
	}
	// A parallel request with the same answer may have passed this gate.
	again, repeated, admitErr := s.admit(ctx, t)
	if admitErr == nil && repeated && again.Proofs[len(again.Proofs)-1].Challenge == c.ID {
		return again, nil
	}
	return stored{}, err
}

// wrong answers a guess that was wrong or could not be compared, and ends the
// recovery when it was the last.
func (s *Service) wrong(ctx context.Context, old stored, m Method, previous bool, count guesses) error {
	s.Logger.InfoContext(ctx, "wrong code", "recovery", old.ID, "compared", count.compare, "left", count.recovery)
	s.Meter.Gate(string(m), false)
	s.Audit.Note(s.about(old.Record, audit.Event{Kind: audit.Guessed, Outcome: "wrong", Method: string(m)}))
	if count.compare && !previous {
		s.alarm(ctx, old.Record)
	}
	if count.recovery > 0 || previous {
		return &WrongCodeError{TriesLeft: max(0, min(count.code, count.recovery))}
	}
	if !count.exhausted {
		if _, err := s.change(ctx, old, GuessesExhausted{}, s.swap); err != nil {
			return err
		}
	}
	return &EndedError{TooManyGuesses}
}

// guess counts a guess against a purse. It fails closed: no count, no comparison.
func (s *Store) guess(ctx context.Context, rules Config, recovery, challenge, purse string) (guesses, error) {
	name := rand.Text()
	answer, err := s.scripts.guess.Run(ctx, s.redis, s.guessKeys(recovery, challenge, purse),
		rules.GuessesPerRecovery, rules.GuessesPerCode, rules.GuessesPerDay, rules.GuessesInARow,
		(rules.Lifetime.Std() + repeatable).Milliseconds(), name).Int64Slice()
	if err == nil && len(answer) != 3 {
		err = errors.New("unexpected answer of the guess script")
	}
	if err != nil {
		return guesses{}, store.Unavailable(err)
	}
	return guesses{compare: answer[0] == 1, exhausted: answer[0] == 0, code: int(answer[1]), recovery: int(answer[2]), name: name}, nil
}

// right takes a right guess out of the counts.
func (s *Store) right(ctx context.Context, recovery, challenge, purse, name string) error {
	return store.Unavailable(s.scripts.right.Run(ctx, s.redis, s.guessKeys(recovery, challenge, purse), name).Err())
}

func (s *Store) guessKeys(recovery, challenge, purse string) []string {
	of := s.keys.Index("guesses", purse)
	return []string{
		store.Hot("guess", "recovery", recovery), store.Hot("guess", "code", challenge),
		store.Hot("guess", "day", of), store.Hot("guess", "row", of),
	}
}
