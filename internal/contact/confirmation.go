package contact

import (
	"slices"
	"time"
)

// Confirmation is the code that was sent to a contact and shows, when somebody
// who can read it brings it back, that the contact is right (NIST SP 800-63B-4
// §4.2.1.2). The zero value is none.
type Confirmation struct {
	// ID is random; a message belongs to it.
	ID string `json:"id"`
	// MAC is what is kept of the code, in hex.
	MAC string `json:"mac"`
	// ExpiresAt is when the code is not taken any more.
	ExpiresAt time.Time `json:"expires_at"`
	// Guesses is how many codes were compared with it.
	Guesses int `json:"guesses,omitempty"`
}

// Usable reports whether a contact may be used for a reset at some time.
func (c Contact) Usable(at time.Time) bool { return !c.Unverified && !at.Before(c.UsableFrom) }

// Shown is a card as it leaves Latchkey at some time: without what is kept of codes
// and of the directory, and without rests that are over.
func (c Card) Shown(at time.Time) Card {
	c.Written, c.Contacts = nil, slices.Clone(c.Contacts)
	for i := range c.Contacts {
		one := &c.Contacts[i]
		one.Confirmation = Confirmation{}
		if !at.Before(one.UsableFrom) {
			one.UsableFrom = time.Time{}
		}
	}
	return c
}

// Awaits reports whether a contact is to be shown to be the person's by a code of
// its own. What a directory marks as unverified stays so.
func (c Contact) Awaits() bool {
	return c.Unverified && (c.Source == Staff || c.Source == Registered)
}

// Entry is contacts that somebody enters by hand for one person.
type Entry struct {
	// Addresses are the contacts. Those of the card that are of the same kinds give
	// way to them.
	Addresses []Address
	Source    Source
	// At is now, and Rest for how long new contacts are not used.
	At   time.Time
	Rest time.Duration
	// AtOnce: whoever enters them vouches for them. They neither rest nor await a
	// code.
	AtOnce bool
}

// Entered returns the contacts of a card after an entry (SECURITY: S48). A contact
// that was there already is as far as it was: nobody is locked out by entering
// again what is right, and nothing rests shorter for it.
func (c Card) Entered(e Entry) []Contact {
	var contacts []Contact
	for _, a := range e.Addresses {
		one := Contact{Kind: a.Kind, Value: a.Value, Source: e.Source, AddedAt: e.At.UTC().Truncate(time.Second)}
		if slices.ContainsFunc(contacts, one.same) {
			continue
		}
		i := slices.IndexFunc(c.Contacts, one.same)
		switch {
		case e.AtOnce:
		case i < 0, c.Contacts[i].Unverified && !c.Contacts[i].Awaits():
			one.Unverified, one.UsableFrom = true, one.AddedAt.Add(e.Rest)
		default:
			one.Unverified, one.UsableFrom = c.Contacts[i].Unverified, c.Contacts[i].UsableFrom
		}
		contacts = append(contacts, one)
	}
	for _, old := range c.Contacts {
		if !slices.ContainsFunc(e.Addresses, func(a Address) bool { return a.Kind == old.Kind }) {
			contacts = append(contacts, old)
		}
	}
	return contacts
}

func (c Contact) same(other Contact) bool { return c.Kind == other.Kind && c.Value == other.Value }
