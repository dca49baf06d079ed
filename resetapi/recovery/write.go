package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/crash"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
)

// errOvertaken means that the person's epoch moved on since the recovery began.
var errOvertaken = errors.New("another recovery of the same person came first")

// outcomeTime bounds the storing of an outcome, and its audit, which begin when
// the time for the write may be used up.
const outcomeTime = 5 * time.Second

// lockTime is how long a write whose outcome stays unknown keeps other writes to
// the person out: until every recovery is over that knew the password from
// before. A person whose server is gone for good can then be written elsewhere.
func (c Config) lockTime() time.Duration { return (c.Lifetime + c.settlingTime()).Std() }

// settlingTime is how long the process that made a write works on its outcome.
func (c Config) settlingTime() setting.Duration { return c.WriteTimeout + 2*c.SettleFor }

// abandonedAfter is when a write without outcome has no process any more that
// works on it.
func (c Config) abandonedAfter() time.Duration { return c.WriteTimeout.Std() + c.SettleFor.Std() }

// SetPassword writes the new password into the directory. The view says done,
// or settling when the outcome is not known. It fails with [RefusedError],
// [EndedError], [ErrNotNow], [ErrBusy], directory.ErrUnavailable or
// store.ErrUnavailable; in all these cases nothing was written.
func (s *Service) SetPassword(ctx context.Context, t Ticket, candidate string) (View, error) {
	old, err := s.ready(ctx, t)
	if err != nil {
		return View{}, err
	}
	candidate = s.Password.Form(candidate)
	if reasons := s.Password.Check(candidate, old.Subject.Login); len(reasons) > 0 {
		return View{}, &RefusedError{reasons}
	}
	if err := s.Writable(ctx); err != nil {
		return View{}, err
	}
	claimed, err := s.claimed(ctx, old, Claimed{rand.Text()})
	if err != nil {
		return View{}, err
	}
	crash.Here("claimed")
	// From here on the caller's hanging up changes nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.WriteTimeout.Std())
	defer cancel()
	return s.write(ctx, claimed, candidate)
}

// claimed takes a claim. A recovery that another one of the person overtook ends.
func (s *Service) claimed(ctx context.Context, old stored, event Event) (stored, error) {
	claimed, err := s.change(ctx, old, event, s.claim)
	if !errors.Is(err, errOvertaken) {
		return claimed, err
	}
	if _, err := s.change(ctx, old, Overtaken{}, s.swap); err != nil {
		return stored{}, err
	}
	return stored{}, &EndedError{Superseded}
}

func (s *Service) claim(ctx context.Context, old stored, next Record) error {
	return s.Store.claim(ctx, old, next, s.lifetime(), s.Config.lockTime())
}

// write makes the write of a claim and stores its outcome.
func (s *Service) write(ctx context.Context, claimed stored, candidate string) (View, error) {
	last, attempt, failure := s.attempt(ctx, claimed, candidate)
	outcome := outcomeOf(failure)
	unknown, _ := errors.AsType[*directory.UnknownError](failure)
	attempt.Overwritten = unknown != nil && unknown.Generated
	wrote := Wrote{Claim: claimed.Write.Claim, Outcome: outcome, Overwritten: attempt.Overwritten}
	if unfinished, ok := errors.AsType[*directory.UnfinishedError](failure); ok {
		_, refused := errors.AsType[*directory.RefusedError](failure)
		wrote.Stamp, wrote.Refused = unfinished.ChangeStamp, refused
	}
	crash.Here("written")
	s.Logger.InfoContext(ctx, "password write", "recovery", claimed.ID, "outcome", outcome.String(), "error", failure)
	s.Meter.Write(outcome.String())
	next, err := s.finishWrite(ctx, last, wrote)
	crash.Here("outcome stored")
	if err != nil {
		// Nobody can tell later what is known here.
		s.auditOutcome(ctx, claimed.Record, wrote)
	}
	if outcome == OutcomeUnknown {
		return s.settleNow(ctx, &settling{claimed: claimed, attempt: attempt, candidate: candidate})
	}
	if outcome == OutcomeDone && err != nil {
		// The directory has the password: that is the truth to tell. The other
		// recoveries of the person die of the change stamp.
		s.Logger.ErrorContext(ctx, "the password is written but the store does not know", "recovery", claimed.ID, "error", err)
		done := claimed
		done.State = Done
		return done.view(done.now, s.Config), nil
	}
	if err != nil {
		return View{}, err
	}
	return next.view(next.now, s.Config), s.answer(next.Record, outcome, failure)
}

