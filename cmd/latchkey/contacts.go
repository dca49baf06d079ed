package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
)

type contactsCommands struct {
	Import contactsImport `cmd:"" help:"Bring in the contacts of many people from a CSV file."`
	Set    contactsSet    `cmd:"" help:"Set the contacts of one person."`
	Show   contactsShow   `cmd:"" help:"Show the contacts of one person, masked."`
	Delete contactsDelete `cmd:"" help:"Remove all contacts of one person."`
	Export contactsExport `cmd:"" help:"Print everyone's contacts, in clear, in the form that import reads."`
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
func (w whom) with(ctx context.Context, app *application, f func(d *desk, directory, person string) error) (err error) {
	d, err := app.openDesk(ctx)
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

type contactsSet struct {
	whom

	Email  []string `placeholder:"ADDRESS" sep:"none" help:"An alternate e-mail address; repeat it for several. Those that are there are replaced."`
	Mobile []string `placeholder:"NUMBER" sep:"none" help:"A mobile number; repeat it for several. Those that are there are replaced."`
}

func (c contactsSet) Run(ctx context.Context, app *application) error {
	if len(c.Email)+len(c.Mobile) == 0 {
		return usageError("give at least one --email or --mobile; `latchkey contacts delete` removes all")
	}
	return c.with(ctx, app, func(d *desk, directory, person string) error {
		added, err := c.normal(d.rules)
		if err != nil {
			return err
		}
		err = d.contacts.Update(ctx, directory, person, func(card *contact.Card) error {
			kept := added
			for _, old := range card.Contacts {
				if old.Kind == contact.Email && c.Email == nil || old.Kind == contact.Mobile && c.Mobile == nil {
					kept = append(kept[:len(kept):len(kept)], old)
				}
			}
			card.Contacts = kept
			return nil
		})
		if err == nil {
			fmt.Fprintf(app.out, "Set %s.\n", counted(len(added), "contact"))
		}
		return err
	})
}

// normal returns the typed contacts in their normal form.
func (c contactsSet) normal(rules contact.Config) ([]contact.Contact, error) {
	var added []contact.Contact
	var errs []error
	add := func(kind contact.Kind, values []string) {
		for _, value := range values {
			normal, err := rules.Normal(kind, value)
			if err != nil {
				errs = append(errs, fmt.Errorf("--%s: %w", kind, err))
				continue
			}
			added = append(added, contact.Contact{Kind: kind, Value: normal, Source: contact.Staff, AddedAt: time.Now().UTC().Truncate(time.Second)})
		}
	}
	add(contact.Email, c.Email)
	add(contact.Mobile, c.Mobile)
	return added, errors.Join(errs...)
}

type contactsShow struct {
	whom

	Reveal bool `help:"Show addresses and numbers in clear."`
	JSON   bool `name:"json" help:"Print JSON."`
}

func (c contactsShow) Run(ctx context.Context, app *application) error {
	return c.with(ctx, app, func(d *desk, directory, person string) error {
		card, err := d.contacts.Get(ctx, directory, person)
		if err != nil {
			return err
		}
		if !c.Reveal {
			for i, known := range card.Contacts {
				card.Contacts[i].Value = contact.Mask(known.Kind, known.Value)
			}
		}
		if c.JSON {
			return printJSON(app.out, card)
		}
		table := tabwriter.NewWriter(app.out, 0, 0, 2, ' ', 0)
		for _, known := range card.Contacts {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", known.Kind, known.Value, known.Source, known.AddedAt.Format(time.DateOnly))
		}
		return table.Flush()
	})
}

type contactsDelete struct {
	whom
}

func (c contactsDelete) Run(ctx context.Context, app *application) error {
	return c.with(ctx, app, func(d *desk, directory, person string) error {
		if _, err := d.contacts.Get(ctx, directory, person); errors.Is(err, contact.ErrNoCard) {
			return err
		}
		if err := d.contacts.Delete(ctx, directory, person); err != nil {
			return err
		}
		fmt.Fprintln(app.out, "Removed all contacts of this person.")
		return nil
	})
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
