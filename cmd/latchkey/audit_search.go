package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"latchkey/internal/audit"
)

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
	return "It looks into the files of this machine, those of its server and those of the commands of operators, and into Redis, where the newest lines of all instances are. What must be complete is in the files of each instance."
}

func (auditSearch) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey audit search --login alice",
			"latchkey audit search --kind contacts_changed --from 2026-11-23 --json",
			"latchkey audit search --recovery 01JDC7Z5Q8 # all of one recovery",
		},
		no:  "when nothing was found",
		see: []string{"latchkey audit export", "docs/audit.md"},
	}
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
	found, err := searchAll(ctx, loaded.Audit, audit.NewTail(s, keys, loaded.Audit), filter)
	for _, line := range found {
		if printErr := app.show(line, c.JSON); printErr != nil {
			return printErr
		}
	}
	if err == nil && len(found) == 0 {
		return no(errors.New("nothing was found"))
	}
	return err
}

// searchAll searches both chains of this machine and the tail.
func searchAll(ctx context.Context, c audit.Config, tail *audit.Tail, f audit.Filter) ([]audit.Line, error) {
	found, err := audit.Search(ctx, c.Dir, tail, f)
	if commands := commandAudit(c).Dir; slices.Contains(auditDirs(c), commands) {
		own, failure := audit.Search(ctx, commands, nil, f)
		seen := make(map[uint64]bool)
		for _, line := range found {
			if line.Instance == commandAudit(c).Instance {
				seen[line.Sequence] = true
			}
		}
		found = append(found, slices.DeleteFunc(own, func(line audit.Line) bool { return seen[line.Sequence] })...)
		slices.SortStableFunc(found, func(a, b audit.Line) int { return a.Time.Compare(b.Time) })
		err = errors.Join(err, failure)
	}
	return found, err
}

// wanted returns the filter, with the login looked up.
func (c auditSearch) wanted(ctx context.Context, app *application) (audit.Filter, error) {
	f := c.filter()
	f.Kind, f.Recovery, f.Person, f.Directory = c.Kind, c.Recovery, c.Person, c.Directory
	if c.Login == "" {
		return f, nil
	}
	err := whom{Login: c.Login, Directory: c.Directory}.with(ctx, app, reads, func(_ *desk, directory, person string) error {
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
		{"by", line.By},
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

// printable keeps text that somebody else wrote from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// printableLines is the same for a text of several lines.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}
