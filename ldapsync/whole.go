package ldapsync

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
)

// whole is a refresh that is being made: it may end with everyone told.
type whole struct {
	// full: everyone is told with their values, so that what is missing in the
	// entries is judged at the end too.
	full bool
	// people were found or present; unidentified entries may be anyone.
	people, unidentified int
	// ofPeople and ofContacts were synchronized before, of those who were seen.
	ofPeople, ofContacts int
	// contacts of people who have less than before wait; none of them have any
	// left. No more are kept than may be removed.
	removals       map[string]held
	contacts, none int
	// judged: the end was reached.
	judged bool
	// sharing is nil where values are not told.
	sharing *sharing
	// told are those who were counted: someone who changes while everyone is told
	// is told again, and must not make the share that may go without being asked
	// (SECURITY: S52) a share of more people than there are. It is nil before the
	// first one: a refresh may tell of nobody, every second.
	told filter
	seed maphash.Seed
}

func newWhole(full bool) *whole {
	p := &whole{full: full, seed: maphash.MakeSeed()}
	if full {
		p.sharing = newSharing()
	}
	return p
}

// begin starts a refresh.
func (w *writer) begin(ctx context.Context, c Change) error {
	w.pass = newWhole(c.Whole)
	w.status.Pass++
	w.status.Source, w.status.Failure, w.status.FailureAt = c.Source, "", time.Time{}
	w.cursor, w.clean = nil, w.clean || c.Whole
	return w.note(ctx, commit{forget: c.Whole})
}

// saw counts someone who is there, once.
func (p *whole) saw(r removal, o outcome) {
	if p.told == nil {
		p.told = newFilter()
	}
	if p.told.put(maphash.String(p.seed, r.person)) {
		return
	}
	p.people++
	if p.sharing != nil {
		p.sharing.add(r.values)
	}
	p.ofContacts += o.before
	if o.before > 0 {
		p.ofPeople++
	}
}

// held is what someone has left, and what they lose by that.
type held struct {
	values []contact.Address
	what   What
	outcome
}

// hold keeps what someone has left until the end.
func (p *whole) hold(r removal, o outcome, what What, atMost int) {
	p.contacts += o.lost
	if o.empty {
		p.none++
	}
	if p.removals == nil {
		p.removals = make(map[string]held)
	}
	if len(p.removals) <= atMost {
		p.removals[r.person] = held{r.values, what, o}
	}
}

// forget drops what was held of someone of whom something newer is told.
func (p *whole) forget(person string) {
	old, ok := p.removals[person]
	if !ok {
		return
	}
	delete(p.removals, person)
	p.contacts -= old.lost
	if old.empty {
		p.none--
	}
}

// fewRemovals is how many people may lose contacts by what the directory itself
// says of them, whatever the percentage: in a small directory each is a lot.
const fewRemovals = 10

// removalWindow is the time in which removals are counted together.
const removalWindow = time.Hour

// mayLose tells whether someone of whom the directory says so may lose contacts
// now (SECURITY: S52). What is held back, a whole pass finds again.
func (w *writer) mayLose() bool {
	if w.pass != nil && w.pass.full {
		return false
	}
	if w.status.Waiting != nil || w.recheck {
		return false
	}
	now := time.Now().UTC()
	if now.Sub(w.status.WindowAt) > removalWindow {
		w.status.WindowAt, w.status.WindowPeople = now, 0
	}
	n := w.status.WindowPeople + 1
	if n > w.Config.MaxRemovals || n > fewRemovals && tooMuch(n, w.all, w.Config) {
		w.recheck = true
		return false
	}
	w.status.WindowPeople = n
	return true
}

func tooMuch(n, of int, c Config) bool {
	const percent = 100
	return n > c.MaxRemovals || n*percent > of*c.MaxRemovalsPercent
}

// wait notes why nothing is removed. One that waits goes on doing so.
func (w *writer) wait(why Waiting) {
	if old := w.status.Waiting; old != nil && old.Reason == why.Reason {
		why.Since = old.Since
	} else {
		w.Logger.Error("nothing is removed until it is approved: check the directory and the rights of the service account",
			"directory", w.Config.Directory, "reason", why.Reason, "people", why.People, "of_people", why.OfPeople, "contacts", why.Contacts, "of_contacts", why.OfContacts)
		if w.Audit != nil {
			w.Audit.Note(audit.Event{
				Kind: audit.RemovalsHeld, Directory: w.Config.Directory, Outcome: "held",
				Reason: fmt.Sprintf("%s people=%d of_people=%d contacts=%d of_contacts=%d", why.Reason, why.People, why.OfPeople, why.Contacts, why.OfContacts),
			})
		}
	}
	w.status.Waiting = &why
}

