package ldapsync

import (
	"slices"
	"strings"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
)

// Config is one section [[sync]].
type Config struct {
	// Directory is the name of the [[directory]] that is read.
	Directory string `toml:"directory"`
	// Filter finds the people; empty means everyone whom the directory's
	// user_filter may find.
	Filter string `toml:"filter"`
	// Email and Mobile are attributes in the order of preference: the first
	// that has a usable value gives all contacts of the kind.
	Email  []string `toml:"email"`
	Mobile []string `toml:"mobile"`
	// AllowMail lets the primary mail address be a contact.
	AllowMail bool `toml:"allow_mail"`
	// MaxValues is how many contacts of a kind are taken of one person;
	// default 5.
	MaxValues int `toml:"max_values"`
	// MaxRemovals is how many contacts, and how many people's, one run may
	// remove; default 1000 (SECURITY: S52).
	MaxRemovals int `toml:"max_removals"`
	// MaxRemovalsPercent is the same in percent of those that were synchronized
	// before; default 5 (SECURITY: S52).
	MaxRemovalsPercent int `toml:"max_removals_percent"`
	// PageSize is how many entries are asked for at a time; default 1000, the
	// most that Active Directory gives.
	PageSize int `toml:"page_size"`
}

// Defaults returns an entry as it is when nothing is written.
func Defaults() Config {
	return Config{MaxValues: 5, MaxRemovals: 1000, MaxRemovalsPercent: 5, PageSize: 1000}
}

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if c.Directory == "" {
		faults = append(faults, setting.Missing("directory", "the name of a [[directory]]"))
	}
	if c.Filter != "" && directory.CheckFilter(c.Filter) != nil {
		faults = append(faults, setting.Fault{Key: "filter", Problem: "is not a filter", Allowed: "a filter in the form of RFC 4515, or nothing for the directory's user_filter"})
	}
	if len(c.Email)+len(c.Mobile) == 0 {
		faults = append(faults, setting.Missing("email", "at least one attribute in email or mobile"))
	}
	for _, list := range []struct {
		key        string
		attributes []string
	}{{"email", c.Email}, {"mobile", c.Mobile}} {
		if slices.ContainsFunc(list.attributes, notAnAttribute) {
			faults = append(faults, setting.Fault{Key: list.key, Problem: "holds what is not the name of an attribute", Allowed: "names of attributes without options, such as \"mobile\""})
		}
	}
	if !c.AllowMail && slices.ContainsFunc(c.Email, isPrimaryMail) {
		faults = append(faults, setting.Fault{
			Key: "email", Problem: "names the primary mail address, which opens with the password that is to be reset",
			Allowed: "attributes with an alternate address; or allow_mail = true where that mailbox has a password of its own",
		})
	}
	for _, number := range []struct {
		key                    string
		value, lowest, highest int
	}{
		{"max_values", c.MaxValues, 1, 20},
		{"max_removals", c.MaxRemovals, 0, 1_000_000},
		{"max_removals_percent", c.MaxRemovalsPercent, 0, 100},
		{"page_size", c.PageSize, 1, 10_000},
	} {
		if number.value < number.lowest || number.value > number.highest {
			faults = append(faults, setting.OutOfRange(number.key, number.value, number.lowest, number.highest))
		}
	}
	return faults
}

// isPrimaryMail knows both names of the attribute (RFC 4524 §2.16).
func isPrimaryMail(attribute string) bool {
	return strings.EqualFold(attribute, mailAttribute) || strings.EqualFold(attribute, "rfc822Mailbox")
}

const mailAttribute = "mail"

// notAnAttribute accepts short names only (RFC 4512 §1.4), so that no other
// spelling of an attribute passes as another one.
func notAnAttribute(name string) bool {
	first := true
	bad := strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		other := !first && ('0' <= r && r <= '9' || r == '-')
		first = false
		return !letter && !other
	})
	return bad || name == ""
}
