package main

import (
	"context"
	"errors"
	"log/slog"

	"latchkey/cmd/internal/serving"
	"latchkey/internal/telemetry"
)

type serveCommand struct {
	Debug bool `help:"Log more, for looking into a fault; logins and addresses stay out all the same."`
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return "Before anything is served, Redis, the keyring, the audit and each directory are checked; what is wrong is said, and nothing is served. Logs are JSON lines on standard error. An interrupt or SIGTERM lets requests finish and ends; SIGHUP takes up a new certificate, keyring, blocklist of passwords and log level."
}

func (serveCommand) lesson() lesson {
	return lesson{
		examples: []string{"latchkey serve", "latchkey --config ./latchkey.toml serve --debug"},
		see:      []string{"latchkey config check", "docs/operation.md"},
	}
}

// Run serves until it is told to stop.
func (c serveCommand) Run(ctx context.Context, app *application) (err error) {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	if err := forbidDumps(); err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(minimum(loaded, c.Debug))
	b := &serving.Backends{Config: loaded, Logger: telemetry.NewLogger(app.err, level), Metrics: telemetry.NewMetrics(shownVersion())}
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, warning := range loaded.Warnings() {
		b.Logger.Warn(warning)
	}
	if b.Store, b.Keys, err = openStore(loaded); err != nil {
		return err
	}
	if err := b.Open(ctx); err != nil {
		return err
	}
	s, err := serving.New(ctx, b)
	if err != nil {
		return err
	}
	reload := &reloader{
		app: app, inUse: loaded, keys: b.Keys, certificate: s.Certificate, passwords: b.Passwords,
		level: level, debug: c.Debug, logger: b.Logger,
	}
	return s.Run(ctx, reload.run)
}
