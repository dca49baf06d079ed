package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"latchkey/internal/contact"
)

type contactsImport struct {
	File      string `arg:"" help:"The CSV file; - is the standard input."`
	Directory string `placeholder:"NAME" help:"The [[directory]] of rows that name none, if there are several."`
	DryRun    bool   `help:"Report what would be imported and write nothing."`
	SkipBad   bool   `help:"Import the good rows of a file that has bad ones."`
	JSON      bool   `name:"json" help:"Print the counts as JSON."`
}

// Help is shown by --help.
func (contactsImport) Help() string {
	return "The first line names the columns: login, email, mobile and perhaps directory. A person with several addresses has several rows. What was imported for a person before is replaced; contacts set by hand stay, and so does everyone who is not in the file. When a row is bad, each bad row is told by its line and nothing is imported."
}

func (c contactsImport) Run(ctx context.Context, app *application) (err error) {
	in := app.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("read the contacts: %w", err)
		}
		defer f.Close()
		in = f
	}
	d, err := app.openDesk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	importer := contact.Importer{
		Config: d.rules, Store: d.contacts, Resolver: d, Directory: c.Directory, DryRun: c.DryRun, SkipBad: c.SkipBad,
	}
	if only, err := d.choose(c.Directory); err == nil {
		importer.Directory = only.Name()
	} else if c.Directory != "" {
		return err
	}
	result, err := importer.Import(ctx, in)
	for _, bad := range result.Errors {
		fmt.Fprintln(app.err, bad)
	}
	for _, warning := range result.Warnings {
		fmt.Fprintf(app.err, "warning: %v\n", warning)
	}
	if errors.Is(err, contact.ErrBadRows) {
		return fmt.Errorf("%w: %d of %d; mend them, or leave them out with --skip-bad", err, result.Bad, result.Rows)
	}
	if err != nil {
		return err
	}
	return c.report(app.out, result)
}

func (c contactsImport) report(out io.Writer, result contact.Result) error {
	if c.JSON {
		return printJSON(out, map[string]any{
			"rows": result.Rows, "bad": result.Bad, "people": result.People, "contacts": result.Contacts, "written": !c.DryRun,
		})
	}
	verb := "Imported"
	if c.DryRun {
		verb = "Would import"
	}
	_, err := fmt.Fprintf(out, "%s %s of %d people.\n", verb, counted(result.Contacts, "contact"), result.People)
	return err
}
