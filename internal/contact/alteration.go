package contact

// Alteration is what happened to the verified contacts of someone: they are not
// what they were. Those that were there before are told (SECURITY: S48, S66), for
// whoever brings in a contact of their own can reset the password.
type Alteration struct {
	Directory, Person string
	// Before are the verified contacts as they were. One that rests is told too: it
	// is the person's, and what takes its place may not be.
	Before []Contact
}

// Altered tells what happened to a card, nil where that concerns nobody: there was
// no verified contact, or they are the same. One that was entered and awaits its
// code counts: whoever had a contact hears of it before it can be used, and not
// when it can.
func Altered(directory string, before, after Card) *Alteration {
	if len(before.Verified()) == 0 {
		return nil
	}
	return AlteredByHand(directory, before, after)
}

// AlteredByHand is Altered for what somebody enters by hand: of that, unlike of a first
// load or import, also who had no contact is to hear, by the primary mail address.
func AlteredByHand(directory string, before, after Card) *Alteration {
	counts := func(c Contact) bool { return !c.Unverified || c.Awaits() }
	if version(before.Contacts, counts) == version(after.Contacts, counts) {
		return nil
	}
	return &Alteration{Directory: directory, Person: before.Person, Before: before.Verified()}
}
