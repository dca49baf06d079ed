package ldapsync

import (
	"slices"

	"latchkey/internal/contact"
)

// Difference is what a pass changes, or would change, in one card.
type Difference struct {
	Directory, Person string
	Added, Removed    []contact.Contact
}

// differ tells what becomes of a card with these values, also of what is removed
// at the end of the pass only.
func (p *pass) differ(person string, before contact.Card, values []contact.Address) {
	if p.Differ == nil {
		return
	}
	next := p.mapping.replaced(before, values, p.now)
	d := Difference{Directory: p.Config.Directory, Person: person, Added: without(next, before.Contacts), Removed: without(before.Contacts, next)}
	if len(d.Added)+len(d.Removed) > 0 {
		p.Differ(d)
	}
}

// without returns the contacts that others do not hold in the same way.
func without(all, others []contact.Contact) []contact.Contact {
	var left []contact.Contact
	for _, one := range all {
		if !slices.ContainsFunc(others, func(o contact.Contact) bool { return same(one, o) }) {
			left = append(left, one)
		}
	}
	return left
}
