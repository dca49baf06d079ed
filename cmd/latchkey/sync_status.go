package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"latchkey/ldapsync"
	"latchkey/ldapsync/writeback"
)

type syncStatus struct {
	Directory string `placeholder:"NAME" help:"The [[directory]] that is meant, if several have a [[sync]]; without it, all are told of."`
	JSON      bool   `name:"json" help:"Print JSON, one line for each directory."`
}

// Help is shown by --help.
func (syncStatus) Help() string {
	return "Of a directory that is followed it tells how, how long ago the contact cards were last known to be as the directory is (the lag), and what came of the changes; of one that is read by sync --once, what came of the last time. Rejected values are told by the permanent id, the attribute and the reason, never by what they say: look them up with ldapsearch. Where contacts are written back, it tells how many wait and what the directory refused. It asks Redis only."
}

func (syncStatus) lesson() lesson {
	return lesson{
		examples: []string{"latchkey sync status", "latchkey sync status --json"},
		no:       "when a directory was never synchronized, its last synchronization failed, removals wait for approval, nobody follows it although follow is set, or contacts are not written back",
		see:      []string{"latchkey sync diff", "latchkey sync approve", "docs/sync.md"},
	}
}

// directoryStatus is what is known of one directory.
type directoryStatus struct {
	Directory string `json:"directory"`
	// Follow is what the configuration says, Led whether an instance does so now.
	Follow bool `json:"follow"`
	Led    bool `json:"led"`
	// Lag is in seconds.
	Lag *float64 `json:"lag_seconds,omitempty"`
	// Following is what a follower noted, Once what the last sync --once did.
	Following  *ldapsync.Status     `json:"following,omitempty"`
	Once       *ldapsync.LastPass   `json:"once,omitempty"`
	Rejections []ldapsync.Rejection `json:"rejections"`
	// WriteBack is there where contacts are written into the directory.
	WriteBack *writeBackStatus `json:"write_back,omitempty"`
	// Problem is what is not in order.
	Problem string `json:"problem,omitempty"`
}

func (c syncStatus) Run(ctx context.Context, app *application) (err error) {
	loaded, sections, err := app.syncs(c.Directory)
	if err != nil {
		return err
	}
	s, keys, err := openStore(loaded)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := reads.check(ctx, s, keys); err != nil {
		return err
	}
	known := knownPasts{ldapsync.NewLedger(s, keys), ldapsync.NewHistory(s, keys), writeback.NewLedger(s, keys)}
	inOrder := true
	for _, section := range sections {
		one, err := known.of(ctx, section, time.Now())
		if err != nil {
			return fmt.Errorf("directory %s: %w", section.Directory, err)
		}
		inOrder = inOrder && one.Problem == ""
		if c.JSON {
			err = printJSON(app.out, one)
		} else {
			err = one.print(app.out)
		}
		if err != nil {
			return err
		}
	}
	if !inOrder {
		return no(nil)
	}
	return nil
}

// knownPasts is where synchronizations are noted.
type knownPasts struct {
	ledger  *ldapsync.Ledger
	history *ldapsync.History
	written *writeback.Ledger
}

func (k knownPasts) of(ctx context.Context, section ldapsync.Config, now time.Time) (*directoryStatus, error) {
	s := &directoryStatus{Directory: section.Directory, Follow: section.Follow, Rejections: []ldapsync.Rejection{}}
	following, err := k.ledger.Status(ctx, section.Directory)
	switch {
	case errors.Is(err, ldapsync.ErrNoPast):
	case err != nil:
		return nil, err
	default:
		s.Following = &following
		if !following.InStepAt.IsZero() {
			lag := max(0, now.Sub(following.InStepAt)).Seconds()
			s.Lag = &lag
		}
	}
	if s.Led, err = k.ledger.Led(ctx, section.Directory); err != nil {
		return nil, err
	}
	once, err := k.history.LastPass(ctx, section.Directory)
	switch {
	case errors.Is(err, ldapsync.ErrNoPast):
	case err != nil:
		return nil, err
	default:
		s.Once = &once
	}
	if s.WriteBack, err = writeBackOf(ctx, k.written, section.Directory, section.WriteBack.On()); err != nil {
		return nil, err
	}
	s.Problem = cmp.Or(s.problem(), s.WriteBack.problem())
	return s, k.reject(ctx, s)
}

// reject adds the values that may not be contacts: those of the follower, or of
// the last pass where that is how the directory is read.
func (k knownPasts) reject(ctx context.Context, s *directoryStatus) (err error) {
	if s.Follow {
		err = k.ledger.Rejections(ctx, s.Directory, func(r ldapsync.Rejection) error {
			s.Rejections = append(s.Rejections, r)
			return nil
		})
	} else if s.Once != nil {
		s.Rejections = append(s.Rejections, s.Once.Report.Rejections...)
	}
	if s.Once != nil {
		s.Once.Report.Rejections = nil
	}
	slices.SortFunc(s.Rejections, func(a, b ldapsync.Rejection) int {
		return slices.Compare([]string{a.Person, a.Attribute, a.Reason}, []string{b.Person, b.Attribute, b.Reason})
	})
	return err
}

