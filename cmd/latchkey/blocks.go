package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
	"latchkey/resetapi/block"
)

type blocksCommands struct {
	List blocksList `cmd:"" help:"List the people who stopped self-service for their account."`
	Lift blocksLift `cmd:"" help:"Let self-service go on for one person."`
}

type blocksList struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help is shown by --help.
func (blocksList) Help() string {
	return "These are the people who said \"that was not me\" by the link in a notice: somebody else may have set their password. The reference is that of the notice, and of the recovery in the audit."
}

func (blocksList) lesson() lesson {
	return lesson{
		examples: []string{"latchkey blocks list", "latchkey blocks list --json"},
		see:      []string{"latchkey blocks lift", "latchkey audit search", "docs/support.md"},
	}
}

// blocked is one line of the list. Login is empty for who is gone, or where the
// directory cannot be asked.
type blocked struct {
	block.Record

	Login string `json:"login,omitempty"`
}

func (c blocksList) Run(ctx context.Context, app *application) (err error) {
	d, blocks, err := app.openBlocks(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	records, err := blocks.List(ctx)
	if err != nil {
		return err
	}
	list := make([]blocked, len(records))
	for i, r := range records {
		list[i].Record = r
		if login, err := d.login(ctx, r.Directory, r.Person); err == nil {
			list[i].Login = login
		}
	}
	if c.JSON {
		return printJSON(app.out, struct {
			Blocks []blocked `json:"blocks"`
		}{list})
	}
	if len(list) == 0 {
		fmt.Fprintln(app.out, "Nobody stopped self-service.")
		return nil
	}
	table := tabwriter.NewWriter(app.out, 0, 0, 2, ' ', 0)
	for _, b := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.8s\n", b.At.Format(time.RFC3339), printable(b.Login), printable(b.Directory), b.Person, b.Recovery)
	}
	return table.Flush()
}

type blocksLift struct {
	whom
}

// Help is shown by --help.
func (blocksLift) Help() string {
	return "Make sure first that it is this person who asks, that they have a password that only they know, and that the contacts which are registered for them are theirs. The links in all notices until now cannot be used any more; recoveries from before stay dead."
}

func (blocksLift) lesson() lesson {
	return lesson{
		examples: []string{"latchkey blocks lift alice"},
		see:      []string{"latchkey blocks list", "latchkey contacts show"},
	}
}

func (c blocksLift) Run(ctx context.Context, app *application) error {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	keys, err := keyring.Load(loaded.Keys.File)
	if err != nil {
		return err
	}
	return c.with(ctx, app, writes, func(d *desk, directory, person string) error {
		was := false
		event := audit.Event{Kind: audit.BlockLifted, Directory: directory, Person: person}
		err := app.recorded(ctx, d, event, func() (err error) {
			was, err = block.New(d.store, keys).Lift(ctx, directory, person)
			return err
		})
		switch {
		case err == nil && was:
			fmt.Fprintln(app.out, "Self-service goes on for this person.")
		case err == nil:
			fmt.Fprintln(app.out, "Self-service was not stopped for this person. The links in their notices until now are void.")
		}
		return err
	})
}

// openBlocks opens the desk and the blocks.
func (a *application) openBlocks(ctx context.Context) (*desk, *block.Blocks, error) {
	loaded, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	keys, err := keyring.Load(loaded.Keys.File)
	if err != nil {
		return nil, nil, err
	}
	d, err := a.openDesk(ctx, reads)
	if err != nil {
		return nil, nil, err
	}
	return d, block.New(d.store, keys), nil
}
