package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

type keysCommands struct {
	Init      keysInit      `cmd:"" help:"Make a new keyring."`
	Status    keysStatus    `cmd:"" help:"Show the versions of the keyring and how many contact cards use each."`
	Rotate    keysRotate    `cmd:"" help:"Add a new version to the keyring, which seals from then on."`
	Reencrypt keysReencrypt `cmd:"" help:"Seal all contact cards with the newest version."`
	Retire    keysRetire    `cmd:"" help:"Remove a version that nothing needs any more."`
}

type keysInit struct {
	File string `arg:"" optional:"" completion:"file" help:"Where to write it; without it, the file of [keys]. A keyring that is there is never replaced."`
}

func (keysInit) lesson() lesson {
	return lesson{
		examples: []string{"latchkey keys init", "latchkey keys init /etc/latchkey/keyring # without a configuration"},
		see:      []string{"latchkey store init"},
	}
}

func (c keysInit) Run(app *application) error {
	path := c.File
	if path == "" {
		loaded, err := app.load()
		if err != nil {
			return err
		}
		path = loaded.Keys.File
	}
	if _, err := keyring.Create(path); err != nil {
		return fmt.Errorf("%w%s", err, folderAdvice(path))
	}
	fmt.Fprintf(app.out, "Wrote the keyring %s. Back it up apart from Redis: without it no contact can be read.\n", path)
	return nil
}

type keysRotate struct{}

// Help is shown by --help.
func (keysRotate) Help() string {
	return "The older versions stay: what they sealed can be read. Afterwards copy the file to every machine, send SIGHUP to every server, run `latchkey keys reencrypt`, and back the file up."
}

func (keysRotate) lesson() lesson {
	return lesson{examples: []string{"latchkey keys rotate"}, see: []string{"latchkey keys status", "latchkey keys reencrypt", "docs/operation.md"}}
}

func (keysRotate) Run(ctx context.Context, app *application) error {
	return app.withVault(ctx, writes, func(v *vault) error {
		return v.journal.do(ctx, audit.Event{Kind: audit.KeysRotated}, func(e *audit.Event) error {
			ring, err := keyring.Rotate(v.config.Keys.File)
			if err != nil {
				return err
			}
			e.Reason = versionReason(ring.Current())
			fmt.Fprintf(app.out, "Added version %d to %s. Copy it to every machine, send SIGHUP to every server, then run: latchkey keys reencrypt. Back the file up anew.\n",
				ring.Current(), v.config.Keys.File)
			return nil
		})
	})
}

func versionReason(version uint32) string {
	return "version=" + strconv.FormatUint(uint64(version), 10)
}

type keysStatus struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (keysStatus) lesson() lesson {
	return lesson{
		examples: []string{"latchkey keys status", "latchkey keys status --json"},
		no:       "when this keyring lacks versions that seal contact cards",
		see:      []string{"latchkey keys rotate", "docs/operation.md"},
	}
}

// keyVersion is one line of `keys status`.
type keyVersion struct {
	Version uint32     `json:"version"`
	MadeAt  *time.Time `json:"made_at,omitempty"`
	Seals   bool       `json:"seals"`
	Cards   int        `json:"cards"`
}

func (c keysStatus) Run(ctx context.Context, app *application) error {
	return app.withVault(ctx, reads, func(v *vault) error {
		use, err := v.cards.KeyUse(ctx)
		if err != nil {
			return err
		}
		var versions []keyVersion
		for _, version := range v.keys.Versions() {
			line := keyVersion{Version: version, Seals: version == v.keys.Current(), Cards: use[version]}
			if made := v.keys.MadeAt(version); !made.IsZero() {
				line.MadeAt = &made
			}
			versions = append(versions, line)
			delete(use, version)
		}
		lost := 0
		for _, cards := range use {
			lost += cards
		}
		if err := c.print(app, versions, lost); err != nil {
			return err
		}
		if lost > 0 {
			return no(fmt.Errorf("this keyring lacks the versions that seal %s: restore the newest backup of it", counted(lost, "contact card")))
		}
		return nil
	})
}

