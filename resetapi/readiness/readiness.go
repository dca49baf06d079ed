// Package readiness owns the answer to the question who could reset their
// password today, and who not and why: for one person, and for everyone of a
// directory.
//
// It looks at what a recovery looks at, the account, the policy and the contact
// card, and changes nothing. Limits and wrong codes that were typed are not
// looked at: they pass. Everyone is read as a stream, a page at a time; the groups
// that the policy names are read once, and not for each person.
package readiness

import (
	"slices"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/resetapi/policy"
)

// Reason says why a person could reset, or why not. The first that applies is
// told.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	// Protected: a [protected] names the account.
	Protected Reason = "protected"
	// Privileged: the directory itself protects the account.
	Privileged Reason = "privileged"
	// LockedByAdministrator, Disabled and Expired are states of the account that
	// only an administrator ends.
	LockedByAdministrator Reason = "locked_by_administrator"
	Disabled              Reason = "disabled"
	Expired               Reason = "expired"
	// Locked: too many wrong passwords, and unlock does not let a reset end that.
	Locked Reason = "locked"
	// Stopped: the holder said "that was not me".
	Stopped Reason = "stopped"
	// SMSOff: administrators need a code by SMS.
	SMSOff Reason = "sms_off"
	// NoPolicy: no [[policy]] names the person.
	NoPolicy Reason = "no_policy"
	// NotEnabled: the [[policy]] turns the person away.
	NotEnabled Reason = "not_enabled"
	// UnreadableCard: the contact card does not open.
	UnreadableCard Reason = "unreadable_card"
	// TooFewContacts: there are contacts for fewer methods than gates.
	TooFewContacts Reason = "too_few_contacts"
	// Unverified: there would be enough, if somebody had verified all of them.
	Unverified Reason = "unverified_contacts"
	// Resting: there will be enough when the contacts that were changed have rested.
	Resting Reason = "resting_contacts"
	// Unreachable: there would be enough, if [sms] countries had all numbers.
	Unreachable Reason = "unreachable_contacts"
	// Ready: nothing stands in the way.
	Ready Reason = "ready"
)

// Reasons are all of them, [Ready] first.
func Reasons() []Reason {
	return []Reason{
		Ready, TooFewContacts, Unverified, Resting, Unreachable, NotEnabled, NoPolicy, SMSOff, Protected, Privileged,
		Disabled, Expired, LockedByAdministrator, Locked, Stopped, UnreadableCard,
	}
}

// Judge weighs what is known of one person.
type Judge struct {
	// At is the time that is asked for.
	At time.Time
	// SMSOn tells that there is a gateway, and Reaches which numbers it reaches.
	SMSOn   bool
	Reaches func(number string) bool
}

// Verdict is what became of it.
type Verdict struct {
	Reason Reason
	// Usable are the methods by which the person can be sent a code.
	Usable []string
}

// Weigh judges a person whose card opens.
func (j Judge) Weigh(person *directory.Person, decision policy.Decision, card contact.Card) Verdict {
	usable := j.usable(card, decision.Methods, j.Reaches)
	v := Verdict{Reason: account(person, decision), Usable: usable}
	switch {
	case v.Reason != "":
	case decision.Administrator && !j.SMSOn:
		v.Reason = SMSOff
	case decision.Rule == "":
		v.Reason = NoPolicy
	case !decision.Enabled:
		v.Reason = NotEnabled
	case len(usable) >= decision.Gates:
		v.Reason = Ready
	case len(j.usable(card, decision.Methods, anywhere)) >= decision.Gates:
		v.Reason = Unreachable
	case len(j.usable(rested(card), decision.Methods, anywhere)) >= decision.Gates:
		v.Reason = Resting
	case len(j.usable(verified(rested(card)), decision.Methods, anywhere)) >= decision.Gates:
		v.Reason = Unverified
	default:
		v.Reason = TooFewContacts
	}
	return v
}

func anywhere(string) bool { return true }

// verified is a card as if somebody had verified all contacts in it.
func verified(card contact.Card) contact.Card {
	card.Contacts = slices.Clone(card.Contacts)
	for i := range card.Contacts {
		card.Contacts[i].Unverified = false
	}
	return card
}

// rested is a card as if all contacts in it had rested.
func rested(card contact.Card) contact.Card {
	card.Contacts = slices.Clone(card.Contacts)
	for i := range card.Contacts {
		card.Contacts[i].UsableFrom = time.Time{}
	}
	return card
}

// account says what is in the way before any rule; nothing where nothing is.
func account(person *directory.Person, decision policy.Decision) Reason {
	switch {
	case person.Privileged != "":
		return Privileged
	case decision.Protected:
		return Protected
	case person.State == directory.LockedByAdministrator:
		return LockedByAdministrator
	case person.State == directory.Disabled:
		return Disabled
	case person.State == directory.Expired:
		return Expired
	case !person.MayReset():
		return Locked
	}
	return ""
}

// usable are the methods for which a card has a contact that is reached.
func (j Judge) usable(card contact.Card, methods []string, reaches func(string) bool) []string {
	var usable []string
	for _, method := range methods {
		switch method {
		case policy.Email:
			if len(card.Of(contact.Email, j.At)) > 0 {
				usable = append(usable, method)
			}
		case policy.SMS:
			for _, c := range card.Of(contact.Mobile, j.At) {
				if reaches(c.Value) {
					usable = append(usable, method)
					break
				}
			}
		}
	}
	return usable
}
