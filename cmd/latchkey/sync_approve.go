package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
	"latchkey/ldapsync"
)

type syncApprove struct {
	Directory string `placeholder:"NAME" help:"The [[directory]] that is meant, if several have a [[sync]]."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (syncApprove) Help() string {
	return "A directory that is followed may lose only so many contacts without being asked for: max_removals and max_removals_percent. This lets as many be removed as wait now. The server that leads then reads everything again; were it more by then, it removes none and waits again. An approval counts for a day."
}

func (syncApprove) lesson() lesson {
	return lesson{
		examples: []string{"latchkey sync approve", "latchkey sync approve --directory=main"},
		see:      []string{"latchkey sync", "docs/sync.md"},
	}
}

func (c syncApprove) Run(ctx context.Context, app *application) (err error) {
	loaded, sections, err := app.syncs(c.Directory)
	if err != nil {
		return err
	}
	if len(sections) > 1 {
		return usageError("several directories are synchronized: say which with --directory")
	}
	d, err := app.openDesk(ctx, writes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	keys, err := keyring.Load(loaded.Keys.File)
	if err != nil {
		return err
	}
	directory, ledger := sections[0].Directory, ldapsync.NewLedger(d.store, keys)
	var waiting ldapsync.Waiting
	err = app.newJournal(loaded, d.store, keys).do(ctx, audit.Event{Kind: audit.RemovalsApproved, Directory: directory}, func(e *audit.Event) error {
		waiting, err = ledger.Approve(ctx, directory)
		e.Reason = fmt.Sprintf("people=%d contacts=%d", waiting.People, waiting.Contacts)
		return err
	})
	if err != nil {
		return fmt.Errorf("directory %s: %w", directory, err)
	}
	if c.JSON {
		return printJSON(app.out, waiting)
	}
	_, err = fmt.Fprintf(app.out, "%s: up to %s may be removed, and %s left without any; they have waited since %s.\n",
		directory, counted(waiting.Contacts, "contact"), people(waiting.People), waiting.Since.Format(time.RFC3339))
	return err
}
