package ldapsync

import (
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

var (
	// ErrPrimaryMail means that an alternate address is the primary one.
	ErrPrimaryMail = errors.New("the person's own mail address cannot be read without the password that is to be reset")
	// ErrTooManyValues means that an entry has more values than max_values.
	ErrTooManyValues = errors.New("the entry has more values than max_values")
)

// refusal is a value of an entry that may not be a contact.
type refusal struct {
	attribute string
	err       error
}

// mapping turns entries into contacts.
type mapping struct {
	config Config
	rules  contact.Config
}

// attributes are those that an entry is read with.
func (m mapping) attributes() []string {
	all := slices.Concat(m.config.Email, m.config.Mobile)
	if !m.config.AllowMail {
		all = append(all, mailAttribute)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// contacts returns what an entry has, in a fixed order (LDAP has none among the
// values of an attribute), and what was refused.
func (m mapping) contacts(e directory.Entry) ([]contact.Address, []refusal) {
	var refused []refusal
	addresses := m.first(e, contact.Email, m.config.Email, &refused)
	numbers := m.first(e, contact.Mobile, m.config.Mobile, &refused)
	return append(addresses, numbers...), refused
}

// first takes the first attribute that has a usable value.
func (m mapping) first(e directory.Entry, kind contact.Kind, attributes []string, refused *[]refusal) []contact.Address {
	for _, attribute := range attributes {
		var found []contact.Address
		for _, text := range slices.Sorted(slices.Values(e.Attributes[attribute])) {
			normal, err := m.normal(e, kind, text)
			v := contact.Address{Kind: kind, Value: normal, Unverified: slices.Contains(m.config.Unverified, attribute)}
			switch {
			case err != nil:
			case slices.Contains(found, v):
				continue
			case len(found) == m.config.MaxValues:
				err = ErrTooManyValues
			}
			if err != nil {
				*refused = append(*refused, refusal{attribute, err})
				continue
			}
			found = append(found, v)
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func (m mapping) normal(e directory.Entry, kind contact.Kind, text string) (string, error) {
	normal, err := m.rules.Normal(kind, text)
	if err != nil || kind != contact.Email || m.config.AllowMail {
		return normal, err
	}
	for _, mail := range e.Attributes[mailAttribute] {
		// Case is folded here, although two mailboxes may differ by it: refusing
		// too much is the safe side.
		if primary, err := contact.NormalEmail(mail); err == nil && strings.EqualFold(primary, normal) {
			return "", ErrPrimaryMail
		}
	}
	return normal, nil
}

// fitting are the values that a card takes. Where what people or staff entered
// has precedence, and always before what is unverified, a kind that the card has
// from others, and that is verified, takes none. What Latchkey wrote into the
// directory is none of the directory's.
func (m mapping) fitting(c contact.Card, values []contact.Address) []contact.Address {
	var fit []contact.Address
	for _, v := range c.Foreign(values) {
		if (v.Unverified || m.config.Precedence == PrecedenceOthers) && hasOther(c, v.Kind) {
			continue
		}
		fit = append(fit, v)
	}
	return fit
}

// hasOther reports whether a card has a contact of a kind from elsewhere that
// somebody has shown to be the person's. It may rest: what the desk replaced, such as
// the number of a stolen telephone, is not used meanwhile.
func hasOther(c contact.Card, kind contact.Kind) bool {
	return slices.ContainsFunc(c.Contacts, func(one contact.Contact) bool {
		return one.Kind == kind && one.Source != contact.Synced && !one.Unverified
	})
}

// replaced are the contacts of a card once these values are taken.
func (m mapping) replaced(c contact.Card, values []contact.Address, now time.Time) []contact.Contact {
	return c.Replaced(contact.Synced, m.fitting(c, values), now)
}

// judge tells what a card asks for, without changing it.
func (m mapping) judge(c contact.Card, values []contact.Address, now time.Time) outcome {
	values = c.Foreign(values)
	o := outcome{readable: true, empty: len(values) == 0}
	for _, kind := range []contact.Kind{contact.Email, contact.Mobile} {
		old, left := synced(c.Contacts, kind), 0
		for _, v := range values {
			if v.Kind == kind {
				left++
			}
		}
		o.before += old
		o.lost += max(0, old-left)
	}
	o.after = m.replaced(c, values, now)
	o.write = o.lost == 0 && !slices.EqualFunc(c.Contacts, o.after, same)
	return o
}

// synced counts the synchronized contacts of a kind.
func synced(contacts []contact.Contact, kind contact.Kind) int {
	n := 0
	for _, c := range contacts {
		if c.Source == contact.Synced && c.Kind == kind {
			n++
		}
	}
	return n
}
