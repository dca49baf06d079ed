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
	// Registered contacts are those that the person gave: so far at the desk.
	Registered Source = "registered"
)

// Contact is one alternate address or number in normal form.
type Contact struct {
	Kind    Kind      `json:"kind"`
	Value   string    `json:"value"`
	Source  Source    `json:"source"`
	AddedAt time.Time `json:"added_at"`
	// Unverified contacts are not used: nobody has shown that they are the
	// person's.
	Unverified bool `json:"unverified,omitempty"`
}

// LogValue keeps the address out of logs.
func (c Contact) LogValue() slog.Value { return slog.StringValue(Mask(c.Kind, c.Value)) }

// Card holds all contacts of one person. Person is the text of the permanent
// directory id; Directory is the name of the [[directory]] section.
type Card struct {
	Directory string    `json:"directory"`
	Person    string    `json:"person"`
	Contacts  []Contact `json:"contacts"`
	// Written is what Latchkey wrote into the directory. A card may have no
	// contacts and still this: what is to be taken away there again.
	Written []Written `json:"written,omitempty"`
}

// Usable returns the contacts that may be used, in the order of the card.
func (c Card) Usable() []Contact {
	usable := make([]Contact, 0, len(c.Contacts))
	for _, contact := range c.Contacts {
		if !contact.Unverified {
			usable = append(usable, contact)
		}
	}
	return usable
}

// Of returns the usable contacts of one kind in the order of the card.
func (c Card) Of(kind Kind) []Contact {
	var found []Contact
	for _, contact := range c.Usable() {
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
	for _, contact := range c.Usable() {
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
	// Unverified is as in [Contact].
	Unverified bool
}

// Replaced returns the contacts of a card after those of one source were
// replaced: those of other sources as they were, then the new ones. One that
// another source has is not added twice, and one that was there before keeps
// its time.
func (c Card) Replaced(source Source, with []Address, now time.Time) []Contact {
	contacts := make([]Contact, 0, len(c.Contacts)+len(with))
	for _, old := range c.Contacts {
		if old.Source != source {
			contacts = append(contacts, old)
		}
	}
	others := contacts
	for _, one := range with {
		same := func(c Contact) bool { return c.Kind == one.Kind && c.Value == one.Value }
		if slices.ContainsFunc(others, same) {
			continue
		}
		since := now
		for _, old := range c.Contacts {
			if old.Source == source && same(old) {
				since = old.AddedAt
			}
		}
		contacts = append(contacts, Contact{Kind: one.Kind, Value: one.Value, Source: source, AddedAt: since, Unverified: one.Unverified})
	}
	if len(contacts) == 0 {
		return nil
	}
	return contacts
}
