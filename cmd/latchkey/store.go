package main

import (
	"context"
	"errors"
	"fmt"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

type storeCommands struct {
	Init storeInit `cmd:"" help:"Mark an empty Redis as this Latchkey's store."`
}

type storeInit struct{}

// Help is shown by --help.
func (storeInit) Help() string {
	return "It writes a mark, with which the servers tell that this Redis has kept what it was given, and that it belongs to this keyring. A Redis that has lost its content has lost the mark too: find out why before you run this again."
}

func (storeInit) lesson() lesson {
	return lesson{examples: []string{"latchkey store init"}, see: []string{"latchkey keys init", "docs/operation.md"}}
}

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
	err = app.newJournal(loaded, s, keys).do(ctx, audit.Event{Kind: audit.StoreInitialized}, func(*audit.Event) error {
		return s.Init(ctx, keys.Fingerprint())
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(app.out, "The store is initialized. It belongs to the keyring "+loaded.Keys.File+" from now on.")
	return nil
}

// access is what a command does with the store.
type access int

// What is only shown is shown also while Redis takes no writes.
const (
	reads access = iota
	writes
)

func (a access) check(ctx context.Context, s *store.Store, keys *keyring.Ring) error {
	if a == reads {
		return s.CheckReading(ctx, keys.Fingerprint())
	}
	return s.Check(ctx, keys.Fingerprint())
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
