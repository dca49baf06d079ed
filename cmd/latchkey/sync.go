package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/ldapsync"
)

type syncCommands struct {
	Once    syncCommand `cmd:"" default:"withargs" hidden:"" help:"Read the directory once."`
	Status  syncStatus  `cmd:"" help:"Tell how far each directory is synchronized, and which values were rejected."`
	Diff    syncDiff    `cmd:"" help:"Tell what a synchronization would change, and change nothing."`
	Approve syncApprove `cmd:"" help:"Let removals happen that wait for approval."`
}

type syncCommand struct {
	Once          bool   `help:"Read the whole directory once. With follow = true in [[sync]], latchkey serve does so by itself all the time."`
	Directory     string `placeholder:"NAME" help:"The [[directory]] to read, if several have a [[sync]]; without it, all are read."`
	DryRun        bool   `help:"Report what would be done and write nothing."`
	AllowRemovals int    `placeholder:"N" help:"Remove up to N contacts this time, whatever max_removals and max_removals_percent say."`
	JSON          bool   `name:"json" help:"Print the report as JSON, one line for each directory."`
}

// Help is shown by --help.
func (syncCommand) Help() string {
	return "It reads people page by page and writes what [[sync]] takes from their entries into their contact cards. Contacts that were set by hand, imported or registered stay. Contacts that the directory no longer has are removed after a whole pass, and only up to max_removals. It can be run again at any time."
}

func (syncCommand) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey sync --once",
			"latchkey sync --once --dry-run # reports and writes nothing",
			"latchkey sync --once --allow-removals=60 # after a pass that refused to remove so many",
		},
		see: []string{"latchkey sync status", "latchkey sync diff", "docs/sync.md"},
	}
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
	loaded, sections, err := app.syncs(c.Directory)
	if err != nil {
		return err
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
	history, journal := ldapsync.NewHistory(d.store, keys), app.newJournal(loaded, d.store, keys)
	ledger := ldapsync.NewLedger(d.store, keys)
	var failures []error
	for _, section := range sections {
		if err := c.recorded(ctx, app, d, section, past{history, ledger}, journal); err != nil {
			failures = append(failures, fmt.Errorf("directory %s: %w", section.Directory, err))
		}
		if ctx.Err() != nil {
			failures = append(failures, stoppedError("nothing was removed; run it again to go on"))
			break
		}
	}
	return errors.Join(failures...)
}

// recorded synchronizes a directory and puts that into the audit.
func (c syncCommand) recorded(ctx context.Context, app *application, d *desk, section ldapsync.Config, history past, j *journal) error {
	if c.DryRun {
		_, err := c.sync(ctx, app, d, section, history, nil)
		return err
	}
	return j.doLong(ctx, audit.Event{Kind: audit.ContactsSynced, Directory: section.Directory}, func(e *audit.Event) ([]audit.Event, error) {
		heard := listener{directory: section.Directory, told: alterations{limit: d.rules.NoticeLimit}}
		report, err := c.sync(ctx, app, d, section, history, heard.altered)
		err = errors.Join(err, d.notify(ctx, app, &heard.told))
		e.Reason = fmt.Sprintf("people=%d cards=%d contacts_removed=%d unlisted=%d", report.People, report.Written, report.Removed, heard.unlisted)
		return heard.named, err
	})
}

// maxNamed is how many people of one run the audit names one by one, as many as of
// an hour of a directory that is followed.
const maxNamed = 1000

// listener hears of the people who had contacts and have other ones.
type listener struct {
	directory string
	told      alterations
	named     []audit.Event
	unlisted  int
}

// altered notes one, and for a notice only who is still there.
func (l *listener) altered(a contact.Alteration, there bool) {
	if there {
		l.told.add(a)
	}
	if len(l.named) == maxNamed {
		l.unlisted++
		return
	}
	l.named = append(l.named, audit.Event{Kind: audit.ContactsChanged, Directory: l.directory, Person: a.Person, Reason: "sync", Outcome: done})
}

// syncs returns the configuration and the [[sync]] sections that are meant: that of
// the directory, or without a name all.
func (a *application) syncs(directory string) (*config.Config, []ldapsync.Config, error) {
	loaded, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	if len(loaded.Syncs) == 0 {
		return nil, nil, usageError("the configuration has no [[sync]]: it says which attributes hold contacts; `latchkey config init` shows one")
	}
	var names []string
	for _, section := range loaded.Syncs {
		if section.Directory == directory {
			return loaded, []ldapsync.Config{section}, nil
		}
		names = append(names, section.Directory)
	}
	if directory == "" {
		return loaded, loaded.Syncs, nil
	}
	return nil, nil, usageError(fmt.Sprintf("no [[sync]] reads a directory %q; there is: %s", directory, strings.Join(names, ", ")))
}

func (c syncCommand) sync(ctx context.Context, app *application, d *desk, section ldapsync.Config, history past, altered func(contact.Alteration, bool)) (ldapsync.Report, error) {
	people, err := d.choose(section.Directory)
	if err != nil {
		return ldapsync.Report{}, err
	}
	last, err := history.Last(ctx, section.Directory)
	if err != nil && !errors.Is(err, ldapsync.ErrNoPast) {
		return ldapsync.Report{}, err
	}
	meter := newMeter(app.err)
	syncer := ldapsync.Syncer{
		Config: section, Rules: d.rules, Source: people, Cards: d.contacts, Expected: last.People,
		DryRun: c.DryRun, AllowRemovals: c.AllowRemovals, Altered: altered,
		Progress: func(p ldapsync.Progress) { meter.show(progress{p.People, p.Estimate, p.Elapsed, "people"}) },
	}
	report, err := c.led(ctx, &syncer, d, history.ledger)
	meter.clear()
	if tooMany, ok := errors.AsType[*ldapsync.TooManyError](err); ok {
		err = fmt.Errorf("%w; if they are, run again with --allow-removals=%d", err, tooMany.Contacts)
	}
	err = errors.Join(err, history.Note(ctx, report))
	if !errors.Is(err, ldapsync.ErrFollowed) {
		err = errors.Join(err, history.Keep(context.WithoutCancel(ctx), report, err))
	}
	if c.JSON {
		return report, errors.Join(err, printJSON(app.out, report))
	}
	c.print(app, report)
	return report, err
}

// past is what is remembered of synchronizations.
type past struct {
	*ldapsync.History

	ledger *ldapsync.Ledger
}

// led runs a pass; one that writes leads meanwhile.
func (c syncCommand) led(ctx context.Context, s *ldapsync.Syncer, d *desk, ledger *ldapsync.Ledger) (ldapsync.Report, error) {
	if c.DryRun {
		return s.Run(ctx)
	}
	leading, term, err := ledger.Lead(ctx, d.contacts, s.Config.Directory)
	if err != nil {
		return ldapsync.Report{Directory: s.Config.Directory}, err
	}
	defer term.End()
	s.Cards = term
	return s.Run(leading)
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
