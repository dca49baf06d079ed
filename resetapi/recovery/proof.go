package recovery

import (
	"context"
	"errors"

	"latchkey/internal/audit"
	"latchkey/internal/crash"
	"latchkey/internal/ratelimit"
)

// Prove answers the open challenge. The guess is counted before it is compared.
// The right answer gives a new ticket; for 60 seconds the ticket before and the
// same answer give it again, so that a lost response locks nobody out. It fails
// with [WrongCodeError], [EndedError], [ErrNotNow], [LimitedError] or
// store.ErrUnavailable.
func (s *Service) Prove(ctx context.Context, t Ticket, m Method, code string) (Ticket, View, error) {
	if err := s.Store.healthy(); err != nil {
		return Ticket{}, View{}, err
	}
	b := s.Store.batch()
	paid, admitted := s.Limits.TakeWith(ctx, b, s.codeBudget(t.Address)), s.admitWith(ctx, b, t)
	b.Send(ctx)
	if err := s.paid(ctx, paid); err != nil {
		return Ticket{}, View{}, err
	}
	old, previous, err := admitted()
	if err != nil {
		return Ticket{}, View{}, err
	}
	challenge, err := s.challenged(old, m, previous)
	if err != nil {
		return Ticket{}, View{}, err
	}
	g := guess{guessed: guessed{old.ID, challenge.ID, m}, purse: s.purse(old.who(), old.Device)}
	if g.guesses, g.epoch, err = s.count(ctx, old, g); err != nil {
		return Ticket{}, View{}, err
	}
	right := s.Codes.Check(old.ID, challenge.ID, string(m), challenge.MAC, code)
	if !g.compare || !right {
		return Ticket{}, View{}, s.wrong(ctx, old, m, previous, g.guesses)
	}
	next, err := s.pass(ctx, t, old, challenge, previous, g)
	if errors.Is(err, ErrNotNow) {
		return Ticket{}, View{}, s.wrong(ctx, old, m, previous, g.guesses)
	}
	if err != nil {
		return Ticket{}, View{}, err
	}
	return s.ticket(next.Record), next.view(next.now, s.Config), nil
}

// guess is one guess: what it is for, whose it is, and what was counted.
type guess struct {
	guessed
	guesses

	purse purse
	// epoch is the person's at the count.
	epoch int64
}

// count counts a guess, and asks for the epoch of whoever it is about.
func (s *Service) count(ctx context.Context, old stored, g guess) (guesses, int64, error) {
	b := s.Store.batch()
	counted, asked := s.Store.guess(ctx, b, s.Config, g.guessed, g.purse), s.Store.epochWith(ctx, b, old.who())
	b.Send(ctx)
	count, err := counted()
	if err != nil {
		return guesses{}, 0, err
	}
	epoch, err := asked()
	return count, epoch, err
}

// paid is [Service.take] for a decision that came with other answers.
func (s *Service) paid(ctx context.Context, asked func() (ratelimit.Decision, error)) error {
	decision, err := asked()
	_, err = s.taken(ctx, decision, err)
	return err
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

// pass stores the proof, unless an equal answer did before, and takes the guess
// back out of the counts. It fails with ErrNotNow for a decoy, and for a code that
// is over or was replaced; those look like wrong ones.
func (s *Service) pass(ctx context.Context, t Ticket, old stored, c Challenge, previous bool, g guess) (stored, error) {
	if previous {
		return s.repeated(ctx, old, g), nil
	}
	if err := s.inForce(ctx, old, g.epoch); err != nil {
		return stored{}, err
	}
	next, err := s.change(ctx, old, GatePassed{Challenge: c.ID}, func(ctx context.Context, old stored, next Record) error {
		return s.Store.pass(ctx, g.guessed, g.purse, g.name, old, next, s.lifetime())
	})
	if err == nil {
		crash.Here("proof stored")
		s.Logger.InfoContext(ctx, "gate passed", "recovery", old.ID, "method", c.Method, "gates_left", next.GatesLeft())
		s.Meter.Gate(string(c.Method), true)
		if s.Passed != nil {
			s.Passed(ctx, c.Method, c.ID)
		}
		s.Audit.Note(s.about(next.Record, audit.Event{Kind: audit.Guessed, Outcome: "right", Method: string(c.Method)}))
		return next, nil
	}
	if !errors.Is(err, ErrNotNow) {
		return stored{}, err
	}
	// A parallel request with the same answer may have passed this gate.
	again, repeated, admitErr := s.admit(ctx, t)
	if admitErr == nil && repeated && again.Proofs[len(again.Proofs)-1].Challenge == c.ID {
		return s.repeated(ctx, again, g), nil
	}
	return stored{}, err
}

// repeated takes a right guess out of the counts that only repeats an answer.
func (s *Service) repeated(ctx context.Context, old stored, g guess) stored {
	if err := s.Store.right(ctx, g.guessed, g.purse, g.name); err != nil {
		s.Logger.WarnContext(ctx, "a right guess stays counted", "recovery", old.ID, "error", err)
	}
	return old
}

// inForce ends a recovery when another one of the same person came first. Only
// who has the right code is told.
func (s *Service) inForce(ctx context.Context, old stored, epoch int64) error {
	if old.State != Gating || old.Decoy || epoch == old.Subject.Epoch {
		return nil
	}
	if _, err := s.change(ctx, old, Overtaken{}, s.swap); err != nil {
		return err
	}
	return &EndedError{Superseded}
}

// wrong answers a guess that was wrong or could not be compared, and ends the
// recovery when it was the last.
func (s *Service) wrong(ctx context.Context, old stored, m Method, previous bool, count guesses) error {
	s.Logger.InfoContext(ctx, "wrong code", "recovery", old.ID, "compared", count.compare, "left", count.recovery)
	s.Meter.Gate(string(m), false)
	s.Audit.Note(s.about(old.Record, audit.Event{Kind: audit.Guessed, Outcome: "wrong", Method: string(m)}))
	if count.compare && !previous {
		s.alarm(ctx, old.Record)
		s.codesStopped(ctx, old.Record, m, count)
	}
	if count.recovery > 0 || previous {
		return &WrongCodeError{TriesLeft: max(0, min(count.code, count.recovery))}
	}
	if count.waiting { // the right one may be among those before
		return &EndedError{TooManyGuesses}
	}
	// Also when none was left: the process that took the last may have died of it.
	_, err := s.change(ctx, old, GuessesExhausted{}, s.swap)
	switch {
	case errors.Is(err, ErrNotNow): // the gate was passed meanwhile
		return &WrongCodeError{}
	case err != nil:
		return err
	}
	return &EndedError{TooManyGuesses}
}
