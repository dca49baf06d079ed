package contact

import (
	"context"
	"errors"
	"iter"

	"latchkey/internal/store"
)

// Each calls f with every card once, in no order. A card that does not open
// does not keep the others back: Each tells of it at the end.
func (s *Store) Each(ctx context.Context, f func(Card) error) error {
	return s.each(ctx, s.store.Walk, f)
}

// Roam is Each for an f that may be called twice with the same card: nothing is kept
// in memory of what was seen.
func (s *Store) Roam(ctx context.Context, f func(Card) error) error {
	return s.each(ctx, s.store.Roam, f)
}

// each calls f with the cards that a walk over Redis finds.
func (s *Store) each(ctx context.Context, walk func(context.Context, string, func(string, []byte) error) error, f func(Card) error) error {
	var bad unreadable
	err := walk(ctx, store.CardPattern, func(key string, sealed []byte) error {
		card, err := s.open(key, sealed)
		if err != nil {
			bad.add(key, err)
			return nil
		}
		if len(card.Contacts) == 0 {
			return nil
		}
		return f(card)
	})
	return errors.Join(err, bad.err())
}

// All is Each as an iterator; an error ends it.
func (s *Store) All(ctx context.Context) iter.Seq2[Card, error] {
	return func(yield func(Card, error) bool) {
		errStopped := errors.New("stopped")
		err := s.Each(ctx, func(c Card) error {
			if !yield(c, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Card{}, err)
		}
	}
}
