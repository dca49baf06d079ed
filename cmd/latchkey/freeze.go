package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"time"

	"latchkey/internal/store"
	"latchkey/resetapi/freeze"
)

type freezeCommands struct {
	Now    freezeNow    `cmd:"" default:"withargs" help:"Stop self-service on all servers (also without the word now)."`
	Status freezeStatus `cmd:"" help:"Tell whether self-service is frozen."`
}

type freezeNow struct {
	Reason string `required:"" placeholder:"TEXT" help:"Why, for those who come later. People who reset do not see it."`
	By     string `placeholder:"NAME" help:"Who freezes; without it, the user of this machine."`
}

// Help is shown by --help.
func (freezeNow) Help() string {
	return "Within seconds no server starts a recovery, sends a code or writes a password. When Redis is away, the freeze_file of [server] is made instead, which freezes this machine only."
}

func (c freezeNow) Run(ctx context.Context, app *application) error {
	by := c.By
	if by == "" {
		by = "unknown"
		if me, err := user.Current(); err == nil {
			by = me.Username
		}
	}
	return app.withSwitch(func(s *freeze.Switch, file string) error {
		everywhere, err := s.Freeze(ctx, by, c.Reason)
		if err != nil {
			return err
		}
		if !everywhere {
			return fmt.Errorf("the store is unavailable: only this machine is frozen, by %s; make that file on the others too, or run this again", file)
		}
		fmt.Fprintln(app.out, "Self-service is frozen. `latchkey unfreeze` ends it.")
		return nil
	})
}

type freezeStatus struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c freezeStatus) Run(ctx context.Context, app *application) error {
	return app.withSwitch(func(s *freeze.Switch, _ string) error {
		record, frozen, err := s.Status(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			document := map[string]any{"frozen": frozen}
			if frozen {
				document["freeze"] = record
			}
			return printJSON(app.out, document)
		}
		if !frozen {
			fmt.Fprintln(app.out, "Self-service is not frozen.")
			return nil
		}
		fmt.Fprintf(app.out, "Self-service is frozen since %s by %s: %s\n", record.At.Format(time.RFC3339), record.By, record.Reason)
		return nil
	})
}

type unfreezeCommand struct{}

// Help is shown by --help.
func (unfreezeCommand) Help() string {
	return "The freeze_file of this machine is removed as well; those of other machines stay."
}

func (unfreezeCommand) Run(ctx context.Context, app *application) error {
	return app.withSwitch(func(s *freeze.Switch, _ string) error {
		if err := s.Unfreeze(ctx); err != nil {
			return err
		}
		fmt.Fprintln(app.out, "Self-service is not frozen any more.")
		return nil
	})
}

// withSwitch calls f with the switch. It needs no keyring, so that whoever may
// freeze need not be able to read it.
func (a *application) withSwitch(f func(s *freeze.Switch, file string) error) (err error) {
	loaded, err := a.load()
	if err != nil {
		return err
	}
	s, err := store.Open(loaded.Redis)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(freeze.New(s, loaded.Server.FreezeFile, a.logger), loaded.Server.FreezeFile)
}
