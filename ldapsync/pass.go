package ldapsync

import (
	"cmp"
	"context"
	"hash/maphash"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

// crowd knows who is in it, by 8 bytes of each. Of a million people it takes one
// for another once in 37 million passes, and hardly in the next one too.
type crowd struct {
	seed maphash.Seed
	all  map[uint64]struct{}
}

func newCrowd() crowd { return crowd{maphash.MakeSeed(), make(map[uint64]struct{})} }

func (c crowd) has(person string) bool {
	_, is := c.all[maphash.String(c.seed, person)]
	return is
}

func (c crowd) add(person string) { c.all[maphash.String(c.seed, person)] = struct{}{} }

// removal is a person some of whose contacts the directory no longer has, and
// those that it has.
type removal struct {
	person string
	values []contact.Address
}

// pass is one reading of the whole directory.
type pass struct {
	*Syncer
	mapping mapping
	began   time.Time
	// now is the time that new contacts get.
	now    time.Time
	report Report

	seen    crowd
	sharing *sharing
	// removals wait until everyone was seen; no more are kept than may happen.
	removals []removal
	// ofPeople and ofContacts were synchronized before.
	ofPeople, ofContacts int
}

func newPass(s *Syncer, now time.Time) *pass {
	return &pass{
		Syncer: s, mapping: mapping{s.Config, s.Config.rules(s.Rules)}, began: now, now: now.UTC().Truncate(time.Second),
		report: Report{Directory: s.Config.Directory, DryRun: s.DryRun, Reasons: make(map[string]int), Rejections: []Rejection{}},
		seen:   newCrowd(), sharing: newSharing(),
	}
}

// take brings a page of entries into cards.
func (p *pass) take(ctx context.Context, page directory.Page) error {
	var persons []string
	var values [][]contact.Address
	for _, entry := range page.Entries {
		if entry.ID.IsZero() {
			p.report.Unidentified++
			continue
		}
		person := entry.ID.String()
		// An entry that is moved while pages are read may come twice.
		if p.seen.has(person) {
			continue
		}
		p.seen.add(person)
		found, refused := p.mapping.contacts(entry)
		p.report.reject(person, refused)
		p.count(found)
		persons, values = append(persons, person), append(values, found)
	}
	if err := p.write(ctx, persons, values); err != nil {
		return err
	}
	if p.Progress != nil {
		p.Progress(Progress{People: p.report.People, Estimate: cmp.Or(page.Estimate, p.Expected), Elapsed: time.Since(p.began)})
	}
	return nil
}

func (p *pass) count(found []contact.Address) {
	p.report.People++
	p.report.Contacts += len(found)
	if len(found) > 0 {
		p.report.WithContacts++
	}
	p.sharing.add(found)
}

// outcome is what a card asks for.
type outcome struct {
	// readable is false for a card that does not open.
	readable bool
	write    bool
	// before counts the synchronized contacts, lost those without successor.
	before, lost int
	empty        bool
	// after are the contacts of the card once it is written.
	after []contact.Contact
}

func (p *pass) write(ctx context.Context, persons []string, values [][]contact.Address) error {
	outcomes, altered := make([]outcome, len(persons)), make(alterations, len(persons))
	err := p.Cards.UpdateAll(ctx, p.Config.Directory, persons, func(i int, c *contact.Card) bool {
		p.differ(persons[i], *c, values[i])
		before := *c
		outcomes[i] = p.change(c, values[i])
		altered[i] = p.altered(persons[i], before, *c)
		return outcomes[i].write && !p.DryRun
	})
	if err := readable(err); err != nil {
		return err
	}
	p.tell(altered)
	for i, o := range outcomes {
		switch {
		case !o.readable:
			p.report.Unreadable++
		case o.lost > 0:
			p.missing(removal{persons[i], values[i]}, o.lost, o.empty)
		case o.write:
			p.report.Written++
		default:
			p.report.Unchanged++
		}
		p.ofContacts += o.before
		if o.before > 0 {
			p.ofPeople++
		}
	}
	return nil
}

// change puts the values of an entry into the card. A card that would have
// fewer contacts of a kind than before waits for the end of the pass.
func (p *pass) change(c *contact.Card, values []contact.Address) outcome {
	o := p.mapping.judge(*c, values, p.now)
	if o.write {
		c.Contacts = o.after
	}
	return o
}

func same(a, b contact.Contact) bool {
	return a.Kind == b.Kind && a.Value == b.Value && a.Source == b.Source && a.Unverified == b.Unverified && a.AddedAt.Equal(b.AddedAt)
}

// missing notes contacts that the directory no longer has.
func (p *pass) missing(r removal, contacts int, none bool) {
	p.report.Missing += contacts
	if none {
		p.report.MissingPeople++
	}
	if p.report.Missing <= max(p.Config.MaxRemovals, p.AllowRemovals) {
		p.removals = append(p.removals, r)
	}
}
