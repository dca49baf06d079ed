package writeback

import (
	"slices"
	"strings"
	"time"

	"latchkey/internal/contact"
)

// plan decides, without asking anybody, what a card and an entry want.
type plan struct {
	config Config
	// region is the default_region of [contacts].
	region string
	fence  int64
	now    time.Time
}

// step is one change of the directory.
type step struct {
	remove bool
	value  contact.Written
	// resumed: an earlier try may have written the value already.
	resumed bool
}

const (
	// remembered is how long a value that was taken away again is kept out of what
	// a synchronization reads: longer than anything that was read before lasts.
	remembered = 24 * time.Hour
	// doubtful is how long an intent that nobody wants any more is looked after
	// every minute: a write on its way when its sender was stopped comes by then.
	doubtful  = 5 * time.Minute
	lookAfter = time.Minute
)

// wanted reports whether a contact is one to write.
func (p plan) wanted(c contact.Contact) bool {
	return c.Usable(p.now) && p.config.attribute(c.Kind) != "" && slices.Contains(p.config.Sources, string(c.Source))
}

// held returns the contact that keeps a value of ours in the directory: anybody's
// but what was read there. One that waits keeps none, and lets none be forgotten:
// what was written for the contact before it would count as the directory's own.
func (p plan) held(card contact.Card, w contact.Written) (contact.Contact, bool) {
	for _, c := range card.Contacts {
		if c.Kind == w.Kind && c.Value == w.Value && c.Source != contact.Synced && c.Usable(p.now) {
			return c, true
		}
	}
	return contact.Contact{}, false
}

// mine reports whether a value lies in an attribute that is configured. Others
// stay as they are: nobody may touch them any more.
func (p plan) mine(w contact.Written) bool {
	return p.config.attribute(w.Kind) != "" && p.config.attribute(w.Kind) == w.Attribute
}

// seen is what the entry tells of a step whose end nobody heard.
type seen struct {
	step
	outcome string
}

// decide returns what a card says of the directory from now on, what is to be done
// there, removals first (an attribute may take one value only), and what became of
// earlier steps.
func (p plan) decide(card contact.Card, values map[string][]string) (written []contact.Written, steps []step, found []seen) {
	var removals, additions []step
	for _, w := range card.Written {
		if !p.mine(w) {
			written = append(written, w)
			continue
		}
		there := slices.Contains(values[w.Attribute], w.Value)
		by, held := p.held(card, w)
		age := p.now.Sub(w.At)
		switch {
		case w.State == contact.Withdrawn && (held || age > remembered):
			continue // forgotten; what is wanted follows below
		case w.State == contact.Withdrawn:
		case w.State == contact.Intended && there:
			w.State, w.Fence = contact.Placed, 0
			found = append(found, seen{step{value: w}, outcomeAdded})
		case w.State == contact.Intended && !held && age > remembered:
			continue
		case w.State == contact.Intended && !held:
		case w.State == contact.Intended && p.present(w, values):
			continue // somebody else's, in another spelling
		case w.State == contact.Intended:
			w = p.intent(w)
			additions = append(additions, step{value: w, resumed: true})
		case !there && held && by.AddedAt.After(w.At) && !p.present(w, values):
			w = p.intent(w)
			additions = append(additions, step{value: w})
		}
		if w.State == contact.Placed && !held {
			if there {
				removals = append(removals, step{remove: true, value: w})
			} else {
				w = p.intent(w) // gone, or on its way here from another server
				found = append(found, seen{step{remove: true, value: w}, outcomeGone})
			}
		}
		written = append(written, w)
	}
	for _, c := range card.Contacts {
		w := contact.Written{Attribute: p.config.attribute(c.Kind), Kind: c.Kind, Value: c.Value}
		known := slices.ContainsFunc(written, func(o contact.Written) bool { return same(o, w) })
		if !p.wanted(c) || known || p.present(w, values) {
			continue
		}
		w = p.intent(w)
		written = append(written, w)
		additions = append(additions, step{value: w})
	}
	return written, append(removals, additions...), found
}

func (p plan) intent(w contact.Written) contact.Written {
	w.State, w.At, w.Fence = contact.Intended, p.now, p.fence
	return w
}

// same reports whether two are about one value of one attribute.
func same(a, b contact.Written) bool {
	return a.Attribute == b.Attribute && a.Kind == b.Kind && a.Value == b.Value
}

// present reports whether the directory has a value, however it is written.
func (p plan) present(w contact.Written, values map[string][]string) bool {
	return slices.ContainsFunc(values[w.Attribute], func(text string) bool {
		if w.Kind == contact.Mobile {
			normal, err := contact.NormalMobile(text, p.region)
			return err == nil && normal == w.Value
		}
		// Most attributes know no case; two mailboxes that differ by it are rare, and
		// the second one is then refused by the directory anyway.
		normal, err := contact.NormalEmail(text)
		return err == nil && strings.EqualFold(normal, w.Value)
	})
}

// idle reports whether a card needs no look: all that is wanted is written, and
// all that is written is wanted.
func (p plan) idle(card contact.Card) bool {
	for _, w := range card.Written {
		if _, held := p.held(card, w); p.mine(w) && (w.State != contact.Placed || !held) {
			return false
		}
	}
	return !slices.ContainsFunc(card.Contacts, func(c contact.Contact) bool {
		c.UsableFrom = time.Time{} // one that rests is wanted then
		w := contact.Written{Attribute: p.config.attribute(c.Kind), Kind: c.Kind, Value: c.Value}
		return p.wanted(c) && !slices.ContainsFunc(card.Written, func(o contact.Written) bool { return same(o, w) })
	})
}

// again is when to look at a card next although nothing changes, or 0.
func (p plan) again(card contact.Card) time.Duration {
	next := time.Duration(0)
	sooner := func(d time.Duration) {
		if d = max(d, time.Second); next == 0 || d < next {
			next = d
		}
	}
	for _, c := range card.Contacts {
		if !c.Unverified && c.UsableFrom.After(p.now) {
			sooner(c.UsableFrom.Sub(p.now) + time.Second)
		}
	}
	for _, w := range card.Written {
		age := p.now.Sub(w.At)
		switch _, held := p.held(card, w); {
		case !p.mine(w):
		case w.State == contact.Intended && !held && age < doubtful:
			sooner(lookAfter)
		case w.State == contact.Withdrawn, w.State == contact.Intended && !held:
			sooner(remembered - age + time.Second)
		}
	}
	return next
}
