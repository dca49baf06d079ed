package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/contact"
)

// alterations are the people whose contacts a command changed, as far as they may
// be told (SECURITY: S48, S66).
type alterations struct {
	limit  int
	all    []contact.Alteration
	people int
}

func (a *alterations) add(one contact.Alteration) {
	a.people++
	if a.people <= a.limit {
		a.all = append(a.all, one)
	}
}

// notify queues notices to the contacts that people had; `latchkey serve` sends
// them.
func (d *desk) notify(ctx context.Context, app *application, a *alterations) error {
	switch {
	case a.limit == 0 || a.people == 0:
		return nil
	case a.people > a.limit:
		_, err := fmt.Fprintf(app.err, "warning: %s could be reached by other contacts before; nobody is told, because that is more than notice_limit, %d\n", people(a.people), a.limit)
		return err
	}
	// What was done is done, so they are told of it however the command ends.
	if err := d.notices.Altered(context.WithoutCancel(ctx), a.all, time.Now().UTC()); err != nil {
		return fmt.Errorf("the contacts are changed, but %s cannot be told by the old ones: %w", people(a.people), err)
	}
	return nil
}

// ready fails where nobody could be told now. No contact is brought in then: the
// same change once more is none, and would be told to nobody. To take contacts away
// is possible all the same.
func (d *desk) ready(ctx context.Context) error {
	if err := d.notices.Room(ctx); err != nil {
		return fmt.Errorf("the contacts are as they were: %w", err)
	}
	return nil
}

// alteration notes what became of a card.
func (a *alterations) alteration(directory string, before, after contact.Card) {
	if one := contact.Altered(directory, before, after); one != nil {
		a.add(*one)
	}
}
