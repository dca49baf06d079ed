package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/telemetry"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/recovery"
)

type serveCommand struct {
	Debug bool `help:"Log more, for looking into a fault; logins and addresses stay out all the same."`
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return "Before anything is served, Redis, the keyring, the audit and each directory are checked; what is wrong is said, and nothing is served. Logs are JSON lines on standard error. An interrupt or SIGTERM lets requests finish and ends; SIGHUP takes up a new certificate, keyring and log level."
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
	b := &backends{config: loaded, logger: telemetry.NewLogger(app.err, level), metrics: telemetry.NewMetrics(shownVersion())}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, warning := range loaded.Warnings() {
		b.logger.Warn(warning)
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	s, err := newServing(ctx, b)
	if err != nil {
		return err
	}
	reload := &reloader{
		app: app, inUse: loaded, keys: b.keys, certificate: s.certificate,
		level: level, debug: c.Debug, logger: b.logger,
	}
	return s.run(ctx, reload)
}

// openDirectories opens and checks them all.
func openDirectories(ctx context.Context, sections []directory.Config, logger *slog.Logger) (_ []*directory.Directory, err error) {
	var opened []*directory.Directory
	defer func() {
		if err != nil {
			closeDirectories(opened)
		}
	}()
	for _, section := range sections {
		d, err := directory.Open(section, logger)
		if err != nil {
			return nil, err
		}
		opened = append(opened, d)
		if err := d.Check(ctx); err != nil {
			return nil, fmt.Errorf("directory %s: %w", section.Name, err)
		}
	}
	return opened, nil
}

func closeDirectories(directories []*directory.Directory) {
	for _, d := range directories {
		d.Close()
	}
}

// open opens and checks everything that serving needs.
func (b *backends) open(ctx context.Context) (err error) {
	if b.store, b.keys, err = openStore(b.config); err != nil {
		return err
	}
	b.store.OnFailure(func() { b.metrics.BackendError("redis") })
	if err := b.store.Check(ctx, b.keys.Fingerprint()); err != nil {
		return err
	}
	tail := audit.NewTail(b.store, b.keys, b.config.Audit)
	if b.audit, err = audit.Open(b.config.Audit, b.keys, tail, b.logger); err != nil {
		return err
	}
	b.directories, err = openDirectories(ctx, b.config.Directories, b.logger)
	return err
}

// close closes what is open, the audit after everything that writes to it.
func (b *backends) close() error {
	closeDirectories(b.directories)
	var failures []error
	if b.audit != nil {
		failures = append(failures, b.audit.Close())
	}
	if b.store != nil {
		failures = append(failures, b.store.Close())
	}
	return errors.Join(failures...)
}

func named(directories []*directory.Directory) []recovery.Directory {
	out := make([]recovery.Directory, len(directories))
	for i, d := range directories {
		out[i] = recovery.Directory{Name: d.Name(), People: d, Passwords: d}
	}
	return out
}

// withServiceAccounts protects Latchkey's own accounts, whatever is configured.
func withServiceAccounts(c *config.Config) policy.Protected {
	protected := c.Protected
	for _, d := range c.Directories {
		protected.Entries = append(protected.Entries, d.BindDN)
	}
	return protected
}
