package recovery

import (
	"context"
	"errors"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
)

func outcomeOf(err error) Outcome {
	_, refused := errors.AsType[*directory.RefusedError](err)
	_, unknown := errors.AsType[*directory.UnknownError](err)
	_, unfinished := errors.AsType[*directory.UnfinishedError](err)
	switch {
	case err == nil:
		return OutcomeDone
	case unfinished && !unknown:
		return OutcomeUnfinished
	case refused:
		return OutcomeRefused
	case unknown:
		return OutcomeUnknown
	case errors.Is(err, directory.ErrNotAllowed):
		return OutcomeNotAllowed
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrChanged), errors.Is(err, errMoved):
		return OutcomeSuperseded
	default:
		return OutcomeNothing
	}
}

// finish stores an outcome. When the write is over the lock is given back; when
// it was or may have been made the epoch moves on and the notice is queued. It
// fails with errOvertaken when only the change stamp says that it was made, and
// another write to the person is known by now.
func (s *Service) finish(ctx context.Context, id string, event Event) (stored, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	old, err := s.Store.load(ctx, id)
	if err != nil {
		return stored{}, err
	}
	return s.finishFrom(ctx, old, event)
}

// finishFrom is finish for a record that was loaded.
func (s *Service) finishFrom(ctx context.Context, old stored, event Event) (stored, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	settled, isSettled := event.(Settled)
	next, err := s.change(ctx, old, event, func(ctx context.Context, old stored, next Record) error {
		if next.State == Writing || next.State == Unknown {
			return s.swap(ctx, old, next)
		}
		first := next.State == Done && isSettled && settled.Seen == SeenChanged
		return s.Store.release(ctx, old, next, s.lifetime(), s.notice(old, next), first)
	})
	if err == nil && (next.State != Unknown || !isSettled) {
		s.auditEnd(ctx, endKind(old.Record), next.Record, event)
	}
	return next, err
}

// endKind is what the end of a write is called in the audit.
func endKind(r Record) string {
	switch {
	case r.Change:
		return audit.ChangeEnded
	case r.Write != nil && r.Write.Unlock:
		return audit.UnlockEnded
	default:
		return audit.WriteEnded
	}
}

// auditOutcome records what became of a write whose claim is still in the record.
func (s *Service) auditOutcome(ctx context.Context, r Record, event Event) {
	s.auditEnd(ctx, endKind(r), r, event)
}

// auditEnd records what became of a write. The write is over, so a failure can
// only be reported; the audit then refuses the next intent.
func (s *Service) auditEnd(ctx context.Context, kind string, r Record, event Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	e := s.about(r, audit.Event{Kind: kind, Outcome: string(r.State)})
	if r.State == Ended {
		e.Outcome = string(r.End)
	}
	if wrote, ok := event.(Wrote); ok {
		e.Outcome = wrote.Outcome.String()
	}
	if err := s.Audit.Record(ctx, e); err != nil {
		s.Logger.ErrorContext(ctx, "the outcome of a write is not in the audit", "recovery", r.ID, "outcome", e.Outcome, "error", err)
	}
}
