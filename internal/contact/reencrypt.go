package contact

import (
	"context"
	"fmt"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// KeyUse is how many cards are sealed with each version of the keyring.
type KeyUse map[uint32]int

// KeyUse counts all cards by the version that they are sealed with. It opens
// none of them.
func (s *Store) KeyUse(ctx context.Context) (KeyUse, error) {
	use := make(KeyUse)
	err := s.store.Walk(ctx, store.CardPattern, func(_ string, sealed []byte) error {
		version, _ := keyring.Version(sealed)
		use[version]++
		return nil
	})
	return use, err
}

// Count tells how many cards there are, about.
func (s *Store) Count(ctx context.Context) (int, error) { return s.store.Count(ctx, store.CardPattern) }

// Reencryption counts what [Store.Reencrypt] did.
type Reencryption struct {
	// Seen are all cards; Sealed those that were sealed anew.
	Seen, Sealed int
	// Changed are cards that somebody changed meanwhile, which seals them too.
	Changed int
	// Unreadable are cards that do not open; they are left as they are.
	Unreadable int
}

// Reencrypt seals every card with the newest version that is not sealed with it
// yet. A card is only replaced by its own content: one that changed meanwhile
// stays as it was changed. It can be stopped at any time and begun again, and
// runs beside servers that have loaded the newest version. progress is called
// after each card.
func (s *Store) Reencrypt(ctx context.Context, progress func(Reencryption)) (Reencryption, error) {
	var done Reencryption
	err := s.store.Walk(ctx, store.CardPattern, func(key string, old []byte) error {
		done.Seen++
		if err := s.reencrypt(ctx, key, old, &done); err != nil {
			return err
		}
		progress(done)
		return ctx.Err()
	})
	if err == nil && done.Unreadable > 0 {
		err = fmt.Errorf("%d of %d: %w", done.Unreadable, done.Seen, ErrCardUnreadable)
	}
	return done, err
}

func (s *Store) reencrypt(ctx context.Context, key string, old []byte, done *Reencryption) error {
	if version, _ := keyring.Version(old); version == s.keys.Current() {
		return nil
	}
	text, err := s.keys.Open(keyring.Contacts, old, key)
	if err != nil {
		done.Unreadable++
		return nil
	}
	swapped, err := s.swap.Run(ctx, s.store, []string{key}, old, s.keys.Seal(keyring.Contacts, text, key)).Bool()
	switch {
	case err != nil:
		return store.Unavailable(err)
	case swapped:
		done.Sealed++
	default:
		done.Changed++
	}
	return nil
}
