package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/store"
)

// Syncer brings the contacts of one directory into cards.
type Syncer struct {
	Config Config
	// Rules are what may be a contact.
	Rules  contact.Config
	Source Lister
	Cards  Cards
	// DryRun writes nothing.
	DryRun bool
	// AllowRemovals, if not 0, stands for max_removals and the percentage this
	// time: so many contacts may be removed.
	AllowRemovals int
	// Expected is how many people the last whole pass saw; 0 if that is not
	// known. It only serves the estimate in Progress.
	Expected int
	// Differ is told of each card that changes, or would without DryRun; it may be
	// nil. Of a card that others change meanwhile it may be told twice.
	Differ func(Difference)
	// Altered is told, once it is written, of each person who had verified contacts
	// and has other ones, and whether the directory still shows them; it may be nil.
	Altered func(a contact.Alteration, there bool)
	// Progress is called after each page; it may be nil.
	Progress func(Progress)
}

// Run makes one pass over the directory. The report tells what was done also
// where an error ends it: [ErrIncomplete], [ErrNobody], [TooManyError] or
// store.ErrUnavailable. Running again is always safe; whatever is in order
// already is not written.
func (s *Syncer) Run(ctx context.Context) (Report, error) {
	p := newPass(s, time.Now())
	err := p.run(ctx)
	p.report.share(p.sharing.count())
	p.report.Seconds = time.Since(p.began).Seconds()
	return p.report, err
}

func (p *pass) run(ctx context.Context) error {
	query := directory.Query{Filter: p.Config.Filter, Bases: p.Config.bases(), Attributes: p.mapping.attributes(), PageSize: p.Config.PageSize}
	if err := p.read(ctx, query); err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	if n := p.report.Unidentified; n > 0 {
		return fmt.Errorf("%w: %d entries do not show their permanent id to the service account", ErrIncomplete, n)
	}
	p.report.Complete = true
	if p.report.People == 0 {
		return ErrNobody
	}
	if err := p.findGone(ctx); err != nil {
		return err
	}
	if err := p.judgeRemovals(); err != nil {
		return err
	}
	return p.remove(ctx)
}

// read reads everyone; the next page is on its way while one is written.
func (p *pass) read(ctx context.Context, query directory.Query) error {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	pages, ended := make(chan directory.Page), make(chan error, 1)
	go func() {
		defer close(pages)
		ended <- p.Source.EachPage(reading, query, func(page directory.Page) error {
			select {
			case pages <- page:
				return nil
			case <-reading.Done():
				return context.Cause(reading)
			}
		})
	}()
	for page := range pages {
		if err := p.take(ctx, page); err != nil {
			cancel()
			<-ended
			return err
		}
	}
	return <-ended
}

// findGone looks for synchronized contacts of people who were not seen.
func (p *pass) findGone(ctx context.Context) error {
	gone := newCrowd() // a card may be shown twice
	err := p.Cards.Roam(ctx, func(c contact.Card) error {
		n := synced(c.Contacts, contact.Email) + synced(c.Contacts, contact.Mobile)
		if c.Directory != p.Config.Directory || n == 0 {
			return nil
		}
		if p.seen.has(c.Person) || gone.has(c.Person) {
			return nil
		}
		gone.add(c.Person)
		p.differ(c.Person, c, nil)
		p.ofPeople++
		p.ofContacts += n
		p.missing(removal{person: c.Person}, n, true)
		return nil
	})
	return readable(err)
}

// judgeRemovals refuses to remove more than one run may (S52).
func (p *pass) judgeRemovals() error {
	tooMany := p.report.Missing > p.AllowRemovals
	if p.AllowRemovals == 0 {
		tooMany = p.over(p.report.Missing, p.ofContacts) || p.over(p.report.MissingPeople, p.ofPeople)
	}
	if !tooMany {
		return nil
	}
	return &TooManyError{
		Contacts: p.report.Missing, People: p.report.MissingPeople, OfContacts: p.ofContacts, OfPeople: p.ofPeople,
	}
}

func (p *pass) over(n, of int) bool {
	const percent = 100
	return n > p.Config.MaxRemovals || n*percent > of*p.Config.MaxRemovalsPercent
}

// remove takes out of the cards what the directory no longer has. Each card is
// read again: others may have changed it meanwhile.
func (p *pass) remove(ctx context.Context) error {
	if p.DryRun {
		return nil
	}
	persons := make([]string, len(p.removals))
	for i, r := range p.removals {
		persons[i] = r.person
	}
	removed, altered := make([]int, len(persons)), make(alterations, len(persons))
	err := p.Cards.UpdateAll(ctx, p.Config.Directory, persons, func(i int, c *contact.Card) bool {
		before := *c
		c.Contacts = p.mapping.replaced(*c, p.removals[i].values, p.now)
		removed[i] = len(before.Contacts) - len(c.Contacts)
		altered[i] = p.altered(persons[i], before, *c)
		return true
	})
	for _, n := range removed {
		p.report.Removed += n
	}
	if err := readable(err); err != nil {
		return err
	}
	p.tell(altered)
	return nil
}

// readable drops an error that only tells of cards that do not open. They stay
// as they are; the pass counts them.
func readable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	if errors.Is(err, contact.ErrCardUnreadable) || errors.Is(err, contact.ErrNewerCard) {
		return nil
	}
	return err
}
