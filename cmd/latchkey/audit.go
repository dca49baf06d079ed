package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/keyring"
)

type auditCommands struct {
	Verify auditVerify `cmd:"" help:"Check the chain, and name the first place that is wrong."`
	Export auditExport `cmd:"" help:"Print the lines of this instance."`
	Search auditSearch `cmd:"" help:"Find what happened to a person or a recovery, on all instances."`
}

// period bounds lines by their time.
type period struct {
	From moment `placeholder:"TIME" help:"The first moment: 2026-11-23, or 2026-11-23T08:00:00Z. Days are in UTC."`
	To   moment `placeholder:"TIME" help:"The end: a moment that is left out, or a day that is the last."`
}

// filter returns a filter with the bounds.
func (p period) filter() audit.Filter {
	f := audit.Filter{From: p.From.Time, To: p.To.Time}
	if p.To.day {
		f.To = f.To.AddDate(0, 0, 1)
	}
	return f
}

// moment is a day or a time.
type moment struct {
	time.Time
	day bool
}

// UnmarshalText reads the forms that the help shows.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.DateOnly, string(text)); err == nil {
		m.day = true
		return nil
	}
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is neither a day such as 2026-11-23 nor a time such as 2026-11-23T08:00:00Z", text)
	}
	return nil
}

type auditVerify struct {
	Dir  string `placeholder:"DIR" help:"A copy of a directory to check, instead of that of [audit]."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (auditVerify) Help() string {
	return "It needs the keyring and may run while the instance serves. It exits with 1 when the chain does not hold. A chain that holds was not changed by anybody without the keyring; docs/audit.md says what that does not prove."
}

func (c auditVerify) Run(app *application) error {
	loaded, keys, err := app.loadAudit()
	if err != nil {
		return err
	}
	if c.Dir != "" {
		loaded.Audit.Dir = c.Dir
	}
	report, err := audit.Verify(loaded.Audit.Dir, keys)
	broken, isBroken := errors.AsType[*audit.BrokenError](err)
	if err != nil && !isBroken {
		return err
	}
	if c.JSON {
		return errors.Join(err, printJSON(app.out, struct {
			Good bool `json:"good"`
			audit.Report
			Broken *audit.BrokenError `json:"broken,omitempty"`
		}{err == nil, report, broken}))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(app.out, "The chain of %s holds: lines %d to %d in %s, from %s to %s.\n", report.Instance, report.First, report.Last,
		counted(report.Files, "file"), report.From.Format(time.RFC3339), report.To.Format(time.RFC3339))
	if report.First > 1 {
		fmt.Fprintf(app.out, "Lines 1 to %d expired.\n", report.First-1)
	}
	if report.Unfinished > 0 {
		fmt.Fprintf(app.out, "%s follow: a line that is being written, or was when the instance died.\n", counted(int(report.Unfinished), "byte"))
	}
	return nil
}

type auditExport struct {
	period

	Format string `enum:"jsonl,csv" default:"jsonl" help:"jsonl: the lines as they are, with hashes and MACs; csv: for spreadsheets."`
}

// Help is shown by --help.
func (auditExport) Help() string {
	return "All lines are printed, also of a chain that does not hold; then it says so and exits with 1."
}

func (c auditExport) Run(app *application) error {
	loaded, keys, err := app.loadAudit()
	if err != nil {
		return err
	}
	_, broken := audit.Verify(loaded.Audit.Dir, keys)
	lines := chosen(audit.Lines(loaded.Audit.Dir), c.filter())
	if c.Format == "csv" {
		return errors.Join(audit.WriteCSV(app.out, lines), broken)
	}
	for line, err := range lines {
		if err == nil {
			err = app.printLine(line)
		}
		if err != nil {
			return errors.Join(err, broken)
		}
	}
	return broken
}

// chosen leaves out the lines that do not fit.
func chosen(lines iter.Seq2[audit.Line, error], f audit.Filter) iter.Seq2[audit.Line, error] {
	return func(yield func(audit.Line, error) bool) {
		for line, err := range lines {
			if (err != nil || f.Fits(line)) && !yield(line, err) {
				return
			}
		}
	}
}

// printLine writes a line byte by byte as it stands in its file.
func (a *application) printLine(line audit.Line) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}

type auditSearch struct {
	period

	Person    string `placeholder:"ID" help:"The permanent id of a person, as contacts export --json prints it."`
	Login     string `help:"The login of a person, who is looked up in the directory."`
	Directory string `placeholder:"NAME" help:"The name of the [[directory]], if there are several."`
	Recovery  string `placeholder:"ID" help:"The id of a recovery, as the log shows it."`
	Kind      string `help:"A kind of event, such as write_ended."`
	JSON      bool   `name:"json" help:"Print the lines as they are."`
}

// Help is shown by --help.
func (auditSearch) Help() string {
	return "It looks into the files of this instance and into Redis, where the newest lines of all instances are. What must be complete is in the files of each instance."
}

// Validate is called by the parser.
func (c auditSearch) Validate() error {
	switch {
	case c.Person != "" && c.Login != "":
		return errors.New("name a person by --person or by --login, not both")
	case c.Person+c.Login+c.Recovery+c.Kind == "":
		return errors.New("say what to search: --person, --login, --recovery or --kind")
	}
	return nil
}

func (c auditSearch) Run(ctx context.Context, app *application) error {
	filter, err := c.wanted(ctx, app)
	if err != nil {
		return err
	}
	loaded, err := app.load()
	if err != nil {
		return err
	}
	s, keys, err := openStore(loaded)
	if err != nil {
		return err
	}
	defer s.Close()
	found, err := audit.Search(ctx, loaded.Audit.Dir, audit.NewTail(s, keys, loaded.Audit), filter)
	for _, line := range found {
		if printErr := app.show(line, c.JSON); printErr != nil {
			return printErr
		}
	}
	return err
}

// wanted returns the filter, with the login looked up.
func (c auditSearch) wanted(ctx context.Context, app *application) (audit.Filter, error) {
	f := c.filter()
	f.Kind, f.Recovery, f.Person, f.Directory = c.Kind, c.Recovery, c.Person, c.Directory
	if c.Login == "" {
		return f, nil
	}
	err := whom{Login: c.Login, Directory: c.Directory}.with(ctx, app, func(_ *desk, directory, person string) error {
		f.Directory, f.Person = directory, person
		return nil
	})
	return f, err
}

// show prints a line for reading.
func (a *application) show(line audit.Line, asJSON bool) error {
	if asJSON {
		return a.printLine(line)
	}
	fmt.Fprintf(a.out, "%s  %s  %s", line.Time.Format(time.RFC3339), printable(line.Instance), printable(line.Kind))
	for _, part := range []struct{ name, text string }{
		{"outcome", line.Outcome},
		{"reason", line.Reason},
		{"method", line.Method},
		{"recovery", line.Recovery},
		{"directory", line.Directory},
		{"person", line.Person},
		{"network", line.Network},
		{"request", line.RequestID},
	} {
		if part.text != "" {
			fmt.Fprintf(a.out, "  %s=%s", part.name, printable(part.text))
		}
	}
	if line.Count > 0 {
		fmt.Fprintf(a.out, "  count=%d", line.Count)
	}
	_, err := fmt.Fprintln(a.out)
	return err
}

// printable keeps a line that somebody altered from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// loadAudit loads the configuration and the keyring.
func (a *application) loadAudit() (*config.Config, *keyring.Ring, error) {
	loaded, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	keys, err := keyring.Load(loaded.Keys.File)
	return loaded, keys, err
}