func (c keysStatus) print(app *application, versions []keyVersion, lost int) error {
	if c.JSON {
		return printJSON(app.out, map[string]any{"versions": versions, "unreadable_cards": lost})
	}
	table := tabwriter.NewWriter(app.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tMADE\tCARDS\t")
	for _, v := range versions {
		made, seals := "unknown", ""
		if v.MadeAt != nil {
			made = fmt.Sprintf("%s (%d days ago)", v.MadeAt.Format(time.DateOnly), int(time.Since(*v.MadeAt).Hours()/24))
		}
		if v.Seals {
			seals = "seals what is new"
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\n", v.Version, made, v.Cards, seals)
	}
	return table.Flush()
}

type keysReencrypt struct {
	JSON bool `name:"json" help:"Print the counts as JSON."`
}

// Help is shown by --help.
func (keysReencrypt) Help() string {
	return "Servers go on meanwhile; each must have taken up the newest version before. It can be stopped at any time and run again: cards that are sealed with the newest version are passed over."
}

func (keysReencrypt) lesson() lesson {
	return lesson{examples: []string{"latchkey keys reencrypt"}, see: []string{"latchkey keys rotate", "latchkey keys status"}}
}

func (c keysReencrypt) Run(ctx context.Context, app *application) error {
	return app.withVault(ctx, writes, func(v *vault) error {
		return v.journal.doLong(ctx, audit.Event{Kind: audit.KeysReencrypted}, func(e *audit.Event) ([]audit.Event, error) {
			done, err := c.reencrypt(ctx, app, v)
			e.Reason = fmt.Sprintf("%s cards=%d sealed=%d", versionReason(v.keys.Current()), done.Seen, done.Sealed)
			return nil, err
		})
	})
}

func (c keysReencrypt) reencrypt(ctx context.Context, app *application, v *vault) (contact.Reencryption, error) {
	cards, err := v.cards.Count(ctx)
	if err != nil {
		return contact.Reencryption{}, err
	}
	meter, began := newMeter(app.err), time.Now()
	done, err := v.cards.Reencrypt(ctx, func(done contact.Reencryption) {
		meter.show(progress{done.Seen, cards, time.Since(began), "cards"})
	})
	meter.clear()
	if ctx.Err() != nil {
		return done, stoppedError(fmt.Sprintf("%s of about %d were looked at and %d sealed anew; run it again to go on", counted(done.Seen, "card"), cards, done.Sealed))
	}
	if err != nil {
		return done, err
	}
	if c.JSON {
		return done, printJSON(app.out, struct {
			Version          uint32 `json:"version"`
			Cards            int    `json:"cards"`
			Sealed           int    `json:"sealed"`
			ChangedMeanwhile int    `json:"changed_meanwhile"`
		}{v.keys.Current(), done.Seen, done.Sealed, done.Changed})
	}
	fmt.Fprintf(app.out, "Sealed %s of %d with version %d.\n", counted(done.Sealed, "card"), done.Seen, v.keys.Current())
	if done.Changed > 0 {
		fmt.Fprintf(app.out, "%s changed meanwhile; run it again.\n", counted(done.Changed, "card"))
	}
	return done, nil
}

// vault is what the commands on keys and the delivery queue work with: what lies in
// Redis, without the directories.
type vault struct {
	config  *config.Config
	store   *store.Store
	cards   *contact.Store
	keys    *keyring.Ring
	journal *journal
}

// withVault opens the vault and calls f.
func (a *application) withVault(ctx context.Context, to access, f func(*vault) error) (err error) {
	loaded, err := a.load()
	if err != nil {
		return err
	}
	s, keys, err := openStore(loaded)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := to.check(ctx, s, keys); err != nil {
		return err
	}
	return f(&vault{config: loaded, store: s, cards: contact.NewStore(s, keys), keys: keys, journal: a.newJournal(loaded, s, keys)})
}
