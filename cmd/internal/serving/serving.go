// Package serving wires the halves of Latchkey together and serves them. It is
// what `latchkey serve` and the demonstration have in common: whoever starts it
// brings the configuration, the store and the keyring, and everything else is
// opened, checked and closed here.
//
// It has no rules of its own, and only commands import it.
package serving

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"

	"latchkey/internal/contact"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi"
	"latchkey/resetapi/block"
	"latchkey/resetapi/change"
	"latchkey/resetapi/confirmation"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/delivery/mail"
	"latchkey/resetapi/delivery/sms"
	"latchkey/resetapi/freeze"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/support"
	"latchkey/resetapi/verifier"
	"latchkey/resetapi/web"
)

// Serving is the halves, wired together.
type Serving struct {
	*Backends
	// Certificate is nil where a proxy adds TLS.
	Certificate *resetapi.Certificate

	queue      *delivery.Queue
	recoveries *recovery.Service
	worker     *delivery.Worker
	server     *resetapi.Server
	listener   net.Listener
	private    net.Listener
}

// New wires what b has opened, and listens.
func New(ctx context.Context, b *Backends) (*Serving, error) {
	s := &Serving{Backends: b, queue: delivery.NewQueue(b.Store, b.Keys, b.Config.Delivery)}
	limits := ratelimit.New(b.Store, b.Keys, b.Config.Limits)
	channels, err := b.channels(ctx, limits)
	if err != nil {
		return nil, err
	}
	s.recoveries = b.newRecoveries(s.queue, limits, channels)
	desk := s.newDesk(limits)
	options := web.Options{Address: resetapi.Address, RequestID: resetapi.RequestID, Insecure: !b.Config.Server.Secure(), Disowning: s.recoveries}
	to := recipients{"": s.recoveries, delivery.KindSupport: desk, delivery.KindAlarm: desk, delivery.KindConfirmation: b.confirmations(s.queue)}
	if b.Config.Support.TakesRequests() {
		options.Desk = desk
	}
	var changes resetapi.Changes
	if b.Config.Change.Enabled {
		service := b.newChanges(limits, s.recoveries)
		options.Changes, changes = service, service
	}
	pages, err := web.New(b.Config.Support, s.recoveries, b.Logger, options)
	if err != nil {
		return nil, err
	}
	s.worker = &delivery.Worker{
		Queue: s.queue, Recipients: to, Channels: channels, Logger: b.Logger,
		Held: s.recoveries.Held, HeldBy: s.recoveries.HeldBy, Observe: b.Metrics.Delivered,
	}
	s.server = resetapi.New(b.Config.Server, s.recoveries, changes, pages, b.Metrics, b.Logger)
	if s.private, err = listenPrivate(ctx, b.Config.Server.PrivateListen); err != nil {
		return nil, err
	}
	s.listener, s.Certificate, err = listenPublic(ctx, b.Config.Server, b.Logger)
	return s, err
}

// confirmations addresses the codes of contacts that were entered by hand.
func (b *Backends) confirmations(queue *delivery.Queue) *confirmation.Service {
	return &confirmation.Service{Cards: contact.NewStore(b.Store, b.Keys), Codes: verifier.NewIssued(b.Keys), Queue: queue}
}

// channels opens the ways to send, by method. SMS is there when it is on.
func (b *Backends) channels(ctx context.Context, limits *ratelimit.Limiter) (map[string]delivery.Channel, error) {
	help := b.Config.Support
	mailer, err := mail.Open(b.Config.Mail)
	if err != nil {
		return nil, err
	}
	mailer.Support = mail.Support{Name: help.Name, Email: help.Email, Phone: help.Phone, Text: help.Text}
	channels := map[string]delivery.Channel{string(recovery.EmailCode): mailer}
	if b.Config.SMS.On() {
		gateway, err := sms.Open(b.Config.SMS, sms.Parts{
			PublicURL: b.Config.Server.PublicURL, Budgets: limits, Ledger: sms.NewLedger(b.Store, b.Keys),
			Meter: b.Metrics, Logger: b.Logger,
		})
		if err != nil {
			return nil, err
		}
		channels[string(recovery.SMSCode)] = gateway
	}
	return replaced(ctx, channels)
}

