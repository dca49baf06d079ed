package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
)

type contactsExport struct {
	JSON bool `name:"json" help:"Print one JSON object a person, with the permanent id, instead of CSV."`
}

// Help is shown by --help.
func (contactsExport) Help() string {
	return "The addresses and numbers are in clear: keep what is printed as safe as the keyring. People who are gone from the directory, or whose login nobody can type, are left out of the CSV; --json shows them too."
}

func (contactsExport) lesson() lesson {
	return lesson{
		examples: []string{"latchkey contacts export > contacts.csv", "latchkey contacts export --json > contacts.jsonl # one person a line"},
		see:      []string{"latchkey contacts import", "latchkey contacts show"},
	}
}

func (c contactsExport) Run(ctx context.Context, app *application) (err error) {
	d, err := app.openDesk(ctx, reads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	j, err := app.deskJournal(d)
	if err != nil {
		return err
	}
	return j.doLong(ctx, audit.Event{Kind: audit.ContactsExported}, func(*audit.Event) ([]audit.Event, error) {
		return nil, c.print(ctx, app, d)
	})
}

func (c contactsExport) print(ctx context.Context, app *application, d *desk) error {
	out := bufio.NewWriterSize(app.out, exportBuffer)
	meter, began, cards := app.listMeter(), time.Now(), 0
	show := func() error {
		cards++
		meter.show(progress{done: cards, elapsed: time.Since(began), what: "people"})
		return ctx.Err()
	}
	skipped, err := 0, error(nil)
	if c.JSON {
		err = d.contacts.Each(ctx, func(card contact.Card) error { return errors.Join(printJSON(out, card.Shown(began)), show()) })
	} else {
		all := func(yield func(contact.Card, error) bool) {
			for card, err := range d.contacts.All(ctx) {
				if err == nil {
					err = show()
				}
				if !yield(card, err) {
					return
				}
			}
		}
		skipped, err = contact.WriteCSV(out, began, all, c.logins(ctx, d))
	}
	meter.clear()
	err = errors.Join(err, out.Flush())
	if ctx.Err() != nil {
		return stoppedError("what was printed is not everyone")
	}
	if skipped > 0 {
		fmt.Fprintf(app.err, "%s left out: the directory has no such person any more; --json shows them\n", counted(skipped, "card"))
	}
	return err
}

// exportBuffer is what is printed at once.
const exportBuffer = 1 << 16

// logins leaves out the cards of a directory that is no longer configured.
func (contactsExport) logins(ctx context.Context, d *desk) func(string, []string) ([]string, error) {
	return func(name string, persons []string) ([]string, error) {
		logins, err := d.Logins(ctx, name, persons)
		if errors.Is(err, contact.ErrUnknownDirectory) {
			return make([]string, len(persons)), nil
		}
		return logins, err
	}
}
