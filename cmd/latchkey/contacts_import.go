package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
)

type contactsImport struct {
	File      string `arg:"" completion:"file" help:"The file: CSV with the columns login, email and mobile, or JSON Lines as export prints them; - is the standard input."`
	Directory string `placeholder:"NAME" help:"The [[directory]] of rows that name none, if there are several."`
	DryRun    bool   `help:"Report what would be imported and write nothing."`
	SkipBad   bool   `help:"Import the good rows of a file that has bad ones."`
	FromLine  int    `placeholder:"N" help:"Pass over everything above line N, to go on with an import that was stopped."`
	JSON      bool   `name:"json" help:"Print the counts as JSON."`
}

// Help is shown by --help.
func (contactsImport) Help() string {
	return "The first line names the columns: login, email, mobile and perhaps directory. A person with several addresses has several rows. What was imported for a person before is replaced; contacts set by hand stay, and so does everyone who is not in the file. When a row is bad, each bad row is told by its line and nothing is imported.\n\nA line of JSON Lines is an object with login or person (the permanent id), and email, mobile (a text or a list each) or contacts, and perhaps directory.\n\nA file is read twice and can be of any size; keep the rows of a person together. What comes by the standard input is kept in memory. An import that was stopped can be run again, and says from which line it can go on."
}

func (contactsImport) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey contacts import people.csv",
			"latchkey contacts import people.csv --dry-run # looks at every row and writes nothing",
			"latchkey contacts import people.jsonl --from-line=20001 # goes on where it was stopped",
			"latchkey contacts import - --json < people.csv",
		},
		no:  "when rows are bad and nothing was imported",
		see: []string{"latchkey contacts export", "latchkey sync"},
	}
}

// Validate is called by the parser.
func (c contactsImport) Validate() error {
	if c.FromLine < 0 {
		return errors.New("--from-line is the number of a line")
	}
	return nil
}

func (c contactsImport) Run(ctx context.Context, app *application) (err error) {
	in := io.Reader(patientReader{ctx, app.in})
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("read the contacts: %w", err)
		}
		defer f.Close()
		in = f
	}
	d, err := app.openDesk(ctx, writes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	importer := contact.Importer{
		Config: d.rules, Store: d.contacts, Resolver: d, Directory: c.Directory, DryRun: c.DryRun, SkipBad: c.SkipBad,
		FromLine: c.FromLine,
	}
	if only, err := d.choose(c.Directory); err == nil {
		importer.Directory = only.Name()
	} else if c.Directory != "" {
		return err
	}
	if c.DryRun {
		_, err = c.importFrom(ctx, app, &importer, in)
		return err
	}
	j, err := app.deskJournal(d)
	if err != nil {
		return err
	}
	told := alterations{limit: d.rules.NoticeLimit}
	importer.Altered = told.add
	importer.Written = func(ctx context.Context, some []contact.Owner) error { return j.record(ctx, changedByImport(some)...) }
	return j.doLong(ctx, audit.Event{Kind: audit.ContactsImported}, func(e *audit.Event) ([]audit.Event, error) {
		result, err := c.importFrom(ctx, app, &importer, in)
		err = errors.Join(err, d.notify(ctx, app, &told))
		e.Reason = fmt.Sprintf("people=%d contacts=%d changed=%d", result.People, result.Contacts, result.Changed)
		return nil, err
	})
}

// changedByImport is an event for each person whose contacts are not what they
// were.
func changedByImport(some []contact.Owner) []audit.Event {
	events := make([]audit.Event, len(some))
	for i, one := range some {
		events[i] = audit.Event{Kind: audit.ContactsChanged, Directory: one.Directory, Person: one.Person, Reason: "import", Outcome: done}
	}
	return events
}

// importFrom imports, and tells of bad rows and of what was done.
func (c contactsImport) importFrom(ctx context.Context, app *application, importer *contact.Importer, in io.Reader) (contact.Result, error) {
	meter, began := newMeter(app.err), time.Now()
	rows := 0
	importer.Fault = func(bad contact.RowError) { meter.clear(); fmt.Fprintln(app.err, bad) }
	importer.Warning = func(warning contact.RowError) { meter.clear(); fmt.Fprintf(app.err, "warning: %v\n", warning) }
	importer.Progress = func(writing bool, n int) {
		shown := progress{done: n, elapsed: time.Since(began), what: "rows looked at"}
		if writing {
			shown.estimate, shown.what = rows, "rows written"
		} else {
			rows = n
		}
		meter.show(shown)
	}
	result, err := importer.Import(ctx, in)
	meter.clear()
	switch {
	case errors.Is(err, contact.ErrBadRows):
		return result, no(fmt.Errorf("%w: %d of %d; mend them, or leave them out with --skip-bad", err, result.Bad, result.Rows))
	case ctx.Err() != nil && result.Changed == 0 && result.NextLine == 0:
		return result, stoppedError("nothing was imported")
	case ctx.Err() != nil:
		return result, stoppedError(fmt.Sprintf("the contacts of %d of %s were changed; run it again to go on%s", result.Changed, people(result.People), goOn(result)))
	case err != nil && result.NextLine > 0:
		return result, fmt.Errorf("%w; run it again to go on%s", err, goOn(result))
	case err != nil:
		return result, err
	}
	return result, c.report(app.out, result)
}

// goOn says how an import that was stopped need not begin anew.
func goOn(result contact.Result) string {
	if result.NextLine == 0 {
		return ""
	}
	return fmt.Sprintf(", or from where it stopped with --from-line=%d", result.NextLine)
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func (c contactsImport) report(out io.Writer, result contact.Result) error {
	if c.JSON {
		return printJSON(out, struct {
			Rows     int  `json:"rows"`
			Bad      int  `json:"bad"`
			People   int  `json:"people"`
			Contacts int  `json:"contacts"`
			Changed  int  `json:"changed"`
			Written  bool `json:"written"`
		}{result.Rows, result.Bad, result.People, result.Contacts, result.Changed, !c.DryRun})
	}
	verb := "Imported"
	if c.DryRun {
		verb = "Would import"
	}
	_, err := fmt.Fprintf(out, "%s %s of %s.\n", verb, counted(result.Contacts, "contact"), people(result.People))
	return err
}