const firstReading = "it is being read for the first time"

// problem is what is not in order, and what to do.
func (s *directoryStatus) problem() string {
	f := s.Following
	switch {
	case s.Follow && !s.Led:
		return "no server follows it: look whether latchkey serve runs, and into its log"
	case s.Follow && f == nil:
		return firstReading
	case s.Follow && f.Waiting != nil && f.Waiting.Reason == ldapsync.Nobody:
		return "the directory shows nobody, so nobody is removed: check filter and base_dn, and the rights of the service account"
	case s.Follow && f.Waiting != nil:
		return fmt.Sprintf("%d of %d contacts wait to be removed, and %d of %d people would have none left: look at `latchkey sync diff`, and then `latchkey sync approve`",
			f.Waiting.Contacts, f.Waiting.OfContacts, f.Waiting.People, f.Waiting.OfPeople)
	case s.Follow && f.FailureAt.After(f.InStepAt):
		return f.Failure
	case s.Follow && f.InStepAt.IsZero():
		return firstReading
	case !s.Follow && s.Once == nil:
		return "it was never synchronized: `latchkey sync --once`"
	case !s.Follow && s.Once.Failure != "":
		return s.Once.Failure
	}
	return ""
}

func (s *directoryStatus) print(out io.Writer) error {
	w := &printer{out: out}
	row := func(name, format string, values ...any) {
		fmt.Fprintf(w, "  %-12s %s\n", name, fmt.Sprintf(format, values...))
	}
	how := "read by sync --once"
	switch {
	case s.Following != nil && s.Follow:
		how = "followed by " + s.Following.Source
	case s.Follow:
		how = "to be followed"
	}
	fmt.Fprintf(w, "%s: %s\n", printable(s.Directory), how)
	if s.Problem != "" {
		row("problem", "%s", printable(s.Problem))
	}
	switch {
	case s.Following != nil && s.Follow:
		s.printFollowing(row)
	case s.Once != nil:
		r := s.Once.Report
		row("last time", "%s, %d people in %.1f s, %d with %s", s.Once.At.Format(time.RFC3339), r.People, r.Seconds, r.WithContacts, counted(r.Contacts, "contact"))
		row("cards", "%d written, %d unchanged, %d unreadable", r.Written, r.Unchanged, r.Unreadable)
		row("contacts", "%d removed, %d missing", r.Removed, r.Missing)
		rowShared(row, ldapsync.Shared{Contacts: r.Shared, People: r.SharedPeople, Widely: r.WidelyShared})
		if r.Unidentified > 0 {
			row("unidentified", "%d entries do not show their permanent id", r.Unidentified)
		}
	}
	s.WriteBack.print(w, row)
	s.printRejections(w)
	return w.err
}

func (s *directoryStatus) printFollowing(row func(name, format string, values ...any)) {
	f := s.Following
	if s.Lag != nil {
		row("lag", "%.1f s", *s.Lag)
	}
	if !f.ChangedAt.IsZero() {
		row("last change", "%s", f.ChangedAt.Format(time.RFC3339))
	}
	if !f.FullAt.IsZero() {
		row("read whole", "%s, %d people, %d with contacts", f.FullAt.Format(time.RFC3339), f.People, f.WithContacts)
	}
	c := f.Counts
	row("told", "%d found, %d present, %d gone, %d unidentified", c.Found, c.Present, c.Gone, c.Unidentified)
	row("cards", "%d written, %d unchanged, %d held back, %d unreadable", c.Written, c.Unchanged, c.Held, c.Unreadable)
	row("contacts", "%d removed, %d rejected", c.Removed, c.Rejected)
	rowShared(row, f.Shared)
}

// rowShared tells what several people have in common.
func rowShared(row func(name, format string, values ...any), s ldapsync.Shared) {
	if s.Contacts > 0 {
		row("shared", "%s of %d people; %d of more than five", counted(s.Contacts, "contact"), s.People, s.Widely)
	}
}

// printRejections counts the reasons and then tells each value.
func (s *directoryStatus) printRejections(w io.Writer) {
	if len(s.Rejections) == 0 {
		return
	}
	reasons := make(map[string]int)
	for _, r := range s.Rejections {
		reasons[r.Reason]++
	}
	fmt.Fprintf(w, "  rejected\n")
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(w, "    %6d   %s\n", reasons[reason], printable(reason))
	}
	for _, r := range s.Rejections {
		fmt.Fprintf(w, "rejected: %s, %s: %s\n", r.Person, printable(r.Attribute), printable(r.Reason))
	}
}
