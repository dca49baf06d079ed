package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
)

type contactsSet struct {
	whom

	Email  []string `placeholder:"ADDRESS" sep:"none" help:"An alternate e-mail address; repeat it for several. Those that are there are replaced."`
	Mobile []string `placeholder:"NUMBER" sep:"none" help:"A mobile number; repeat it for several. Those that are there are replaced."`

	Registered bool `help:"The person gave these contacts, and not the records of the organization."`
	AtOnce     bool `help:"Let them count at once, without a code and without cooling: for whoever knows the person and the contact. The audit says so."`
}

// Help is shown by --help.
func (contactsSet) Help() string {
	return "Numbers need their country code, or default_region in [contacts]. Contacts of the kind that is given are replaced, whoever set them; to keep one, give it again; those of the other kind stay. Each new one is sent a code that the person reads out for `latchkey contacts confirm`, and counts after the time that cooling in [contacts] says, 24 hours. The contacts that were there before and the primary mail address get a notice. What an import or a sync brings counts at once. Where write_back is configured, those with --registered are written into the directory too, once they count."
}

func (contactsSet) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey contacts set alice --email alice@home.example --mobile '+49 1512 3456789'",
			"latchkey contacts set alice --at-once --email alice@home.example # from a form that was checked",
			"latchkey contacts set --id=entryUUID:00112233445566778899aabbccddeeff --email a@home.example",
		},
		see: []string{"latchkey contacts confirm", "latchkey contacts show", "latchkey contacts import"},
	}
}

func (c contactsSet) Run(ctx context.Context, app *application) error {
	if len(c.Email)+len(c.Mobile) == 0 {
		return usageError("give at least one --email or --mobile; `latchkey contacts delete` removes all")
	}
	return c.with(ctx, app, writes, func(d *desk, directory, person string) error {
		added, err := c.normal(d.rules)
		if err != nil {
			return err
		}
		now, err := d.notices.Now(ctx)
		if err != nil {
			return err
		}
		event := audit.Event{Kind: audit.ContactsChanged, Directory: directory, Person: person, Reason: c.reason(d.rules.Cooling.Std())}
		entry := contact.Entry{Addresses: added, Source: c.source(), At: now, Rest: d.rules.Cooling.Std(), AtOnce: c.AtOnce}
		var before, after contact.Card
		err = app.recorded(ctx, d, event, func() error {
			if err := d.ready(ctx); err != nil {
				return err
			}
			return d.contacts.Update(ctx, directory, person, func(card *contact.Card) error {
				before = *card
				before.Person = person
				card.Contacts = card.Entered(entry)
				after = *card
				return nil
			})
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(app.out, "Set %s.\n", counted(len(added), "contact"))
		told := alterations{limit: d.rules.NoticeLimit}
		if one := contact.AlteredByHand(directory, before, after); one != nil {
			told.add(*one)
		}
		err = errors.Join(d.notify(ctx, app, &told), c.await(ctx, app, d, directory, person, after.Contacts))
		if err == nil {
			tellRest(app, entered(after, added), now)
		}
		return err
	})
}

// await has a code sent to the contacts that await one.
func (c contactsSet) await(ctx context.Context, app *application, d *desk, directory, person string, contacts []contact.Contact) error {
	if !slices.ContainsFunc(contacts, contact.Contact.Awaits) {
		return nil
	}
	if _, err := sendCodes(ctx, app, d, c.whom, directory, person, false); err != nil {
		return fmt.Errorf("the contacts are set, but no code is on its way; send it with `latchkey contacts confirm --send`: %w", err)
	}
	return nil
}

// entered are the contacts of a card that are among these addresses.
func entered(card contact.Card, addresses []contact.Address) []contact.Contact {
	return slices.DeleteFunc(slices.Clone(card.Contacts), func(c contact.Contact) bool {
		return !slices.Contains(addresses, contact.Address{Kind: c.Kind, Value: c.Value})
	})
}

// tellRest says from when on contacts may be used, where that is not now. That time
// alone lets none be used that awaits its code.
func tellRest(app *application, contacts []contact.Contact, now time.Time) {
	var last time.Time
	for _, c := range contacts {
		if c.UsableFrom.After(last) {
			last = c.UsableFrom
		}
	}
	if !last.After(now) {
		return
	}
	proviso := ""
	if slices.ContainsFunc(contacts, contact.Contact.Awaits) {
		proviso = ", if its code came back"
	}
	fmt.Fprintf(app.out, "What is new is used for resets from %s on%s.\n", last.UTC().Format("2006-01-02 15:04 UTC"), proviso)
}

// reason is what the audit says was done: how long contacts rest, the surroundings
// of a command can say otherwise than the configuration.
func (c contactsSet) reason(rest time.Duration) string {
	if c.AtOnce {
		return "set_at_once"
	}
	return "set cooling=" + rest.String()
}

// normal returns the typed contacts in their normal form.
func (c contactsSet) normal(rules contact.Config) ([]contact.Address, error) {
	var added []contact.Address
	var errs []error
	add := func(kind contact.Kind, values []string) {
		for _, value := range values {
			normal, err := rules.Normal(kind, value)
			if err != nil {
				errs = append(errs, fmt.Errorf("--%s: %w", kind, err))
				continue
			}
			added = append(added, contact.Address{Kind: kind, Value: normal})
		}
	}
	add(contact.Email, c.Email)
	add(contact.Mobile, c.Mobile)
	return added, errors.Join(errs...)
}

// source is who has the contacts from whom.
func (c contactsSet) source() contact.Source {
	if c.Registered {
		return contact.Registered
	}
	return contact.Staff
}
