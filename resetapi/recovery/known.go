package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"

	"latchkey/internal/audit"
	"latchkey/internal/crash"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
)

// KnownChange is the change of a password that its holder knows, and has proved
// to the directory. It is no recovery: it has no gates and no ticket. Its write
// is held apart from those of recoveries, announced, settled and told like one
// of theirs, so it has a record of the same kind.
type KnownChange struct {
	Directory string
	Person    *directory.Person
	// Languages, Browser and Address are those of [StartRequest].
	Languages, Browser string
	Address            netip.Addr
}

// ChangeClaim is the right to make one such write.
type ChangeClaim struct {
	claimed stored
	attempt directory.Attempt
}

// ID names the change in the log, the audit and the notice.
func (c ChangeClaim) ID() string { return c.claimed.ID }

// ClaimChange takes the person's lock, notes the write as pending, and announces
// it in the audit; only then may it be sent. Whoever got the claim ends it with
// [Service.EndChange]. It fails with [ErrBusy] while another write to the person
// has no outcome, and with what [Service.SetPassword] fails with before a write.
func (s *Service) ClaimChange(ctx context.Context, k KnownChange) (ChangeClaim, error) {
	subject := Subject{Directory: k.Directory, Person: k.Person.ID.String(), Login: k.Person.Login, Stamp: k.Person.ChangeStamp}
	b := s.Store.batch()
	askedNow, askedEpoch := s.Store.clockWith(ctx, b), s.Store.epochWith(ctx, b, subject)
	b.Send(ctx)
	now, err := askedNow()
	if err != nil {
		return ChangeClaim{}, err
	}
	if subject.Epoch, err = askedEpoch(); err != nil {
		return ChangeClaim{}, err
	}
	record := Record{
		ID: rand.Text(), Seed: rand.Text(), Change: true, Language: firstLanguage(k.Languages), State: Started,
		StartedAt: now, TouchedAt: now, Network: ratelimit.Network(k.Address), Browser: clip(k.Browser, longestBrowser),
	}
	if err := s.Store.create(ctx, record, s.lifetime()); err != nil {
		return ChangeClaim{}, err
	}
	attempt := k.Person.Attempt()
	attempt.OwnChange = true
	claimed, err := s.change(ctx, stored{Record: record, version: firstVersion, now: now}, ChangeClaimed{
		Claim: rand.Text(), Server: attempt.Server, DN: attempt.DN, Unflagged: attempt.Unflagged, Subject: subject,
	}, s.claim)
	if errors.Is(err, errOvertaken) {
		err = fmt.Errorf("%w: %w", ErrBusy, err)
	}
	if err != nil {
		return ChangeClaim{}, err
	}
	c := ChangeClaim{claimed: claimed, attempt: attempt}
	if err := s.Audit.Record(ctx, s.about(claimed.Record, audit.Event{Kind: audit.ChangeIntended})); err != nil {
		err = fmt.Errorf("the intent cannot be audited, so nothing is written: %w", err)
		_, ended := s.EndChange(ctx, c, err, "")
		return ChangeClaim{}, errors.Join(err, ended)
	}
	crash.Here("change intended")
	return c, nil
}

// EndChange stores what became of the write. When it was made, everyone is told
// and every open recovery of the person is over. Where that is not known it looks
// at once, and leaves the rest to the settling of writes. The step is StepDone,
// StepSettling, or StepEnded where nothing was written.
func (s *Service) EndChange(ctx context.Context, c ChangeClaim, failure error, candidate string) (Step, error) {
	outcome := outcomeOf(failure)
	unknown, _ := errors.AsType[*directory.UnknownError](failure)
	c.attempt.Overwritten = unknown != nil && unknown.Generated
	wrote := Wrote{Claim: c.claimed.Write.Claim, Outcome: outcome, Overwritten: c.attempt.Overwritten}
	crash.Here("change written")
	s.Logger.InfoContext(ctx, "change of a known password", "change", c.ID(), "outcome", outcome.String(), "error", failure)
	_, err := s.finish(ctx, c.ID(), wrote)
	if err != nil {
		s.auditOutcome(ctx, c.claimed.Record, wrote)
	}
	switch outcome {
	case OutcomeDone:
		if err != nil { // that is the truth to tell; the sweeper tells the contacts
			s.Logger.ErrorContext(ctx, "the password is changed but the store does not know", "change", c.ID(), "error", err)
		}
		return StepDone, nil
	case OutcomeUnknown:
		v, err := s.settleNow(ctx, &settling{claimed: c.claimed, attempt: c.attempt, candidate: candidate})
		return v.Step, err
	default:
		return StepEnded, err
	}
}

// Suspended reports whether self-service is stopped for a person and not for
// others: by the holder, or by an operator.
func (s *Service) Suspended(ctx context.Context, directoryName string, p *directory.Person) (bool, error) {
	now, err := s.Store.clock(ctx)
	if err != nil {
		return false, err
	}
	b := s.Store.batch()
	asked := s.Blocks.Stopped(ctx, b, directoryName, p.ID.String(), now)
	b.Send(ctx)
	stopped, err := asked()
	if err != nil {
		return false, err
	}
	reason, err := s.suspended(ctx, p, stopped)
	return reason != "", err
}

// Writable refuses while nothing may be written for anybody: everything is frozen, or
// the store is not what it must be.
func (s *Service) Writable(ctx context.Context) error {
	return errors.Join(s.Store.healthy(), s.thawed(ctx))
}
