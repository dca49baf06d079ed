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
	// UsableFrom is when a contact that was entered by hand may be used for a
	// reset; those of the source of truth have none.
	UsableFrom time.Time `json:"usable_from,omitzero"`
	// Confirmation is the code that is out for the contact, if any.
	Confirmation Confirmation `json:"confirmation,omitzero"`
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

// Usable returns the contacts that may be used at some time, in the order of the
// card.
func (c Card) Usable(at time.Time) []Contact {
	usable := make([]Contact, 0, len(c.Contacts))
	for _, contact := range c.Contacts {
		if contact.Usable(at) {
			usable = append(usable, contact)
		}
	}
	return usable
}

// Verified returns the contacts that are the person's, in the order of the card:
// those, too, that rest. All of them are told of what was done (SECURITY: S66).
func (c Card) Verified() []Contact {
	return slices.DeleteFunc(slices.Clone(c.Contacts), func(one Contact) bool { return one.Unverified })
}

// Of returns the usable contacts of one kind in the order of the card.
func (c Card) Of(kind Kind, at time.Time) []Contact {
	var found []Contact
	for _, contact := range c.Usable(at) {
		if contact.Kind == kind {
			found = append(found, contact)
		}
	}
	return found
}

// Version changes whenever the set of verified contacts changes and only then:
// 16 bytes of a SHA-256 over the sorted contacts, in hex. Proofs are bound to it.
// It is the same before and after a contact has rested: that ends no recovery.
func (c Card) Version() string {
	return version(c.Contacts, func(c Contact) bool { return !c.Unverified })
}

// version is that of those contacts that count.
func version(contacts []Contact, counts func(Contact) bool) string {
	lines := make([]string, 0, len(contacts))
	for _, contact := range contacts {
		if counts(contact) {
			lines = append(lines, string(contact.Kind)+" "+contact.Value+"\n")
		}
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
// another source has is not added twice, unless that one may not be used yet and
// the new one may: it takes its place. One that was there before keeps its time.
func (c Card) Replaced(source Source, with []Address, now time.Time) []Contact {
	contacts := make([]Contact, 0, len(c.Contacts)+len(with))
	for _, old := range c.Contacts {
		if old.Source != source {
			contacts = append(contacts, old)
		}
	}
	for _, one := range with {
		same := func(c Contact) bool { return c.Kind == one.Kind && c.Value == one.Value }
		since := now
		for _, old := range c.Contacts {
			if old.Source == source && same(old) {
				since = old.AddedAt
			}
		}
		added := Contact{Kind: one.Kind, Value: one.Value, Source: source, AddedAt: since, Unverified: one.Unverified}
		switch i := slices.IndexFunc(contacts, same); {
		case i < 0:
			contacts = append(contacts, added)
		case !one.Unverified && !contacts[i].Usable(now):
			contacts[i] = added
		}
	}
	if len(contacts) == 0 {
		return nil
	}
	return contacts
}
