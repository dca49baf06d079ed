package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"latchkey/config"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
	"latchkey/internal/telemetry"
	"latchkey/resetapi"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/delivery/mail"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/verifier"
	"latchkey/resetapi/web"
)

type serveCommand struct {
	Debug bool `help:"Log more, for looking into a fault; logins and addresses stay out all the same."`
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return "Before anything is served, Redis, the keyring and each directory are checked; what is wrong is said, and nothing is served. Logs are JSON lines on standard error. An interrupt or SIGTERM lets requests finish and ends."
}

// Run serves until it is told to stop.
func (c serveCommand) Run(ctx context.Context, app *application) error {
	loaded, err := app.load()
	if err != nil {
		return err
	}
	if err := forbidDumps(); err != nil {
		return err
	}
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	logger := telemetry.NewLogger(app.err, level)
	s, keys, err := openStore(loaded)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Check(ctx, keys.Fingerprint()); err != nil {
		return err
	}
	directories, err := openDirectories(ctx, loaded.Directories, logger)
	if err != nil {
		return err
	}
	defer closeDirectories(directories)
	return serve(ctx, loaded, s, keys, directories, logger)
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

// serve wires the halves together and runs them. Requests end before the
// workers do, so that what a request began is finished.
func serve(ctx context.Context, c *config.Config, s *store.Store, keys *keyring.Ring, directories []*directory.Directory, logger *slog.Logger) error {
	mailer, err := mail.Open(c.Mail)
	if err != nil {
		return err
	}
	queue := delivery.NewQueue(s, keys, c.Delivery)
	recoveries := recovery.New(recovery.Parts{
		Config: c.Recovery, Password: c.Password, Queue: c.Delivery,
		Policy: newPolicy(c), Directories: named(directories),
		Contacts: contact.NewStore(s, keys), Codes: verifier.NewIssued(keys), Jobs: queue,
		Limits: ratelimit.New(s, keys, c.Limits), Store: recovery.NewStore(s, keys), Keys: keys, Logger: logger,
	})
	pages, err := web.New(c.Support, recoveries, logger, web.Options{
		Address: resetapi.Address, RequestID: resetapi.RequestID, Insecure: !c.Server.Secure(),
	})
	if err != nil {
		return err
	}
	worker := &delivery.Worker{
		Queue: queue, Recipients: recoveries, Logger: logger,
		Channels: map[string]delivery.Channel{string(recovery.EmailCode): mailer},
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen for people: %w", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	var recoveryErr, workerErr error
	running.Go(func() { recoveryErr = recoveries.Run(background) })
	running.Go(func() { workerErr = worker.Run(background) })
	logger.Info("serving", "listen", listener.Addr().String(), "public_url", c.Server.PublicURL)
	serveErr := resetapi.New(c.Server, recoveries, pages, logger).Serve(ctx, listener)
	stop()
	running.Wait()
	logger.Info("stopped")
	return errors.Join(serveErr, recoveryErr, workerErr)
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
