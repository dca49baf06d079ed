package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/telemetry"
)

type contactsCommands struct {
	Import  contactsImport  `cmd:"" help:"Bring in the contacts of many people from a file."`
	Set     contactsSet     `cmd:"" help:"Set the contacts of one person."`
	Confirm contactsConfirm `cmd:"" help:"Take the code that was sent to a contact which was set."`
	Show    contactsShow    `cmd:"" help:"Show the contacts of one person, masked."`
	Delete  contactsDelete  `cmd:"" help:"Remove all contacts of one person."`
	Export  contactsExport  `cmd:"" help:"Print everyone's contacts, in clear, in the form that import reads."`
}

// whom names one person, by login or, when the directory has no such login
// any more, by the permanent id.
type whom struct {
	Login     string `arg:"" optional:"" help:"The person's login."`
	ID        string `name:"id" placeholder:"ID" help:"The person's permanent id as export prints it, instead of the login; also for people who are gone."`
	Directory string `placeholder:"NAME" help:"The name of the [[directory]], if there are several."`
}

// Validate is called by the parser.
func (w whom) Validate() error {
	if (w.Login == "") == (w.ID == "") {
		return errors.New("name one person: LOGIN, or --id=ID")
	}
	return nil
}

// String names the person as the command line does.
func (w whom) String() string {
	named := w.Login
	if named == "" {
		named = "--id=" + w.ID
	}
	if w.Directory != "" {
		named += " --directory=" + w.Directory
	}
	return named
}

// id returns the person's permanent id as text.
func (w whom) id(ctx context.Context, people *directory.Directory) (string, error) {
	if w.ID != "" {
		id, err := directory.ParseID(w.ID)
		return id.String(), err
	}
	person, err := people.Find(ctx, w.Login)
	if err != nil {
		return "", err
	}
	return person.ID.String(), nil
}

// with opens the desk, finds the person and calls f.
func (w whom) with(ctx context.Context, app *application, to access, f func(d *desk, directory, person string) error) (err error) {
	d, err := app.openDesk(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	people, err := d.choose(w.Directory)
	if err != nil {
		return err
	}
	person, err := w.id(ctx, people)
	if err != nil {
		return err
	}
	return f(d, people.Name(), person)
}

// recorded acts on contacts and records it in the audit.
func (a *application) recorded(ctx context.Context, d *desk, e audit.Event, act func() error) error {
	j, err := a.deskJournal(d)
	if err != nil {
		return err
	}
	return j.do(ctx, e, func(*audit.Event) error { return act() })
}

// deskJournal returns the journal of the commands on contacts.
func (a *application) deskJournal(d *desk) (*journal, error) {
	loaded, keys, err := a.loadAudit()
	if err != nil {
		return nil, err
	}
	return a.newJournal(loaded, d.store, keys), nil
}

type contactsShow struct {
	whom

	Reveal bool `help:"Show addresses and numbers in clear."`
	JSON   bool `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (contactsShow) Help() string {
	return "The audit says who looked at contacts with --reveal."
}

func (contactsShow) lesson() lesson {
	return lesson{
		examples: []string{"latchkey contacts show alice", "latchkey contacts show alice --reveal --json"},
		no:       "when the person has no contacts",
		see:      []string{"latchkey contacts set", "latchkey policy explain"},
	}
}

func (c contactsShow) Run(ctx context.Context, app *application) error {
	return c.with(ctx, app, reads, func(d *desk, directory, person string) error {
		card, err := d.contacts.Get(ctx, directory, person)
		if errors.Is(err, contact.ErrNoCard) {
			return no(err)
		}
		if err != nil {
			return err
		}
		now := time.Now()
		card = card.Shown(now)
		if c.Reveal {
			event := audit.Event{Kind: audit.ContactsRevealed, Directory: directory, Person: person}
			return app.recorded(ctx, d, event, func() error { return c.print(app, card, now) })
		}
		for i, known := range card.Contacts {
			card.Contacts[i].Value = contact.Mask(known.Kind, known.Value)
		}
		return c.print(app, card, now)
	})
}

func (c contactsShow) print(app *application, card contact.Card, now time.Time) error {
	if c.JSON {
		return printJSON(app.out, card)
	}
	table := tabwriter.NewWriter(app.out, 0, 0, 2, ' ', 0)
	for _, known := range card.Contacts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s%s\n", known.Kind, known.Value, known.Source, known.AddedAt.Format(time.DateOnly), unused(known, now))
	}
	return table.Flush()
}

// unused says why a contact is not used at some time.
func unused(c contact.Contact, now time.Time) string {
	switch rests := c.UsableFrom.After(now); {
	case c.Awaits() && rests:
		return "\tawaits its code; not used before " + stamp(c.UsableFrom)
	case c.Awaits():
		return "\tawaits its code"
	case c.Unverified:
		return "\tunverified, not used"
	case rests:
		return "\tused from " + stamp(c.UsableFrom) + " on"
	}
	return ""
}

type contactsDelete struct {
	whom
}

// Help is shown by --help.
func (contactsDelete) Help() string {
	return "Contacts that come from the directory or from a file are back with the next sync or import."
}

func (contactsDelete) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey contacts delete alice",
			"latchkey contacts delete --id=entryUUID:00112233445566778899aabbccddeeff # who is gone from the directory",
		},
		see: []string{"latchkey contacts export"},
	}
}

func (c contactsDelete) Run(ctx context.Context, app *application) error {
	return c.with(ctx, app, writes, func(d *desk, directory, person string) error {
		before, err := d.contacts.Get(ctx, directory, person)
		if errors.Is(err, contact.ErrNoCard) {
			return err
		}
		event := audit.Event{Kind: audit.ContactsChanged, Directory: directory, Person: person, Reason: "delete"}
		err = app.recorded(ctx, d, event, func() error { return d.contacts.Delete(ctx, directory, person) })
		if err != nil {
			return err
		}
		fmt.Fprintln(app.out, "Removed all contacts of this person.")
		told := alterations{limit: d.rules.NoticeLimit}
		told.alteration(directory, before, contact.Card{})
		return d.notify(ctx, app, &told)
	})
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(telemetry.Inert(out))
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
