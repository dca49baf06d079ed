package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
	"latchkey/internal/telemetry"
	"latchkey/resetapi"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/delivery/mail"
	"latchkey/resetapi/delivery/sms"
	"latchkey/resetapi/freeze"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/support"
	"latchkey/resetapi/verifier"
	"latchkey/resetapi/web"
)

// backends is what serving stands on.
type backends struct {
	config      *config.Config
	logger      *slog.Logger
	metrics     *telemetry.Metrics
	store       *store.Store
	keys        *keyring.Ring
	audit       *audit.Log
	directories []*directory.Directory
}

// serving is the halves, wired together.
type serving struct {
	*backends
	queue       *delivery.Queue
	recoveries  *recovery.Service
	worker      *delivery.Worker
	server      *resetapi.Server
	listener    net.Listener
	private     net.Listener
	certificate *resetapi.Certificate
}

func newServing(ctx context.Context, b *backends) (*serving, error) {
	s := &serving{backends: b, queue: delivery.NewQueue(b.store, b.keys, b.config.Delivery)}
	limits := ratelimit.New(b.store, b.keys, b.config.Limits)
	channels, err := b.channels(limits)
	if err != nil {
		return nil, err
	}
	s.recoveries = b.newRecoveries(s.queue, limits, channels)
	desk := s.newDesk(limits)
	options := web.Options{Address: resetapi.Address, RequestID: resetapi.RequestID, Insecure: !b.config.Server.Secure()}
	to := recipients{"": s.recoveries, delivery.KindSupport: desk}
	if b.config.Support.TakesRequests() {
		options.Desk = desk
	}
	pages, err := web.New(b.config.Support, s.recoveries, b.logger, options)
	if err != nil {
		return nil, err
	}
	s.worker = &delivery.Worker{
		Queue: s.queue, Recipients: to, Channels: channels, Logger: b.logger,
		Held: s.recoveries.Held, Observe: b.metrics.Delivered,
	}
	s.server = resetapi.New(b.config.Server, s.recoveries, pages, b.metrics, b.logger)
	if s.private, err = listenPrivate(ctx, b.config.Server.PrivateListen); err != nil {
		return nil, err
	}
	s.listener, s.certificate, err = listenPublic(ctx, b.config.Server, b.logger)
	return s, err
}

// channels opens the ways to send, by method. SMS is there when it is on.
func (b *backends) channels(limits *ratelimit.Limiter) (map[string]delivery.Channel, error) {
	help := b.config.Support
	mailer, err := mail.Open(b.config.Mail)
	if err != nil {
		return nil, err
	}
	mailer.Support = mail.Support{Name: help.Name, Email: help.Email, Phone: help.Phone, Text: help.Text}
	channels := map[string]delivery.Channel{string(recovery.EmailCode): mailer}
	if b.config.SMS.On() {
		gateway, err := sms.Open(b.config.SMS, sms.Parts{PublicURL: b.config.Server.PublicURL, Budgets: limits, Logger: b.logger})
		if err != nil {
			return nil, err
		}
		channels[string(recovery.SMSCode)] = gateway
	}
	return channels, nil
}

func (b *backends) newRecoveries(queue *delivery.Queue, limits *ratelimit.Limiter, channels map[string]delivery.Channel) *recovery.Service {
	var methods []recovery.Method
	for method := range channels {
		methods = append(methods, recovery.Method(method))
	}
	c := b.config
	return recovery.New(recovery.Parts{
		Config: c.Recovery, Password: c.Password, Queue: c.Delivery,
		Policy: newPolicy(c), Directories: named(b.directories), Methods: methods, Reaches: c.SMS.Reaches,
		Contacts: contact.NewStore(b.store, b.keys), Codes: verifier.NewIssued(b.keys), Jobs: queue,
		Limits: limits, Store: recovery.NewStore(b.store, b.keys), Keys: b.keys, Logger: b.logger,
		Freeze: freeze.New(b.store, c.Server.FreezeFile, b.logger), Audit: b.audit, Meter: b.metrics,
	})
}

func (s *serving) newDesk(limits *ratelimit.Limiter) *support.Desk {
	c := s.config.Support
	return support.New(support.Parts{
		To: c.RequestsTo, ToDirectory: c.RequestsToDirectory, Language: c.RequestsLanguage,
		Queue: s.queue, Limits: limits, Recoveries: s.recoveries, Audit: s.audit, Logger: s.logger,
	})
}

// run serves until the context ends. Requests end before the workers do, so
// that what a request began is finished.
func (s *serving) run(ctx context.Context, reload *reloader) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.metrics.QueueLength(s.queue.Len)
	if s.certificate != nil {
		s.metrics.CertificateExpiry(s.certificate.Expires)
	}
	checks := readiness(s.store, s.keys, s.directories, s.queue, s.config.Delivery.MaxQueue, s.audit.Err)
	operation := resetapi.NewOperation(checks, s.metrics, s.metrics.Handler(), s.logger)

	var running sync.WaitGroup
	failures := make([]error, 3)
	running.Go(func() { failures[0] = s.recoveries.Run(background) })
	running.Go(func() { failures[1] = s.worker.Run(background) })
	if s.private != nil {
		running.Go(func() { failures[2] = operation.Serve(background, s.private) })
	}
	running.Go(func() { watchStore(background, s.store, s.keys, s.logger) })
	running.Go(func() { reload.run(background) })
	s.logger.Info("serving", "listen", s.listener.Addr().String(), "public_url", s.config.Server.PublicURL)
	serveErr := s.server.Serve(ctx, s.listener)
	stop()
	running.Wait()
	s.logger.Info("stopped")
	return errors.Join(append(failures, serveErr)...)
}
