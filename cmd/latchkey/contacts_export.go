package main

import (
	"context"
	"errors"
	"fmt"

	"latchkey/internal/contact"
)

type contactsExport struct {
	JSON bool `name:"json" help:"Print one JSON object a person, with the permanent id, instead of CSV."`
}

// Help is shown by --help.
func (contactsExport) Help() string {
	return "The addresses and numbers are in clear: keep what is printed as safe as the keyring. People who are gone from the directory have no login and are left out of the CSV; --json shows them too."
}

func (c contactsExport) Run(ctx context.Context, app *application) (err error) {
	d, err := app.openDesk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if c.JSON {
		return d.contacts.Each(ctx, func(card contact.Card) error { return printJSON(app.out, card) })
	}
	login := func(name, person string) (string, error) { return d.login(ctx, name, person) }
	skipped, err := contact.WriteCSV(app.out, d.contacts.All(ctx), login)
	if skipped > 0 {
		fmt.Fprintf(app.err, "%s left out: the directory has no such person any more; --json shows them\n", counted(skipped, "card"))
	}
	return err
}
