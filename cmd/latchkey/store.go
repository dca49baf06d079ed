package main

import (
	"context"
	"errors"
	"fmt"

	"latchkey/config"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

type storeCommands struct {
	Init storeInit `cmd:"" help:"Mark an empty Redis as this Latchkey's store."`
}

type storeInit struct{}

func (storeInit) Run(ctx context.Context, app *application) (err error) {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	s, keys, err := openStore(loaded)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Init(ctx, keys.Fingerprint()); err != nil {
		return err
	}
	fmt.Fprintln(app.out, "The store is initialized. It belongs to the keyring "+loaded.Keys.File+" from now on.")
	return nil
}

// openStore connects to Redis and loads the keyring.
func openStore(c *config.Config) (*store.Store, *keyring.Ring, error) {
	keys, err := keyring.Load(c.Keys.File)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Open(c.Redis)
	if err != nil {
		return nil, nil, err
	}
	return s, keys, nil
}
