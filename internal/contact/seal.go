package contact

import (
	"encoding/json"
	"fmt"
	"slices"

	"latchkey/internal/keyring"
)

const (
	// cardSchema is the version of the stored form. A binary refuses cards of
	// a newer one instead of losing what it does not know.
	cardSchema = 4
	// writtenSchema is that of cards without contacts that rest or await a code,
	// which binaries of before would use, or lose.
	writtenSchema = 3
	// unverifiedSchema is that of cards without [Written], which binaries of before
	// would lose.
	unverifiedSchema = 2
	// plainSchema is that of cards without unverified contacts, which binaries of
	// before would use.
	plainSchema = 1
	// cardPadding is what the size of a card is rounded up to.
	cardPadding = 256
)

// record is the stored form of a card.
type record struct {
	Schema int `json:"schema"`
	Card
}

func (s *Store) seal(c Card) (key string, sealed []byte, err error) {
	key = s.key(c.Directory, c.Person)
	sealed, err = s.sealAt(key, c)
	return key, sealed, err
}

// sealAt is seal where the key is known.
func (s *Store) sealAt(key string, c Card) ([]byte, error) {
	text, err := record{schemaOf(c), c}.append(make([]byte, 0, 2*cardPadding))
	if err != nil {
		return nil, fmt.Errorf("encode a contact card: %w", err)
	}
	for short := -len(text) & (cardPadding - 1); short > 0; short-- {
		text = append(text, ' ')
	}
	return s.keys.Seal(keyring.Contacts, text, key), nil
}

func (s *Store) open(key string, sealed []byte) (Card, error) {
	text, err := s.keys.Open(keyring.Contacts, sealed, key)
	if err != nil {
		return Card{}, fmt.Errorf("%w: %w", ErrCardUnreadable, err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return Card{}, ErrCardUnreadable // the decoder's text might quote the card
	}
	if r.Schema > cardSchema {
		return Card{}, ErrNewerCard
	}
	return r.Card, nil
}

// schemaOf is the oldest form that holds a card.
func schemaOf(c Card) int {
	has := func(what func(Contact) bool) bool { return slices.ContainsFunc(c.Contacts, what) }
	switch {
	case has(entered):
		return cardSchema
	case len(c.Written) > 0:
		return writtenSchema
	case has(func(c Contact) bool { return c.Unverified }):
		return unverifiedSchema
	}
	return plainSchema
}

// entered reports whether a contact has what only those have that were entered by
// hand.
func entered(c Contact) bool { return !c.UsableFrom.IsZero() || c.Confirmation.ID != "" }

// empty reports whether a card holds nothing.
func (c Card) empty() bool { return len(c.Contacts) == 0 && len(c.Written) == 0 }

// replacement is what a changed card becomes in Redis; nothing for one that holds
// nothing.
func (s *Store) replacement(directory, person string, c Card) (key string, sealed []byte, err error) {
	c.Directory, c.Person = directory, person
	if c.empty() {
		return s.key(directory, person), nil, nil
	}
	return s.seal(c)
}

// unreadable counts cards that do not open.
type unreadable struct {
	cards int
	first error
}

func (u *unreadable) add(key string, err error) {
	if u.cards++; u.first == nil {
		u.first = fmt.Errorf("%s: %w", key, err)
	}
}

func (u *unreadable) err() error {
	if u.first == nil {
		return nil
	}
	return fmt.Errorf("%d contact cards cannot be read, the first is %w", u.cards, u.first)
}
