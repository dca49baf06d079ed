package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"latchkey/config"
	"latchkey/internal/contact"
	"latchkey/internal/keyring"
)

type keysCommands struct {
	Init      keysInit      `cmd:"" help:"Make a new keyring."`
	Status    keysStatus    `cmd:"" help:"Show the versions of the keyring and how many contact cards use each."`
	Rotate    keysRotate    `cmd:"" help:"Add a new version to the keyring, which seals from then on."`
	Reencrypt keysReencrypt `cmd:"" help:"Seal all contact cards with the newest version."`
	Retire    keysRetire    `cmd:"" help:"Remove a version that no contact card uses any more."`
}

type keysInit struct {
	File string `arg:"" optional:"" help:"Where to write it; without it, the file of [keys]. A keyring that is there is never replaced."`
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
		return err
	}
	fmt.Fprintf(app.out, "Wrote the keyring %s. Back it up apart from Redis: without it no contact can be read.\n", path)
	return nil
}

type keysRotate struct{}

// Help is shown by --help.
func (keysRotate) Help() string {
	return "The older versions stay: what they sealed can be read. Afterwards copy the file to every machine, send SIGHUP to every server, run `latchkey keys reencrypt`, and back the file up."
}

func (keysRotate) Run(app *application) error {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	ring, err := keyring.Rotate(loaded.Keys.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(app.out, "Added version %d to %s. Copy it to every machine, send SIGHUP to every server, then run: latchkey keys reencrypt. Back the file up anew.\n",
		ring.Current(), loaded.Keys.File)
	return nil
}

type keysStatus struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// keyVersion is one line of `keys status`.
type keyVersion struct {
	Version uint32     `json:"version"`
	MadeAt  *time.Time `json:"made_at,omitempty"`
	Seals   bool       `json:"seals"`
	Cards   int        `json:"cards"`
}

func (c keysStatus) Run(ctx context.Context, app *application) error {
	return app.withCards(ctx, func(_ *config.Config, cards *contact.Store, keys *keyring.Ring) error {
		use, err := cards.KeyUse(ctx)
		if err != nil {
			return err
		}
		var versions []keyVersion
		for _, version := range keys.Versions() {
			line := keyVersion{Version: version, Seals: version == keys.Current(), Cards: use[version]}
			if made := keys.MadeAt(version); !made.IsZero() {
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
			return fmt.Errorf("this keyring lacks the versions that seal %s: restore the newest backup of it", counted(lost, "contact card"))
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

func (c keysReencrypt) Run(ctx context.Context, app *application) error {
	return app.withCards(ctx, func(_ *config.Config, cards *contact.Store, keys *keyring.Ring) error {
		progress := app.progress()
		done, err := cards.Reencrypt(ctx, func(done contact.Reencryption) { progress(done.Seen) })
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("stopped after %s; run it again to go on: %w", counted(done.Seen, "card"), err)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(app.out, map[string]any{
				"version": keys.Current(), "cards": done.Seen, "sealed": done.Sealed, "changed_meanwhile": done.Changed,
			})
		}
		fmt.Fprintf(app.out, "Sealed %s of %d with version %d.\n", counted(done.Sealed, "card"), done.Seen, keys.Current())
		if done.Changed > 0 {
			fmt.Fprintf(app.out, "%s changed meanwhile; run it again.\n", counted(done.Changed, "card"))
		}
		return nil
	})
}

// progress shows a count on a terminal, and nothing elsewhere.
func (a *application) progress() func(count int) {
	f, ok := a.err.(*os.File)
	if !ok {
		return func(int) {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int) {}
	}
	shown := time.Now()
	return func(count int) {
		if time.Since(shown) < 200*time.Millisecond {
			return
		}
		shown = time.Now()
		fmt.Fprintf(f, "\r%s\x1b[K\r", counted(count, "card"))
	}
}

type keysRetire struct {
	Version uint32 `arg:"" help:"The version to remove, as keys status shows it."`
	Force   bool   `help:"Remove it although contact cards use it. They can never be read again."`
}

// Help is shown by --help.
func (keysRetire) Help() string {
	return "Recoveries and messages that are under way and were sealed with it end: wait a day after the rotation. A backup of Redis from before keys reencrypt needs the version: keep it with that backup."
}

func (c keysRetire) Run(ctx context.Context, app *application) error {
	return app.withCards(ctx, func(loaded *config.Config, cards *contact.Store, _ *keyring.Ring) error {
		use, err := cards.KeyUse(ctx)
		if err != nil {
			return err
		}
		if n := use[c.Version]; n > 0 && !c.Force {
			return fmt.Errorf("version %d still seals %s: run `latchkey keys reencrypt` first, and before it `latchkey keys rotate` where this is the newest version", c.Version, counted(n, "contact card"))
		}
		if _, err := keyring.Retire(loaded.Keys.File, c.Version); err != nil {
			return err
		}
		fmt.Fprintf(app.out, "Removed version %d from %s. Copy it to every machine and send SIGHUP to every server.\n", c.Version, loaded.Keys.File)
		return nil
	})
}

// withCards opens the contact cards, without the directories, and calls f.
func (a *application) withCards(ctx context.Context, f func(*config.Config, *contact.Store, *keyring.Ring) error) (err error) {
	loaded, err := a.load()
	if err != nil {
		return err
	}
	s, keys, err := openStore(loaded)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Check(ctx, keys.Fingerprint()); err != nil {
		return err
	}
	return f(loaded, contact.NewStore(s, keys), keys)
}
