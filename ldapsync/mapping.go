package ldapsync

import (
	"errors"
	"slices"
	"strings"

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
			v := contact.Address{Kind: kind, Value: normal}
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
