package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"latchkey/config"
	"latchkey/internal/keyring"
	"latchkey/ldapsync"
)

type syncCommand struct {
	Once          bool   `help:"Read the whole directory once. There is no other way yet."`
	Directory     string `placeholder:"NAME" help:"The [[directory]] to read, if several have a [[sync]]; without it, all are read."`
	DryRun        bool   `help:"Report what would be done and write nothing."`
	AllowRemovals int    `placeholder:"N" help:"Remove up to N contacts this time, whatever max_removals and max_removals_percent say."`
	JSON          bool   `name:"json" help:"Print the report as JSON, one line for each directory."`
}

// Help is shown by --help.
func (syncCommand) Help() string {
	return "It reads people page by page and writes what [[sync]] takes from their entries into their contact cards. Contacts that were set by hand, imported or registered stay. Contacts that the directory no longer has are removed after a whole pass, and only up to max_removals. It can be run again at any time."
}

// Validate is called by the parser.
func (c syncCommand) Validate() error {
	if !c.Once {
		return errors.New("say --once; the command then reads the whole directory and ends")
	}
	if c.AllowRemovals < 0 {
		return errors.New("--allow-removals is a number of contacts")
	}
	return nil
}

func (c syncCommand) Run(ctx context.Context, app *application) (err error) {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	sections, err := c.sections(loaded)
	if err != nil {
		return err
	}
	d, err := app.openDesk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	keys, err := keyring.Load(loaded.Keys.File)
	if err != nil {
		return err
	}
	history := ldapsync.NewHistory(d.store, keys)
	var failures []error
	for _, section := range sections {
		if err := c.sync(ctx, app, d, section, history); err != nil {
			failures = append(failures, fmt.Errorf("directory %s: %w", section.Directory, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// sections returns the [[sync]] sections that are meant.
func (c syncCommand) sections(loaded *config.Config) ([]ldapsync.Config, error) {
	if len(loaded.Syncs) == 0 {
		return nil, usageError("the configuration has no [[sync]]: it says which attributes hold contacts; `latchkey config init` shows one")
	}
	var names []string
	for _, section := range loaded.Syncs {
		if section.Directory == c.Directory {
			return []ldapsync.Config{section}, nil
		}
		names = append(names, section.Directory)
	}
	if c.Directory == "" {
		return loaded.Syncs, nil
	}
	return nil, usageError(fmt.Sprintf("no [[sync]] reads a directory %q; there is: %s", c.Directory, strings.Join(names, ", ")))
}

func (c syncCommand) sync(ctx context.Context, app *application, d *desk, section ldapsync.Config, history *ldapsync.History) error {
	people, err := d.choose(section.Directory)
	if err != nil {
		return err
	}
	past, err := history.Last(ctx, section.Directory)
	if err != nil && !errors.Is(err, ldapsync.ErrNoPast) {
		return err
	}
	meter := newMeter(app.err)
	syncer := ldapsync.Syncer{
		Config: section, Rules: d.rules, Source: people, Cards: d.contacts, Expected: past.People,
		DryRun: c.DryRun, AllowRemovals: c.AllowRemovals, Progress: meter.show,
	}
	report, err := syncer.Run(ctx)
	meter.clear()
	if tooMany, ok := errors.AsType[*ldapsync.TooManyError](err); ok {
		err = fmt.Errorf("%w; if they are, run again with --allow-removals=%d", err, tooMany.Contacts)
	}
	err = errors.Join(err, history.Note(ctx, report))
	if c.JSON {
		return errors.Join(err, printJSON(app.out, report))
	}
	c.print(app, report)
	return err
}

// print tells what was done; refused values go to the other output, one a line.
func (c syncCommand) print(app *application, r ldapsync.Report) {
	for _, rejection := range r.Rejections {
		fmt.Fprintf(app.err, "rejected: %s, %s: %s\n", rejection.Person, rejection.Attribute, rejection.Reason)
	}
	written, removed, gone := "written", "removed", r.Removed
	if r.DryRun {
		written, removed, gone = "to write", "to remove", r.Missing
	}
	fmt.Fprintf(app.out, "%s: %d people read in %.1f s, %d with %s.\n", r.Directory, r.People, r.Seconds, r.WithContacts, counted(r.Contacts, "contact"))
	fmt.Fprintf(app.out, "  cards      %d %s, %d unchanged\n", r.Written, written, r.Unchanged)
	fmt.Fprintf(app.out, "  contacts   %d %s\n", gone, removed)
	if r.Rejected > 0 {
		fmt.Fprintf(app.out, "  rejected   %s\n", counted(r.Rejected, "value"))
		for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
			fmt.Fprintf(app.out, "    %6d   %s\n", r.Reasons[reason], reason)
		}
	}
	if r.Shared > 0 {
		fmt.Fprintf(app.err, "warning: %s shared by %d people; %d of them by more than five\n", counted(r.Shared, "contact"), r.SharedPeople, r.WidelyShared)
	}
	if r.Unreadable > 0 {
		fmt.Fprintf(app.err, "warning: %s cannot be read and stayed as they are\n", counted(r.Unreadable, "contact card"))
	}
}
