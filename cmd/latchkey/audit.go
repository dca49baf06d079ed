package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

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
	Dir  string `placeholder:"DIR" completion:"dir" help:"A copy of a directory to check, instead of that of [audit]."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (auditVerify) Help() string {
	return "There are two chains: that of the server of this machine, and that of the commands that operators run on it, in the folder cli beside it. It needs the keyring and may run while the instance serves. A chain that holds was not changed by anybody without the keyring; docs/audit.md says what that does not prove."
}

func (auditVerify) lesson() lesson {
	return lesson{
		examples: []string{"latchkey audit verify", "latchkey audit verify --dir /backup/audit --json"},
		no:       "when a chain does not hold",
		see:      []string{"latchkey audit export", "docs/audit.md"},
	}
}

// verified is what came of the check of one chain.
type verified struct {
	Dir  string `json:"dir"`
	Good bool   `json:"good"`
	audit.Report

	Broken *audit.BrokenError `json:"broken,omitempty"`
}

func (c auditVerify) Run(app *application) error {
	loaded, keys, err := app.loadAudit()
	if err != nil {
		return err
	}
	if c.Dir != "" {
		loaded.Audit.Dir = c.Dir
	}
	chains, err := verifyAll(loaded.Audit, keys)
	_, isBroken := errors.AsType[*audit.BrokenError](err)
	switch {
	case err != nil && !isBroken:
		return err
	case isBroken:
		err = no(err)
	}
	if c.JSON {
		return errors.Join(err, printJSON(app.out, struct {
			Good   bool       `json:"good"`
			Chains []verified `json:"chains"`
		}{!isBroken, chains}))
	}
	for _, chain := range chains {
		if chain.Good {
			chain.print(app.out)
		}
	}
	return err
}

// auditDirs are the directories of both chains of a machine that are there. The
// first one is named also when neither is.
func auditDirs(c audit.Config) []string {
	dirs := []string{c.Dir}
	commands := commandAudit(c).Dir
	if _, err := os.Stat(commands); err != nil {
		return dirs
	}
	if files, err := filepath.Glob(filepath.Join(c.Dir, "audit-*.jsonl")); err == nil && len(files) == 0 {
		if _, err := os.Stat(filepath.Join(c.Dir, "head")); err != nil {
			return []string{commands} // no server ran on this machine
		}
	}
	return append(dirs, commands)
}

// verifyAll checks both chains of a machine. The error tells of what is wrong
// with either.
func verifyAll(c audit.Config, keys *keyring.Ring) ([]verified, error) {
	var chains []verified
	var failures []error
	for _, dir := range auditDirs(c) {
		report, err := audit.Verify(dir, keys)
		broken, isBroken := errors.AsType[*audit.BrokenError](err)
		if err != nil {
			failures = append(failures, err)
		}
		if err == nil || isBroken {
			chains = append(chains, verified{dir, err == nil, report, broken})
		}
	}
	return chains, errors.Join(failures...)
}

func (v verified) print(out io.Writer) {
	fmt.Fprintf(out, "The chain of %s holds: lines %d to %d in %s, from %s to %s.\n", v.Instance, v.First, v.Last,
		counted(v.Files, "file"), v.From.Format(time.RFC3339), v.To.Format(time.RFC3339))
	if v.First > 1 {
		fmt.Fprintf(out, "Lines 1 to %d expired.\n", v.First-1)
	}
	if v.Unfinished > 0 {
		fmt.Fprintf(out, "%s follow: a line that is being written, or was when the instance died.\n", counted(int(v.Unfinished), "byte"))
	}
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
