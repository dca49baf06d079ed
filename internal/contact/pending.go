package contact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/store"
)

// Pending are the cards of one directory whose contacts may have to be written
// back, for whoever leads that work: those that [Store.Noting] noted, and those
// that were to be looked at again. A note stays until the look at the card is
// settled, so that whatever ends the process looks once more and loses none.
type Pending struct {
	cards     *Store
	directory string
	due       *store.Due
}

// Pending returns those of a directory for the holder of a lease.
func (s *Store) Pending(directory string, fence int64) *Pending {
	return &Pending{s, directory, s.store.Due(s.writeBack(directory), fence)}
}

// Claim keeps every earlier leader from writing.
func (p *Pending) Claim(ctx context.Context) error { return p.due.Claim(ctx) }

// Look is one card to look at.
type Look struct {
	noted store.Noted
	// Person is empty where there is no card any more.
	Person string
}

// pendingPerBucket is how many cards of a bucket are looked at in turn.
const pendingPerBucket = 8

// Next returns some of the cards to look at now. One that does not open is told
// by broken, and looked at again much later.
func (p *Pending) Next(ctx context.Context, broken func(error)) ([]Look, error) {
	noted, err := p.due.Next(ctx, pendingPerBucket)
	if err != nil {
		return nil, err
	}
	var looks []Look
	for _, n := range noted {
		card, _, err := p.read(ctx, n.Index)
		switch {
		case errors.Is(err, ErrCardUnreadable), errors.Is(err, ErrNewerCard):
			broken(err)
			err = p.due.Settle(ctx, n, unreadableRest)
		case err == nil && card.Person == "":
			err = p.due.Settle(ctx, n, 0)
		case err == nil:
			looks = append(looks, Look{n, card.Person})
		}
		if err != nil {
			return nil, err
		}
	}
	return looks, nil
}

const unreadableRest = 24 * time.Hour

func (p *Pending) read(ctx context.Context, index string) (card Card, sealed []byte, err error) {
	if sealed, err = p.due.Card(ctx, index); err != nil || sealed == nil {
		return Card{}, nil, err
	}
	card, err = p.cards.open(store.Card(index), sealed)
	return card, sealed, err
}

// Update changes the card of a look as [Store.Update] does, and notes nothing.
// change tells whether there is anything to write.
func (p *Pending) Update(ctx context.Context, l Look, change func(*Card) bool) error {
	for range maxUpdates {
		card, old, err := p.read(ctx, l.noted.Index)
		if err != nil {
			return err
		}
		if !change(&card) {
			return nil
		}
		_, sealed, err := p.cards.replacement(p.directory, l.Person, card)
		if err != nil {
			return err
		}
		if done, err := p.due.Swap(ctx, l.noted.Index, old, sealed); err != nil || done {
			return err
		}
	}
	return ErrBusy
}

// Holds returns [store.ErrFenced] once another leader began.
func (p *Pending) Holds(ctx context.Context, l Look) error { return p.due.Holds(ctx, l.noted.Index) }

// Settle ends a look. The card is looked at again after some time, for 0 only
// when it changes, and at once where it changed since the look began.
func (p *Pending) Settle(ctx context.Context, l Look, again time.Duration) error {
	return p.due.Settle(ctx, l.noted, again)
}

// Count tells how many cards are to be looked at now, and how many some time.
func (p *Pending) Count(ctx context.Context) (now, all int64, err error) { return p.due.Count(ctx) }

// NoteAll has every card looked at that the caller wants to be: those of before
// the work began, and those whose note was lost.
func (p *Pending) NoteAll(ctx context.Context, wanted func(Card) bool) (int, error) {
	var bad unreadable
	var indexes []string
	n := 0
	flush := func() error {
		err := p.due.Note(ctx, indexes)
		n, indexes = n+len(indexes), indexes[:0]
		return err
	}
	err := p.cards.store.Roam(ctx, store.CardPattern, func(key string, sealed []byte) error {
		card, err := p.cards.open(key, sealed)
		if err != nil {
			bad.add(key, err)
			return nil
		}
		if card.Directory != p.directory || !wanted(card) {
			return nil
		}
		if indexes = append(indexes, p.cards.index(card.Directory, card.Person)); len(indexes) < batch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return n, fmt.Errorf("look for contacts to write back: %w", err)
	}
	return n, errors.Join(flush(), bad.err())
}
