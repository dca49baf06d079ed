package recovery

import (
	"context"
	"errors"

	"latchkey/internal/contact"
)

// card reads the contacts of whom a recovery is for; somebody without a card has
// none. A card that does not open was changed in Redis, moved from somebody else,
// or sealed with a key that is gone: the operator is told, and nobody's contacts
// are taken for theirs.
func (s *Service) card(ctx context.Context, recovery string, subject Subject) (contact.Card, error) {
	return s.opened(ctx, recovery, func() (contact.Card, error) { return s.Contacts.Get(ctx, subject.Directory, subject.Person) })
}

// opened is card for one that was read.
func (s *Service) opened(ctx context.Context, recovery string, read func() (contact.Card, error)) (contact.Card, error) {
	card, err := read()
	switch {
	case errors.Is(err, contact.ErrNoCard):
		return contact.Card{}, nil
	case errors.Is(err, contact.ErrCardUnreadable):
		s.Logger.ErrorContext(ctx, "alarm: a contact card does not open: it was changed or moved in Redis, or its key is gone", "recovery", recovery)
	}
	return card, err
}
