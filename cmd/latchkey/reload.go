package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"latchkey/config"
	"latchkey/internal/keyring"
	"latchkey/resetapi"
	"latchkey/resetapi/password"
)

// reloader takes up on SIGHUP what may change in a running server: the
// certificate, the keyring, the blocklist of passwords and the log's level.
// Whatever cannot be read stays as it was.
type reloader struct {
	app *application
	// inUse is the configuration that the server was started with.
	inUse *config.Config
	keys  *keyring.Ring
	// certificate is nil where a proxy adds TLS.
	certificate *resetapi.Certificate
	passwords   *password.Rules
	level       *slog.LevelVar
	// debug is the flag, which wins over the configured level.
	debug  bool
	logger *slog.Logger
}

// run waits for signals until the context ends.
func (r *reloader) run(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			r.reload(ctx)
		}
	}
}

func (r *reloader) reload(ctx context.Context) {
	if err := r.keys.Reload(); err != nil {
		r.logger.ErrorContext(ctx, "the keyring cannot be taken up; the old one stays in use", "error", err)
	}
	if r.certificate != nil {
		if err := r.certificate.Reload(); err != nil {
			r.logger.ErrorContext(ctx, "the certificate cannot be taken up; the old one stays in use", "error", err)
		}
	}
	if _, err := r.passwords.Load(); err != nil {
		r.logger.ErrorContext(ctx, "the blocklist of passwords cannot be taken up; the old one stays in use", "error", err)
	}
	loaded, err := r.app.load()
	if err != nil {
		r.logger.ErrorContext(ctx, "the configuration cannot be loaded; the old one stays in use", "error", err)
		return
	}
	r.level.Set(minimum(loaded, r.debug))
	fixed := slices.DeleteFunc(r.inUse.Changed(loaded), func(section string) bool { return section == "log" })
	if len(fixed) > 0 {
		r.logger.WarnContext(ctx, "changes of these sections need a restart", "sections", strings.Join(fixed, ", "))
	}
	r.logger.InfoContext(ctx, "reloaded", "level", r.level.Level().String(), "key_version", r.keys.Current())
}

// minimum is the least level that is logged.
func minimum(c *config.Config, debug bool) slog.Level {
	if debug {
		return slog.LevelDebug
	}
	return c.Log.Minimum()
}
