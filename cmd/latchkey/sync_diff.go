package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"latchkey/internal/contact"
	"latchkey/ldapsync"
)

type syncDiff struct {
	Directory string `placeholder:"NAME" help:"The [[directory]] to read, if several have a [[sync]]; without it, all are read."`
	JSON      bool   `name:"json" help:"Print JSON, one line for each person whose contacts would change."`
}

// Help is shown by --help.
func (syncDiff) Help() string {
	return "It reads the whole directory as sync --once does and tells, for each contact card that would change, what would be added (+) and removed (-), masked. Also what a follower holds back until it is approved is shown. Nothing is written."
}

func (syncDiff) lesson() lesson {
	return lesson{
		examples: []string{"latchkey sync diff", "latchkey sync diff --directory=main --json"},
		no:       "when something would change",
		see:      []string{"latchkey sync --once", "latchkey sync approve", "docs/sync.md"},
	}
}

func (c syncDiff) Run(ctx context.Context, app *application) (err error) {
	_, sections, err := app.syncs(c.Directory)
	if err != nil {
		return err
	}
	d, err := app.openDesk(ctx, reads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	changed := 0
	var failures []error
	for _, section := range sections {
		n, err := c.compare(ctx, app, d, section)
		changed += n
		if ctx.Err() != nil {
			return stoppedError("not everyone was compared; run it again")
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("directory %s: %w", section.Directory, err))
		}
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if changed > 0 {
		return no(nil)
	}
	return nil
}

// compare prints the differences of one directory and returns how many cards
// would change.
func (c syncDiff) compare(ctx context.Context, app *application, d *desk, section ldapsync.Config) (int, error) {
	people, err := d.choose(section.Directory)
	if err != nil {
		return 0, err
	}
	meter, cards, added, removed := app.listMeter(), 0, 0, 0
	var failure error
	syncer := ldapsync.Syncer{
		Config: section, Rules: d.rules, Source: people, Cards: d.contacts, DryRun: true,
		Progress: func(p ldapsync.Progress) { meter.show(progress{p.People, p.Estimate, p.Elapsed, "people"}) },
		Differ: func(one ldapsync.Difference) {
			meter.clear()
			cards, added, removed = cards+1, added+len(one.Added), removed+len(one.Removed)
			failure = errors.Join(failure, c.print(app.out, one))
		},
	}
	report, err := syncer.Run(ctx)
	meter.clear()
	summary := app.out.out
	if c.JSON {
		summary = app.err
	}
	fmt.Fprintf(summary, "%s: %d people read in %.1f s; %s would change: %s added, %d removed.\n",
		printable(section.Directory), report.People, report.Seconds, counted(cards, "card"), counted(added, "contact"), removed)
	return cards, errors.Join(err, failure)
}

// differing is a line of JSON.
type differing struct {
	Directory string            `json:"directory"`
	Person    string            `json:"person"`
	Added     []contact.Contact `json:"added"`
	Removed   []contact.Contact `json:"removed"`
}

func (c syncDiff) print(out io.Writer, one ldapsync.Difference) error {
	if c.JSON {
		return printJSON(out, differing{one.Directory, one.Person, masked(one.Added), masked(one.Removed)})
	}
	var b strings.Builder
	for _, part := range []struct {
		sign     string
		contacts []contact.Contact
	}{{"-", one.Removed}, {"+", one.Added}} {
		for _, known := range masked(part.contacts) {
			fmt.Fprintf(&b, "%s %s %s %s", part.sign, one.Person, known.Kind, known.Value)
			if known.Unverified {
				b.WriteString(" unverified")
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func masked(contacts []contact.Contact) []contact.Contact {
	shown := make([]contact.Contact, len(contacts))
	for i, one := range contacts {
		one.Value = contact.Mask(one.Kind, one.Value)
		shown[i] = one
	}
	return shown
}
