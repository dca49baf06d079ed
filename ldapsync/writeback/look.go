package writeback

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

// The reasons of a refusal, as operators read them.
const (
	ReasonRights  = "the identity of write_back may not write this attribute of this entry"
	ReasonHidden  = "the identity of write_back does not see the entry"
	ReasonTaken   = "the attribute takes no further value, and has one that Latchkey did not write"
	ReasonUnfit   = "the entry does not take the value: an object class or the schema is in the way"
	ReasonNoEntry = "the entry is not below base_dn any more"
	reasonOddID   = "the card is not of a permanent id"
)

// restAfter is how long to wait before a refusal is tried again: rights are put
// right by hand, soon or never; others by a change of the entry, which nobody
// tells. A change of the card and a restart try again at once.
func restAfter(r Refusal, now time.Time) time.Duration {
	const first, longest = 15 * time.Minute, 24 * time.Hour
	switch r.Reason {
	case ReasonRights, ReasonHidden:
		return min(max(first, now.Sub(r.Since)), longest)
	}
	return longest
}

// The outcomes of values, in metrics, status and audit.
const (
	outcomeAdded   = "added"
	outcomeRemoved = "removed"
	// outcomeGone: whether by Latchkey or by others is not known.
	outcomeGone    = "gone"
	outcomePresent = "present"
	outcomeRefused = "refused"
	outcomeUnknown = "unknown"
)

// look brings one person's entry to what the card says. An error means that the
// directory, Redis or the audit is away: the card waits.
func (l *leader) look(ctx context.Context, look contact.Look) error {
	id, err := directory.ParseID(look.Person)
	if err != nil {
		return l.settle(ctx, look, []Refusal{{Person: look.Person, Reason: reasonOddID}})
	}
	entry, err := l.Target.Read(ctx, id)
	if errors.Is(err, directory.ErrNotFound) {
		return l.missing(ctx, look, id)
	}
	if err != nil {
		return err
	}
	p := l.plan()
	var steps []step
	var found []seen
	err = l.pending.Update(ctx, look, func(c *contact.Card) bool {
		var written []contact.Written
		written, steps, found = p.decide(*c, entry.Values)
		changed := !equal(written, c.Written)
		c.Written = written
		return changed
	})
	if err != nil {
		return err
	}
	for _, f := range found {
		l.count(f.outcome)
		if err := l.record(ctx, look, f.step, f.outcome, ""); err != nil {
			return err
		}
	}
	var refusals []Refusal
	for _, s := range steps {
		reason, err := l.take(ctx, look, entry, s)
		if err != nil {
			return err
		}
		if reason != "" {
			refusals = append(refusals, Refusal{Person: look.Person, Attribute: s.value.Attribute, Reason: reason})
		}
	}
	return l.settle(ctx, look, refusals)
}

func equal(a, b []contact.Written) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) || a[i].State != b[i].State || a[i].Fence != b[i].Fence || !a[i].At.Equal(b[i].At) {
			return false
		}
	}
	return true
}

// take makes one change, and returns why the directory did not take it.
func (l *leader) take(ctx context.Context, look contact.Look, entry directory.Held, s step) (reason string, err error) {
	if err := l.record(ctx, look, s, "intended", ""); err != nil {
		return "", err
	}
	if err := l.pending.Holds(ctx, look); err != nil {
		return "", err
	}
	if s.remove {
		err = l.Target.Remove(ctx, entry, s.value.Attribute, s.value.Value)
	} else {
		err = l.Target.Add(ctx, entry, s.value.Attribute, s.value.Value)
	}
	outcome, reason, err := l.judge(ctx, entry, s, err)
	if err != nil {
		// Done or not: the next look tells.
		return "", errors.Join(err, l.record(ctx, look, s, outcomeUnknown, ""))
	}
	err = l.pending.Update(ctx, look, func(c *contact.Card) bool { return conclude(c, s, outcome, time.Now().UTC()) })
	if err != nil {
		return "", err
	}
	l.count(outcome)
	return reason, l.record(ctx, look, s, outcome, reason)
}

func (l *leader) count(outcome string) {
	l.status.Counts.add(outcome)
	if l.Meter != nil {
		l.Meter.WroteBack(l.Directory, outcome)
	}
}

