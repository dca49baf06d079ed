package recovery

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/block"
	"latchkey/resetapi/delivery"
)

// CheckLink tells whether the link of a notice can be used. Nothing comes of it
// but the count of tries from an address. It fails with block.ErrLink,
// [LimitedError] or store.ErrUnavailable.
func (s *Service) CheckLink(ctx context.Context, link string, from netip.Addr) error {
	if _, err := s.take(ctx, s.codeBudget(from)); err != nil {
		return err
	}
	_, err := s.Links.Read(ctx, link)
	return err
}

// Disown stops self-service for the account of a link, at the word of whoever
// got the notice: recoveries that are open cannot write any more, and new ones
// are decoys, until an operator lifts it. The first time, all contacts and
// support are told. It returns the reference number of the reset, and fails like
// CheckLink.
func (s *Service) Disown(ctx context.Context, link string, from netip.Addr) (reference string, err error) {
	now, err := s.take(ctx, s.codeBudget(from))
	if err != nil {
		return "", err
	}
	subject, first, err := s.Links.Block(ctx, link)
	if err != nil {
		return "", err
	}
	if first {
		// It is stopped whatever happens to the caller and to what follows.
		s.disowned(context.WithoutCancel(ctx), subject, now, ratelimit.Network(from))
	}
	return subject.Recovery[:8], nil
}

// disowned tells everyone of a block.
func (s *Service) disowned(ctx context.Context, subject block.Subject, now time.Time, network string) {
	ctx, cancel := context.WithTimeout(ctx, outcomeTime)
	defer cancel()
	s.Logger.WarnContext(ctx, "a holder says that a reset was not theirs; self-service is stopped for the account", "recovery", subject.Recovery)
	s.Meter.Disowned()
	e := audit.Event{Kind: audit.Disowned, Recovery: subject.Recovery, Directory: subject.Directory, Person: subject.Person, Network: network}
	if err := s.Audit.Record(ctx, e); err != nil {
		s.Logger.ErrorContext(ctx, "that self-service was stopped is not in the audit", "recovery", subject.Recovery, "error", err)
	}
	for _, kind := range []string{delivery.KindBlocked, delivery.KindAlarm} {
		err := s.Outbox.Add(ctx, delivery.Job{
			Kind: kind, Method: string(EmailCode), Recovery: subject.Recovery, Directory: subject.Directory, Person: subject.Person,
			At: now, Network: network, ExpiresAt: now.Add(delivery.NoticeLifetime),
		})
		if err != nil {
			s.Logger.ErrorContext(ctx, "that self-service was stopped cannot be told", "recovery", subject.Recovery, "kind", kind, "error", err)
		}
	}
}

// LoginOf returns the login of a person now; empty when there is no such person
// any more, and while the directory cannot be asked.
func (s *Service) LoginOf(ctx context.Context, name, person string) string {
	_, found, err := s.person(ctx, Subject{Directory: name, Person: person})
	if err != nil {
		if !errors.Is(err, directory.ErrNotFound) {
			s.Logger.WarnContext(ctx, "support is not told the login: the person cannot be looked up", "error", err)
		}
		return ""
	}
	return found.Login
}
