package ldapsync

import (
	"context"
	"errors"

	"latchkey/internal/contact"
	"latchkey/internal/store"
)

// ErrFollowed means that an instance follows the directory, so that nobody else
// writes its contacts.
var ErrFollowed = errors.New("an instance follows this directory and keeps its contacts: see its log, or stop it first")

// Term is the time in which a single pass leads. It is the [Cards] of that pass,
// and keeps the marks by which a follower finds whom it does not see.
type Term struct {
	*contact.Store
	cards *contact.Followed
	pass  int64
	end   func()
}

// Lead takes the place of a follower, or returns [ErrFollowed]. The context that
// it returns ends when another one took over; End must follow.
func (l *Ledger) Lead(ctx context.Context, cards *contact.Store, directory string) (context.Context, *Term, error) {
	name := l.name(directory)
	fence, err := l.store.TakeLease(ctx, name, usualLifetime)
	if errors.Is(err, store.ErrLeaseHeld) {
		return nil, nil, ErrFollowed
	}
	if err != nil {
		return nil, nil, err
	}
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		keepLease(ctx, cancel, l.store, name, fence, usualLifetime)
	}()
	t := &Term{Store: cards, cards: cards.Followed(directory, fence)}
	t.end = func() {
		cancel(nil)
		<-kept
		_ = l.store.EndLease(context.WithoutCancel(outer), name, fence) // it runs out by itself
	}
	_, status, _, err := l.read(ctx, directory)
	if err == nil {
		err = t.cards.Claim(ctx)
	}
	if err != nil {
		t.end()
		return nil, nil, err
	}
	t.pass = status.Pass
	return ctx, t, nil
}

// End lets others lead.
func (t *Term) End() { t.end() }

// UpdateAll is that of [Cards].
func (t *Term) UpdateAll(ctx context.Context, _ string, persons []string, change func(i int, c *contact.Card) bool) error {
	return t.cards.Update(ctx, t.pass, persons, change)
}