// judge tells what became of a change. An error means that it is not known, or
// that nothing can be done now.
func (l *leader) judge(ctx context.Context, entry directory.Held, s step, err error) (outcome, reason string, _ error) {
	switch {
	case err == nil && s.remove:
		return outcomeRemoved, "", nil
	case err == nil:
		return outcomeAdded, "", nil
	case errors.Is(err, directory.ErrThere):
		if s.resumed {
			return outcomeAdded, "", nil // by the try before
		}
		return l.judgeTaken(ctx, entry, s)
	case errors.Is(err, directory.ErrUnfit):
		if len(entry.Values[s.value.Attribute]) > 0 {
			return outcomeRefused, ReasonTaken, nil
		}
		return outcomeRefused, ReasonUnfit, nil
	case errors.Is(err, directory.ErrNotAllowed):
		return outcomeRefused, ReasonRights, nil
	case errors.Is(err, directory.ErrNotFound):
		return outcomeRefused, ReasonHidden, nil
	}
	return "", "", err
}

// judgeTaken looks what is there: the value, by somebody who was faster, or
// another one in an attribute that takes one only.
func (l *leader) judgeTaken(ctx context.Context, entry directory.Held, s step) (outcome, reason string, err error) {
	now, err := l.Target.Read(ctx, entry.ID())
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return outcomeRefused, ReasonHidden, nil
	case err != nil:
		return "", "", err
	case l.plan().present(s.value, now.Values):
		return outcomePresent, "", nil
	}
	return outcomeRefused, ReasonTaken, nil
}

// conclude notes in the card what became of a step, unless somebody else has the
// value by now.
func conclude(c *contact.Card, s step, outcome string, now time.Time) bool {
	for i, w := range c.Written {
		if !same(w, s.value) || w.State != s.value.State || w.Fence != s.value.Fence {
			continue
		}
		switch outcome {
		case outcomeAdded:
			c.Written[i].State, c.Written[i].At, c.Written[i].Fence = contact.Placed, now, 0
		case outcomeRemoved:
			c.Written[i].State, c.Written[i].At = contact.Withdrawn, now
		default:
			if s.remove {
				return false // it is ours still
			}
			c.Written = append(c.Written[:i:i], c.Written[i+1:]...)
		}
		return true
	}
	return false
}

// missing: the identity does not find the entry. Where the service account does
// not either, it is gone, and with it all that was written.
func (l *leader) missing(ctx context.Context, look contact.Look, id directory.ID) error {
	there, err := l.People.Exists(ctx, id)
	if err != nil {
		return err
	}
	if there {
		return l.settle(ctx, look, []Refusal{{Person: look.Person, Reason: ReasonHidden}})
	}
	wants := false
	err = l.pending.Update(ctx, look, func(c *contact.Card) bool {
		had := len(c.Written)
		c.Written = nil
		wants = !l.plan().idle(*c)
		return had > 0
	})
	if err != nil {
		return err
	}
	if wants {
		return l.settle(ctx, look, []Refusal{{Person: look.Person, Reason: ReasonNoEntry}})
	}
	return l.settle(ctx, look, nil)
}

// settle ends a look, and says when to look again.
func (l *leader) settle(ctx context.Context, look contact.Look, refusals []Refusal) error {
	p := l.plan()
	refusals, err := l.ledger.refused(ctx, l.Directory, l.fence, look.Person, refusals, p.now)
	if err != nil {
		return err
	}
	again := time.Duration(0)
	err = l.pending.Update(ctx, look, func(c *contact.Card) bool {
		again = p.again(*c)
		return false
	})
	if err != nil {
		return err
	}
	for _, r := range refusals {
		if rest := restAfter(r, p.now); again == 0 || rest < again {
			again = rest
		}
	}
	return l.pending.Settle(ctx, look, again)
}

// record puts a change into the audit, without the value. What cannot be recorded
// is not done.
func (l *leader) record(ctx context.Context, look contact.Look, s step, outcome, reason string) error {
	what := "add to"
	if s.remove {
		what = "remove from"
	}
	what += " " + s.value.Attribute
	if reason != "" {
		what += ": " + reason
	}
	err := l.Audit.Record(ctx, audit.Event{
		Kind: audit.ContactWrittenBack, Directory: l.Directory, Person: look.Person, Outcome: outcome, Reason: what,
	})
	if err != nil {
		return fmt.Errorf("record a write-back: %w", err)
	}
	return nil
}
