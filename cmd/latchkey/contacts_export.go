package main

import (
	"context"
	"encoding/csv"
	"errors"
	"time"

	"latchkey/internal/contact"
)

type contactsExport struct {
	Directory string `placeholder:"NAME" help:"The name of the [[directory]], if there are several."`
	JSON      bool   `name:"json" help:"Print one JSON object a person instead of CSV."`
}

func (c contactsExport) Run(ctx context.Context, app *application) (err error) {
	d, err := app.openDesk(ctx, c.Directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	table := csv.NewWriter(app.out)
	write := func(card contact.Card) error { return writeRows(table, card) }
	if c.JSON {
		write = func(card contact.Card) error { return printJSON(app.out, card) }
	} else if err := table.Write([]string{"person", "kind", "value", "source", "added_at"}); err != nil {
		return err
	}
	err = d.contacts.Each(ctx, func(card contact.Card) error {
		if card.Directory != d.people.Name() {
			return nil
		}
		return write(card)
	})
	table.Flush()
	return errors.Join(err, table.Error())
}

func writeRows(table *csv.Writer, card contact.Card) error {
	for _, known := range card.Contacts {
		row := []string{card.Person, string(known.Kind), known.Value, string(known.Source), known.AddedAt.Format(time.RFC3339)}
		if err := table.Write(row); err != nil {
			return err
		}
	}
	return nil
}