// complete judges whom nobody named (SECURITY: S52) and lets them go, or waits.
func (w *writer) complete(ctx context.Context) error {
	p := w.pass
	if p == nil || p.judged {
		return nil
	}
	p.judged = true
	why, err := w.missing(ctx, p)
	switch {
	case err != nil:
		return err
	case p.unidentified > 0:
		w.Logger.ErrorContext(ctx, "entries do not show their permanent id to the service account, so nobody is taken for gone", "directory", w.Config.Directory, "entries", p.unidentified)
		return nil
	case p.people == 0 && why.OfPeople > 0:
		why.Reason = Nobody
		w.wait(why)
		return nil
	case w.refused(why):
		w.wait(why)
		return nil
	}
	if err := w.spend(ctx, why.Contacts, why.People); err != nil {
		return err
	}
	if err := w.remove(ctx, p); err != nil {
		return err
	}
	if p.full {
		w.status.Waiting, w.status.WindowPeople = nil, 0
	}
	return nil
}

// missing counts what the directory no longer has.
func (w *writer) missing(ctx context.Context, p *whole) (Waiting, error) {
	unseen, all, err := w.cards.Count(ctx, w.status.Pass)
	if err != nil {
		return Waiting{}, err
	}
	w.all = all
	contacts := 0
	err = w.cards.Peek(ctx, w.status.Pass, max(w.Config.MaxRemovals, 1), func(c contact.Card) {
		contacts += synced(c.Contacts, contact.Email) + synced(c.Contacts, contact.Mobile)
	})
	if err := contact.Readable(err); err != nil {
		return Waiting{}, err
	}
	// Of more people than that the contacts are not counted; there is one at least.
	contacts = max(contacts, unseen)
	return Waiting{
		Since: time.Now().UTC(), Reason: TooMany,
		Contacts: p.contacts + contacts, People: p.none + unseen,
		OfContacts: p.ofContacts + contacts, OfPeople: p.ofPeople + unseen,
	}, nil
}

// refused tells whether so much may not be removed without being asked.
func (w *writer) refused(m Waiting) bool {
	if a := w.approval; a != nil {
		return m.Contacts > a.Contacts || m.People > a.People
	}
	if w.status.Waiting != nil && !w.pass.full {
		return true
	}
	return tooMuch(m.Contacts, m.OfContacts, w.Config) || tooMuch(m.People, m.OfPeople, w.Config)
}

// remove takes out of the cards what the directory no longer has.
func (w *writer) remove(ctx context.Context, p *whole) error {
	if err := w.removeHeld(ctx, p); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	err := w.cards.Unseen(ctx, w.status.Pass, func(c *contact.Card) bool { return w.replace(c, nil, now) })
	w.tell(ctx, func(string) bool { return false })
	return contact.Readable(err)
}

// removeHeld takes from people what they no longer have.
func (w *writer) removeHeld(ctx context.Context, p *whole) error {
	now, persons := time.Now().UTC().Truncate(time.Second), slices.Collect(maps.Keys(p.removals))
	err := w.cards.Update(ctx, w.status.Pass, persons, func(i int, c *contact.Card) bool { return w.replace(c, p.removals[persons[i]].values, now) })
	w.tell(ctx, func(person string) bool { return p.removals[person].what == Found })
	return contact.Readable(err)
}

func (w *writer) replace(c *contact.Card, with []contact.Address, now time.Time) bool {
	old := *c
	c.Contacts = w.mapping.replaced(*c, with, now)
	w.alter(old, *c)
	w.status.Counts.Removed += int64(max(0, len(old.Contacts)-len(c.Contacts)))
	return true
}

// outcome is what came of a whole pass.
func (w *writer) outcome() string {
	if w.status.Waiting != nil {
		return "held"
	}
	return "done"
}

// settle ends a refresh: from now on changes come as they are made.
func (w *writer) settle(ctx context.Context, next step) error {
	p := w.pass
	w.pass, w.lasted = nil, true
	if p != nil {
		_, all, err := w.cards.Count(ctx, w.status.Pass)
		if err != nil {
			return err
		}
		w.all, w.status.WithContacts = all, all
		if p.full && p.judged {
			w.status.FullAt, w.status.People = time.Now().UTC(), p.people
			w.status.Shared = p.sharing.count()
			w.shared(w.status.Shared)
			w.used, w.approval = w.approval != nil, nil
		}
	}
	if len(next.then.Cursor) > 0 {
		next.batch.cursor = next.then.Cursor
	}
	if err := w.flush(ctx, next.batch); err != nil {
		return err
	}
	w.status.InStepAt = time.Now().UTC()
	if p != nil && p.full {
		w.sum(w.status.InStepAt, w.outcome())
	}
	return w.note(ctx, commit{})
}
