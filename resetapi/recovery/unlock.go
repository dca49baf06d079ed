package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"latchkey/internal/audit"
	"latchkey/internal/crash"
	"latchkey/internal/directory"
)

// unlockable reports whether a person has a temporary lock that may be taken away.
func (d Directory) unlockable(p *directory.Person) bool {
	return d.Unlocks && p.State == directory.Locked && p.MayReset()
}

// Unlock takes the lock away that too many wrong passwords put on the account,
// and leaves the password. It needs what a new password needs, and is claimed,
// checked, announced in the audit and told like one; but it may be repeated, so
// that its outcome is never unknown.
//
// It fails with [ErrNotNow] where there is no such lock, [ErrCannotUnlock],
// [EndedError], [ErrBusy], directory.ErrUnavailable or store.ErrUnavailable.
func (s *Service) Unlock(ctx context.Context, t Ticket) (View, error) {
	old, err := s.ready(ctx, t)
	if err != nil {
		return View{}, err
	}
	if err := s.Writable(ctx); err != nil {
		return View{}, err
	}
	claimed, err := s.claimed(ctx, old, UnlockClaimed{rand.Text()})
	if err != nil {
		return View{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.WriteTimeout.Std())
	defer cancel()
	next, failure, err := s.unlocked(ctx, claimed, s.takeLock(ctx, claimed))
	if err != nil {
		return View{}, err
	}
	return next.view(next.now, s.Config), failure
}

// unlocked stores the outcome of taking a lock away. failure is what its holder
// is told.
func (s *Service) unlocked(ctx context.Context, claimed stored, failure error) (next stored, told, err error) {
	outcome := outcomeOf(failure)
	crash.Here("unlocked")
	s.Logger.InfoContext(ctx, "unlock", "recovery", claimed.ID, "outcome", outcome.String(), "error", failure)
	s.Meter.Unlock(outcome.String())
	wrote := Wrote{Claim: claimed.Write.Claim, Outcome: outcome}
	next, err = s.finish(ctx, claimed.ID, wrote)
	if errors.Is(err, ErrNotNow) { // the sweeper of another process finished it
		next, err = s.Store.load(ctx, claimed.ID)
		return next, nil, err
	}
	if err != nil {
		s.auditOutcome(ctx, claimed.Record, wrote)
		if outcome == OutcomeDone { // that is the truth to tell; the sweeper tells the contacts
			s.Logger.ErrorContext(ctx, "the account is unlocked but the store does not know", "recovery", claimed.ID, "error", err)
			claimed.State, claimed.Unlocked = Done, true
			return claimed, nil, nil
		}
		return stored{}, nil, err
	}
	switch outcome {
	case OutcomeDone:
		return next, nil, nil
	case OutcomeNotAllowed:
		return next, fmt.Errorf("%w: %w", ErrCannotUnlock, failure), nil
	case OutcomeSuperseded:
		return next, &EndedError{next.End}, nil
	default:
		return next, failure, nil
	}
}

// takeLock unlocks, and once more where the server takes no writes: by then the
// directory knows that, and the person is read from another.
func (s *Service) takeLock(ctx context.Context, claimed stored) error {
	err := s.takeLockOnce(ctx, claimed)
	if errors.Is(err, directory.ErrReadOnly) {
		err = s.takeLockOnce(ctx, claimed)
	}
	return err
}

// takeLockOnce checks once more who this is and what they may, and then unlocks.
func (s *Service) takeLockOnce(ctx context.Context, claimed stored) error {
	d, person, err := s.person(ctx, claimed.Subject)
	if err != nil {
		return err
	}
	if err := s.recheck(ctx, d, person, claimed.Record); err != nil {
		return err
	}
	if !d.unlockable(person) {
		return fmt.Errorf("%w: there is no lock to take away", ErrNotNow)
	}
	if _, err := s.aim(ctx, claimed, Aimed{Claim: claimed.Write.Claim, Server: person.Server(), DN: person.DN}); err != nil {
		return err
	}
	if err := s.Audit.Record(ctx, s.about(claimed.Record, audit.Event{Kind: audit.UnlockIntended})); err != nil {
		return fmt.Errorf("the intent cannot be audited, so nothing is unlocked: %w", err)
	}
	if _, err := s.permitted(ctx, claimed.Record, person); err != nil {
		return err
	}
	return d.Unlock(ctx, person)
}

// unlockAgain finishes what a process that is gone had begun: whether it came to
// unlock cannot be seen, since locks run out, and doing it again does no harm. It
// fails with errUnsettled where that is not possible now.
func (s *Service) unlockAgain(ctx context.Context, old stored) (stored, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	failure := s.takeLockAgain(ctx, old.Record)
	if outcomeOf(failure) == OutcomeNothing {
		return old, fmt.Errorf("%w: %w", errUnsettled, failure)
	}
	next, _, err := s.unlocked(ctx, old, failure)
	return next, err
}

func (s *Service) takeLockAgain(ctx context.Context, r Record) error {
	d, person, err := s.person(ctx, r.Subject)
	if err != nil {
		return err
	}
	if err := s.recheck(ctx, d, person, r); err != nil {
		return err
	}
	card, err := s.card(ctx, r.ID, r.Subject)
	if err != nil {
		return err
	}
	if err := r.sameContacts(card); err != nil {
		return err
	}
	if _, err := s.permitted(ctx, r, person); err != nil {
		return err
	}
	return d.Unlock(ctx, person)
}
