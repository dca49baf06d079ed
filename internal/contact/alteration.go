package contact

import "slices"

// Alteration is what happened to someone who could be reached: the usable contacts
// are not what they were. Those that were there before are told (SECURITY: S48,
// S66), for whoever brings in a contact of their own can reset the password.
type Alteration struct {
	Directory, Person string
	// Before are the usable contacts as they were.
	Before []Contact
}

// Altered tells what happened to a card, nil where that concerns nobody: there was
// no usable contact, or they are the same.
func Altered(directory string, before, after Card) *Alteration {
	usable := before.Usable()
	if len(usable) == 0 || before.Version() == after.Version() {
		return nil
	}
	return &Alteration{Directory: directory, Person: before.Person, Before: slices.Clone(usable)}
}
