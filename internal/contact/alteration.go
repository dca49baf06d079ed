package contact

import "time"

// Alteration is what happened to someone who could be reached: the usable contacts
// are not what they were. Those that were there before are told (SECURITY: S48,
// S66), for whoever brings in a contact of their own can reset the password.
type Alteration struct {
	Directory, Person string
	// Before are the usable contacts as they were.
	Before []Contact
}

// Altered tells what happened to a card at some time, nil where that concerns
// nobody: there was no usable contact, or they are the same. One that was entered
// and awaits its code counts: whoever had a contact hears of it before it can be
// used, and not when it can.
func Altered(directory string, before, after Card, at time.Time) *Alteration {
	counts := func(c Contact) bool { return !c.Unverified || c.Awaits() }
	usable := before.Usable(at)
	if len(usable) == 0 || version(before.Contacts, counts) == version(after.Contacts, counts) {
		return nil
	}
	return &Alteration{Directory: directory, Person: before.Person, Before: usable}
}
