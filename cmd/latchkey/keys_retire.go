package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
)

type keysRetire struct {
	Version uint32 `arg:"" help:"The number of the version to remove, as keys status shows it."`
	Force   bool   `help:"Remove it although it is needed: contact cards that use it can never be read again, and lines of the audit never be checked."`
}

// Help is shown by --help.
func (keysRetire) Help() string {
	return "It looks at the contact cards and at the audit of this machine, and refuses while they need the version. It cannot see what else does: the audits of other machines, shipped copies of them, and backups of Redis from before keys reencrypt. Keep the version with those.\n\nRecoveries, codes and messages that were made with it end, dead letters cannot be sent again, and devices that were known are known no more: wait a day after the rotation, so that nobody is cut off."
}

func (keysRetire) lesson() lesson {
	return lesson{
		examples: []string{"latchkey keys retire 1"},
		no:       "when the version is still needed",
		see:      []string{"latchkey keys status", "latchkey keys reencrypt", "docs/operation.md"},
	}
}

func (c keysRetire) Run(ctx context.Context, app *application) error {
	return app.withVault(ctx, writes, func(v *vault) error {
		use, err := v.cards.KeyUse(ctx)
		if err != nil {
			return err
		}
		if n := use[c.Version]; n > 0 && !c.Force {
			return no(fmt.Errorf("version %d still seals %s: run `latchkey keys reencrypt` first, and before it `latchkey keys rotate` where this is the newest version", c.Version, counted(n, "contact card")))
		}
		lines, err := auditLines(v, c.Version)
		if err != nil {
			return err
		}
		if lines > 0 && !c.Force {
			return no(fmt.Errorf("%s of the audit of this machine were made with version %d, and `latchkey audit verify` needs it: wait until they expire (retention in [audit]), or give --force, keep a copy of the keyring for them, and move the audit away", counted(lines, "line"), c.Version))
		}
		return v.journal.do(ctx, audit.Event{Kind: audit.KeysRetired, Reason: versionReason(c.Version)}, func(*audit.Event) error {
			if _, err := keyring.Retire(v.config.Keys.File, c.Version); err != nil {
				return err
			}
			fmt.Fprintf(app.out, "Removed version %d from %s. Copy it to every machine and send SIGHUP to every server. Keep the old file with older backups of Redis and with audits that need it.\n", c.Version, v.config.Keys.File)
			return nil
		})
	})
}

// auditLines counts the lines of this machine whose MAC needs a version.
func auditLines(v *vault, version uint32) (int, error) {
	n := 0
	for _, dir := range []string{v.config.Audit.Dir, commandAudit(v.config.Audit).Dir} {
		for line, err := range audit.Lines(dir) {
			if errors.Is(err, fs.ErrNotExist) {
				break // nothing was recorded there
			}
			if err != nil {
				return 0, err
			}
			if made, ok := keyring.Version(line.MAC); ok && made == version {
				n++
			}
		}
	}
	return n, nil
}
