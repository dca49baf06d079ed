package main

import (
	"fmt"

	"latchkey/internal/keyring"
)

type keysCommands struct {
	Init keysInit `cmd:"" help:"Make a new keyring."`
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
