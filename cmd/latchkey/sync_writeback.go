package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"latchkey/ldapsync/writeback"
)

// writeBackStatus is what is known of contacts that are written into a directory.
type writeBackStatus struct {
	// Led tells whether an instance does that now.
	Led bool `json:"led"`
	writeback.Status
	Refusals []writeback.Refusal `json:"refusals"`
}

// writeBackOf returns nil where nothing is written back.
func writeBackOf(ctx context.Context, ledger *writeback.Ledger, directory string, on bool) (*writeBackStatus, error) {
	if !on {
		return nil, nil
	}
	var s writeBackStatus
	var err error
	if s.Status, err = ledger.Status(ctx, directory); err != nil && !errors.Is(err, writeback.ErrNoPast) {
		return nil, err
	}
	if s.Led, err = ledger.Led(ctx, directory); err != nil {
		return nil, err
	}
	if s.Refusals, err = ledger.Refusals(ctx, directory); err != nil {
		return nil, err
	}
	slices.SortFunc(s.Refusals, func(a, b writeback.Refusal) int {
		return cmp.Or(cmp.Compare(a.Person, b.Person), cmp.Compare(a.Attribute, b.Attribute), cmp.Compare(a.Reason, b.Reason))
	})
	return &s, nil
}

// problem is what is not in order, and what to do.
func (s *writeBackStatus) problem() string {
	switch {
	case s == nil:
		return ""
	case !s.Led:
		return "no server writes contacts back: look whether latchkey serve runs, and into its log"
	case s.Failure != "":
		return "contacts are not written back: " + s.Failure
	case len(s.Refusals) > 0:
		return fmt.Sprintf("the directory refuses contacts of %d people, who are named below", s.people())
	}
	return ""
}

func (s *writeBackStatus) people() int {
	people := make(map[string]bool)
	for _, r := range s.Refusals {
		people[r.Person] = true
	}
	return len(people)
}

func (s *writeBackStatus) print(out io.Writer, row func(name, format string, values ...any)) {
	if s == nil {
		return
	}
	row("written back", "%d added, %d removed, %d refused, %d people wait", s.Counts.Added, s.Counts.Removed, s.Counts.Refused, s.Waiting)
	for _, r := range s.Refusals {
		fmt.Fprintf(out, "refused: %s, %s: %s, since %s\n", printable(r.Person), printable(cmp.Or(r.Attribute, "the entry")), printable(r.Reason), r.Since.Format(time.RFC3339))
	}
}
