package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/recovery"
)

type limitsCommands struct {
	Show  limitsShow  `cmd:"" help:"Show which tries and messages a person has used up."`
	Clear limitsClear `cmd:"" help:"Give a person the used tries and messages back."`
}

type limitsShow struct {
	whom

	JSON bool `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (limitsShow) Help() string {
	return "It shows wrong codes of this day and in a row, recoveries, changes of a known password, and messages to each contact. Limits on addresses and on what was typed as a login belong to nobody and are not shown."
}

func (limitsShow) lesson() lesson {
	return lesson{examples: []string{"latchkey limits show alice"}, see: []string{"latchkey limits clear"}}
}

func (c limitsShow) Run(ctx context.Context, app *application) error {
	return c.withLedger(ctx, app, reads, func(_ *desk, l *recovery.Ledger, card contact.Card) error {
		used, err := l.Used(ctx, card)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(app.out, struct {
				Directory string          `json:"directory"`
				Person    string          `json:"person"`
				Used      []recovery.Used `json:"used"`
			}{card.Directory, card.Person, append([]recovery.Used{}, used...)})
		}
		return printUsed(app.out, used)
	})
}

type limitsClear struct {
	whom
}

// Help is shown by --help.
func (limitsClear) Help() string {
	return "Make sure first that it is this person who asks: somebody else may be guessing their codes. Recoveries that are open stay as they are."
}

func (limitsClear) lesson() lesson {
	return lesson{examples: []string{"latchkey limits clear alice"}, see: []string{"latchkey limits show"}}
}

func (c limitsClear) Run(ctx context.Context, app *application) error {
	return c.withLedger(ctx, app, writes, func(d *desk, l *recovery.Ledger, card contact.Card) error {
		used, err := l.Used(ctx, card)
		if err != nil {
			return err
		}
		if len(used) == 0 {
			fmt.Fprintln(app.out, "There is nothing to clear.")
			return nil
		}
		event := audit.Event{Kind: audit.LimitsCleared, Directory: card.Directory, Person: card.Person}
		if err := app.recorded(ctx, d, event, func() error { return l.Clear(ctx, card) }); err != nil {
			return err
		}
		fmt.Fprintln(app.out, "Cleared. Before, it was:")
		return printUsed(app.out, used)
	})
}

// withLedger finds the person and calls f with their card, which is empty when
// they have none.
func (w whom) withLedger(ctx context.Context, app *application, to access, f func(*desk, *recovery.Ledger, contact.Card) error) error {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	keys, err := keyring.Load(loaded.Keys.File)
	if err != nil {
		return err
	}
	return w.with(ctx, app, to, func(d *desk, directory, person string) error {
		card, err := d.contacts.Get(ctx, directory, person)
		if err != nil && !errors.Is(err, contact.ErrNoCard) {
			return err
		}
		card.Directory, card.Person = directory, person
		limits := ratelimit.New(d.store, keys, loaded.Limits)
		return f(d, recovery.NewLedger(recovery.NewStore(d.store, keys), keys, limits, loaded.Recovery), card)
	})
}

func printUsed(out io.Writer, used []recovery.Used) error {
	if len(used) == 0 {
		_, err := fmt.Fprintln(out, "Nothing is used up.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, u := range used {
		of, per := u.Of, u.Per
		if u.KnownDevice {
			of += " (a known device)"
		}
		if per == "" {
			per = "until cleared"
		}
		reached := ""
		if u.Reached {
			reached = "reached"
		}
		fmt.Fprintf(table, "%s\t%s\t%d of %d\t%s\t%s\n", u.Limit, printable(of), u.Count, u.Allowed, per, reached)
	}
	return table.Flush()
}