// answer is what the caller is told of an outcome.
func (s *Service) answer(r Record, outcome Outcome, failure error) error {
	switch outcome {
	case OutcomeDone:
		return nil
	case OutcomeRefused, OutcomeUnfinished:
		if refused, ok := errors.AsType[*directory.RefusedError](failure); ok && r.State != Ended {
			reasons := make([]string, len(refused.Reasons))
			for i, reason := range refused.Reasons {
				reasons[i] = string(reason)
			}
			return &RefusedError{reasons}
		}
		if r.State != Ended {
			return failure
		}
		return &EndedError{r.End}
	case OutcomeNotAllowed, OutcomeSuperseded:
		return &EndedError{r.End}
	default:
		return failure
	}
}

// attempt writes to the server that the person is read from. Where that takes no
// writes, nothing was written, and the person is read again from another: what a
// copy showed may be old. Each server is tried once.
func (s *Service) attempt(ctx context.Context, last stored, candidate string) (stored, directory.Attempt, error) {
	var readOnly error
	for tried := map[string]bool{}; ; {
		d, person, err := s.person(ctx, last.Subject)
		if err != nil {
			return last, directory.Attempt{}, errors.Join(err, readOnly)
		}
		attempt := person.Attempt()
		if tried[attempt.Server] {
			s.Logger.ErrorContext(ctx, "nobody can be reset: all servers of the directory that answer are copies which take no writes; name one in servers that does, and see whether it runs", "recovery", last.ID, "directory", d.Name)
			return last, attempt, readOnly
		}
		tried[attempt.Server] = true
		if last, err = s.writeTo(ctx, d, person, last, candidate); !errors.Is(err, directory.ErrReadOnly) {
			return last, attempt, err
		}
		readOnly = err
	}
}

// writeTo checks once more who this is and what they may, and then writes. It
// returns the record as it is then, with the time right before the write.
func (s *Service) writeTo(ctx context.Context, d Directory, person *directory.Person, last stored, candidate string) (stored, error) {
	attempt := person.Attempt()
	if err := s.recheck(ctx, d, person, last.Record); err != nil {
		return last, err
	}
	// Where the write goes is stored before it goes.
	last, err := s.aim(ctx, last, Aimed{Claim: last.Write.Claim, Server: attempt.Server, DN: attempt.DN, Unflagged: attempt.Unflagged})
	if err != nil {
		return last, err
	}
	crash.Here("aimed")
	if err := s.Audit.Record(ctx, s.about(last.Record, audit.Event{Kind: audit.WriteIntended})); err != nil {
		return last, fmt.Errorf("the intent cannot be audited, so nothing is written: %w", err)
	}
	crash.Here("intent audited")
	now, err := s.permitted(ctx, last.Record, person)
	if err != nil {
		return last, err
	}
	last.now, last.holder = now, person
	return last, d.SetPassword(ctx, person, candidate)
}

// finishWrite stores the outcome of the write of a record that was held since. A
// wait begins with an unknown outcome, so that the time of then is asked for.
func (s *Service) finishWrite(ctx context.Context, last stored, wrote Wrote) (stored, error) {
	if wrote.Outcome == OutcomeUnknown {
		return s.finish(ctx, last.ID, wrote)
	}
	return s.finishFrom(ctx, last, wrote)
}

// about adds to an event what a record knows.
func (s *Service) about(r Record, e audit.Event) audit.Event {
	e.Recovery, e.Directory, e.Person, e.Network = r.ID, r.Subject.Directory, r.Subject.Person, r.Network
	return e
}

// ready loads a recovery whose gates are all passed.
func (s *Service) ready(ctx context.Context, t Ticket) (stored, error) {
	old, err := s.holder(ctx, t)
	if err != nil {
		return stored{}, err
	}
	switch {
	case old.State == Ended:
		return stored{}, &EndedError{old.End}
	case !old.over() && !old.now.Before(old.ExpiresAt(s.Config)):
		return stored{}, &EndedError{Expired}
	case old.State != Ready:
		return stored{}, ErrNotNow
	}
	return old, nil
}

// person reads the person of a recovery again, by the permanent id.
func (s *Service) person(ctx context.Context, subject Subject) (Directory, *directory.Person, error) {
	d, err := s.directory(subject.Directory)
	if err != nil {
		return Directory{}, nil, err
	}
	id, err := directory.ParseID(subject.Person)
	if err != nil {
		return Directory{}, nil, err
	}
	person, err := d.Read(ctx, id)
	return d, person, err
}
