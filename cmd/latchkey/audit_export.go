package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"latchkey/internal/audit"
)

type auditExport struct {
	period

	Format string `enum:"jsonl,csv" default:"jsonl" help:"jsonl: the lines as they are, with hashes and MACs; csv: for spreadsheets."`
}

// Help is shown by --help.
func (auditExport) Help() string {
	return "First come the lines of the server of this machine, then those of the commands that operators ran on it. All are printed, also of a chain that does not hold; then it says so."
}

func (auditExport) lesson() lesson {
	return lesson{
		examples: []string{
			"latchkey audit export > audit.jsonl",
			"latchkey audit export --from 2026-11-01 --to 2026-11-30 --format csv > november.csv",
		},
		no:  "when a chain does not hold",
		see: []string{"latchkey audit verify", "docs/audit.md"},
	}
}

func (c auditExport) Run(app *application) error {
	loaded, keys, err := app.loadAudit()
	if err != nil {
		return err
	}
	_, broken := verifyAll(loaded.Audit, keys)
	if errors.Is(broken, audit.ErrBroken) {
		broken = no(broken)
	}
	lines := chosen(allLines(auditDirs(loaded.Audit)), c.filter())
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

// allLines are the lines of several directories, one after the other.
func allLines(dirs []string) iter.Seq2[audit.Line, error] {
	return func(yield func(audit.Line, error) bool) {
		for _, dir := range dirs {
			for line, err := range audit.Lines(dir) {
				if !yield(line, err) {
					return
				}
			}
		}
	}
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
