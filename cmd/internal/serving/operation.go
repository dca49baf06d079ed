package serving

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/resetapi"
	"latchkey/resetapi/delivery"
)

// watchEvery is the time between two looks at what Redis must be.
const watchEvery = time.Minute

// listenPublic opens the public listener, with TLS where a certificate is
// configured; without one, the certificate is nil.
func listenPublic(ctx context.Context, c resetapi.Config, logger *slog.Logger) (net.Listener, *resetapi.Certificate, error) {
	var certificate *resetapi.Certificate
	if c.CertFile != "" {
		var err error
		if certificate, err = resetapi.OpenCertificate(c.CertFile, c.KeyFile, logger); err != nil {
			return nil, nil, err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for people at [server] listen: %w", err)
	}
	if certificate != nil {
		listener = tls.NewListener(listener, certificate.Config())
	}
	return listener, certificate, nil
}

// listenPrivate opens the listener of health and metrics; nil without an address.
func listenPrivate(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for health and metrics at [server] private_listen: %w", err)
	}
	return listener, nil
}

// errQueueFull means that no message can be queued.
var errQueueFull = errors.New("the delivery queue is full")

// readiness lists what must hold for requests to be served.
func readiness(s *store.Store, keys *keyring.Ring, directories []*directory.Directory, queue *delivery.Queue, maxQueue int, audit func() error) []resetapi.Check {
	checks := []resetapi.Check{
		{Name: "redis", Run: func(ctx context.Context) error { return s.Look(ctx, keys.Fingerprint()) }},
		{Name: "delivery queue", Run: func(ctx context.Context) error {
			waiting, err := queue.Len(ctx)
			if err == nil && waiting >= maxQueue {
				err = errQueueFull
			}
			return err
		}},
		{Name: "audit", Run: func(context.Context) error { return audit() }},
	}
	for _, d := range directories {
		checks = append(checks, resetapi.Check{Name: "directory " + d.Name(), Run: d.Check})
	}
	return checks
}

// watchStore looks at Redis until the context ends, and says what it lost.
func watchStore(ctx context.Context, s *store.Store, keys *keyring.Ring, logger *slog.Logger) {
	if s.Volatile() {
		logger.WarnContext(ctx, "Redis keeps nothing on disk: a restart of it loses all contacts and counters; allow_volatile is for a trial")
	}
	s.Watch(ctx, keys.Fingerprint(), watchEvery, func(err error) {
		if err != nil {
			logger.ErrorContext(ctx, "Redis is not what it must be; no code is compared until it is", "error", err)
			return
		}
		logger.InfoContext(ctx, "Redis is what it must be again")
	})
}
