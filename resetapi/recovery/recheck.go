package recovery

import (
	"context"
	"errors"
	"fmt"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

// errMoved means that the person is not any more as they were at the look-up.
var errMoved = errors.New("the person changed since the recovery began")

// recheck holds what was read just now against what the proofs were made for. It
// leaves out the contacts, for [Record.sameContacts].
func (s *Service) recheck(ctx context.Context, d Directory, person *directory.Person, r Record) error {
	subject := r.Subject
	if person.ChangeStamp != subject.Stamp {
		return fmt.Errorf("%w: the password was changed", errMoved)
	}
	if person.Login != subject.Login {
		return fmt.Errorf("%w: the login was changed", errMoved)
	}
	if !person.MayReset() {
		return fmt.Errorf("%w: the account is %s", errMoved, person.State)
	}
	decision, err := s.Policy.Decide(ctx, person, d)
	if err != nil {
		return err
	}
	if !decision.Resettable() {
		return fmt.Errorf("%w: the account may not be reset any more", errMoved)
	}
	now := Requirement{Gates: decision.Gates, Methods: methodsOf(decision.Methods)}
	if !r.meets(now) {
		return fmt.Errorf("%w: more must be proved by now", errMoved)
	}
	return nil
}

// aim holds the contacts too against what the proofs were made for, and stores
// where the write goes.
func (s *Service) aim(ctx context.Context, claimed stored, aimed Aimed) (stored, error) {
	var read func() (contact.Card, error)
	next, err := s.change(ctx, claimed, aimed, func(ctx context.Context, old stored, next Record) error {
		b := s.Store.batch()
		read = s.Contacts.GetWith(ctx, b, next.Subject.Directory, next.Subject.Person)
		swapped := s.Store.swapWith(ctx, b, old, next, s.lifetime())
		b.Send(ctx)
		return swapped()
	})
	if err != nil {
		return claimed, err
	}
	card, err := s.opened(ctx, next.ID, read)
	if err != nil {
		return next, err
	}
	return next, next.sameContacts(card)
}

// sameContacts holds a card against what the proofs were made for.
func (r Record) sameContacts(card contact.Card) error {
	if card.Version() != r.Subject.Contacts {
		return fmt.Errorf("%w: the contacts were changed", errMoved)
	}
	return nil
}

// meets reports whether the proofs are enough for a requirement too.
func (r Record) meets(required Requirement) bool {
	r.Required = required
	return r.provenFor(r.Subject)
}
