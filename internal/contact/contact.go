// Package contact owns contact cards: the validated alternate addresses and
// numbers of one person, kept encrypted in Redis.
//
// A card is sealed with the keyring and bound to the person's permanent id
// (associated data), so that a card moved to another person does not open. Its
// key in Redis is a keyed hash of that id. Nothing in Redis tells who has a
// card or what is in it.
//
// Addresses are kept in one normal form: e-mail with the local part untouched
// and the domain in lower-case ASCII (IDNA2008, RFC 5891), numbers in E.164.
// Whatever is not plainly one address or one number is refused, not repaired.
package contact

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Kind is the kind of a contact.
type Kind string

// The kinds of contacts.
const (
	Email  Kind = "email"
	Mobile Kind = "mobile"
)

// Source tells who put a contact into the card.
type Source string

// The sources of contacts.
const (
	Imported Source = "import"
	Staff    Source = "staff"
	Synced   Source = "sync"
)

// Contact is one alternate address or number in normal form.
type Contact struct {
	Kind    Kind      `json:"kind"`
	Value   string    `json:"value"`
	Source  Source    `json:"source"`
	AddedAt time.Time `json:"added_at"`
}

// LogValue keeps the address out of logs.
func (c Contact) LogValue() slog.Value { return slog.StringValue(Mask(c.Kind, c.Value)) }

// Card holds all contacts of one person. Person is the text of the permanent
// directory id; Directory is the name of the [[directory]] section.
type Card struct {
	Directory string    `json:"directory"`
	Person    string    `json:"person"`
	Contacts  []Contact `json:"contacts"`
}

// Of returns the contacts of one kind in the order of the card.
func (c Card) Of(kind Kind) []Contact {
	var found []Contact
	for _, contact := range c.Contacts {
		if contact.Kind == kind {
			found = append(found, contact)
		}
	}
	return found
}

// Version changes whenever the set of usable contacts changes and only then:
// 16 bytes of a SHA-256 over the sorted contacts, in hex. Proofs are bound to it.
func (c Card) Version() string {
	lines := make([]string, 0, len(c.Contacts))
	for _, contact := range c.Contacts {
		lines = append(lines, string(contact.Kind)+" "+contact.Value+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:16])
}

// Address is a contact without its history.
type Address struct {
	Kind  Kind
	Value string
}

// Replaced returns the contacts of a card after those of one source were
// replaced: those of other sources as they were, then the new ones. One that
// another source has is not added twice, and one that was there before keeps
// its time.
func (c Card) Replaced(source Source, with []Address, now time.Time) []Contact {
	var contacts []Contact
	added, other := make(map[Address]time.Time), make(map[Address]bool)
	for _, old := range c.Contacts {
		at := Address{old.Kind, old.Value}
		if old.Source == source {
			added[at] = old.AddedAt
			continue
		}
		other[at] = true
		contacts = append(contacts, old)
	}
	for _, at := range with {
		if other[at] {
			continue
		}
		since, ok := added[at]
		if !ok {
			since = now
		}
		contacts = append(contacts, Contact{Kind: at.Kind, Value: at.Value, Source: source, AddedAt: since})
	}
	return contacts
}