func (b *Backends) newRecoveries(queue *delivery.Queue, limits *ratelimit.Limiter, channels map[string]delivery.Channel) *recovery.Service {
	var methods []recovery.Method
	for method := range channels {
		methods = append(methods, recovery.Method(method))
	}
	gateway, _ := channels[string(recovery.SMSCode)].(*sms.Gateway)
	passed := func(ctx context.Context, m recovery.Method, challenge string) {
		if m == recovery.SMSCode && gateway != nil {
			gateway.Entered(ctx, challenge)
		}
	}
	c := b.Config
	blocks := block.New(b.Store, b.Keys)
	brake := freeze.New(b.Store, c.Server.FreezeFile, b.Logger)
	brake.Observe = b.Metrics.Frozen
	return recovery.New(recovery.Parts{
		Config: c.Recovery, Password: b.Passwords, Queue: c.Delivery,
		Policy: NewPolicy(c), Directories: named(b.Directories, c.Directories), Methods: methods, Reaches: c.SMS.Reaches,
		Contacts: contact.NewStore(b.Store, b.Keys), Codes: verifier.NewIssued(b.Keys), Jobs: queue,
		Limits: limits, Store: recovery.NewStore(b.Store, b.Keys), Keys: b.Keys, Logger: b.Logger,
		Freeze: brake, Blocks: blocks, Links: blocks, Outbox: queue, PublicURL: strings.TrimSuffix(c.Server.PublicURL, "/"), Audit: b.Audit, Meter: b.Metrics,
		Passed: passed,
	})
}

func (b *Backends) newChanges(limits *ratelimit.Limiter, recoveries *recovery.Service) *change.Service {
	parts := change.Parts{
		Config: b.Config.Change, Timeout: b.Config.Recovery.WriteTimeout.Std(), Password: b.Passwords, Policy: NewPolicy(b.Config),
		Limits: limits, Writes: recoveries, Brakes: recoveries, Audit: b.Audit, Meter: b.Metrics, Logger: b.Logger,
	}
	for _, d := range b.Directories {
		parts.Directories = append(parts.Directories, change.Directory{Name: d.Name(), People: d})
	}
	return change.New(parts)
}

func (s *Serving) newDesk(limits *ratelimit.Limiter) *support.Desk {
	c := s.Config.Support
	return support.New(support.Parts{
		To: c.RequestsTo, ToDirectory: c.RequestsToDirectory, Language: c.RequestsLanguage,
		Queue: s.queue, Limits: limits, Recoveries: s.recoveries, Audit: s.Audit, Logger: s.Logger,
	})
}

// Run serves until the context ends. Requests end before the workers do, so
// that what a request began is finished; beside runs as long as the workers.
func (s *Serving) Run(ctx context.Context, beside func(context.Context)) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.Metrics.QueueLength(s.queue.Len)
	if s.Certificate != nil {
		s.Metrics.CertificateExpiry(s.Certificate.Expires)
	}
	checks := readiness(s.Store, s.Keys, s.Directories, s.queue, s.Config.Delivery.MaxQueue, s.Audit.Err)
	operation := resetapi.NewOperation(checks, s.Metrics, s.Metrics.Handler(), s.Logger)

	var running sync.WaitGroup
	failures := make([]error, 3)
	running.Go(func() { failures[0] = s.recoveries.Run(background) })
	running.Go(func() { failures[1] = s.worker.Run(background) })
	if s.private != nil {
		running.Go(func() { failures[2] = operation.Serve(background, s.private) })
	}
	s.followDirectories(background, &running, s.queue)
	s.writeBack(background, &running)
	running.Go(func() { watchStore(background, s.Store, s.Keys, s.Logger) })
	running.Go(func() { beside(background) })
	s.Logger.Info("serving", "listen", s.listener.Addr().String(), "public_url", s.Config.Server.PublicURL)
	serveErr := s.server.Serve(ctx, s.listener)
	stop()
	running.Wait()
	s.Logger.Info("stopped")
	return errors.Join(append(failures, serveErr)...)
}
