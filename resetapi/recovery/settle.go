package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/directory"
)

const (
	// settleTime bounds one look at the directory.
	settleTime = 5 * time.Second
	// bindTests is how many answered binds with the new password a settling
	// makes at most, so that it never locks the account.
	bindTests = 2
)

// settling is a write of unknown outcome in the hands of the process that made
// it: only there the new password is still known.
type settling struct {
	claimed   stored
	attempt   directory.Attempt
	candidate string
	// last is what was seen last, tests how many binds the directory counted.
	last  directory.Settlement
	tests int
}

// settleNow looks at once whether a write of unknown outcome was made, and
// leaves the rest to a background task.
func (s *Service) settleNow(ctx context.Context, w *settling) (View, error) {
	s.Logger.WarnContext(ctx, "the outcome of a password write is unknown and is being settled", "recovery", w.claimed.ID, "directory", w.claimed.Subject.Directory)
	ctx = context.WithoutCancel(ctx)
	s.test(ctx, w)
	if w.last == directory.Written {
		if done, err := s.settled(ctx, w.claimed, w.last); err == nil {
			return done.view(done.now, s.Config), nil
		}
	}
	s.settling.Go(func() { s.settle(ctx, w) })
	waiting := w.claimed
	waiting.State = Unknown
	return waiting.view(waiting.now, s.Config), nil
}

// settle looks again and again until the outcome is certain. For settle_for it
// tests with the new password, at most twice; afterwards by the change stamp.
// What is still open then, or when the process is told to stop, is settled by
// the sweepers of all processes, or when somebody asks.
func (s *Service) settle(ctx context.Context, w *settling) {
	ctx, cancel := s.whileRunning(ctx)
	defer cancel()
	begun := time.Now()
	for time.Since(begun) < 2*s.Config.SettleFor.Std() {
		if w.last != directory.Undecided {
			if next, err := s.settled(ctx, w.claimed, w.last); err == nil && next.State != Unknown {
				s.Logger.InfoContext(ctx, "settled", "recovery", next.ID, "state", next.State)
				return
			}
		}
		if w.tests >= bindTests || time.Since(begun) >= s.Config.SettleFor.Std() {
			w.candidate = ""
		}
		if !pause(ctx, s.Config.SettleEvery.Std()) {
			s.Logger.WarnContext(ctx, "the outcome of a password write is left to be settled later", "recovery", w.claimed.ID)
			return
		}
		s.test(ctx, w)
	}
	s.Logger.ErrorContext(ctx, "the outcome of a password write stays unknown", "recovery", w.claimed.ID)
}

// test looks once. What it finds out for good is kept in the attempt too, in
// case the store does not take it.
func (s *Service) test(ctx context.Context, w *settling) {
	var err error
	if w.last, err = s.look(ctx, w.claimed.Record, w.attempt, w.candidate); err != nil {
		s.Logger.WarnContext(ctx, "a write cannot be settled yet", "recovery", w.claimed.ID, "error", err)
		return
	}
	if w.candidate != "" {
		w.tests++
	}
	w.attempt.Overwritten = w.attempt.Overwritten || w.last == directory.Overwritten
}

// whileRunning returns a context that ends with Run and not with the request: a
// stop must not wait for a directory that is away.
func (s *Service) whileRunning(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-s.halted:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// errUnsettled means that the directory could not be asked about a write.
var errUnsettled = errors.New("a write cannot be settled yet")

// settleLater settles by the change stamp, for somebody who asks, a write that
// nobody settles any more: the process that made it may be gone.
func (s *Service) settleLater(ctx context.Context, old stored) (stored, error) {
	next, err := s.settleAbandoned(ctx, old)
	if errors.Is(err, errUnsettled) {
		s.Logger.WarnContext(ctx, "a write cannot be settled yet", "recovery", old.ID, "error", err)
		return old, nil
	}
	return next, err
}

// settleAbandoned fails with errUnsettled when the directory is away.
func (s *Service) settleAbandoned(ctx context.Context, old stored) (stored, error) {
	if (old.State != Writing && old.State != Unknown) || old.now.Sub(old.Write.At) < s.Config.abandonedAfter() {
		return old, nil
	}
	if old.Write.DN == "" { // claimed, but nothing was sent
		return s.finishOnce(ctx, old.ID, Wrote{Claim: old.Write.Claim, Outcome: OutcomeNothing})
	}
	if may, err := s.Store.mayLook(ctx, old.ID, s.Config.SettleEvery.Std()); err != nil || !may {
		return old, err
	}
	if old.Write.Unlock {
		return s.unlockAgain(ctx, old)
	}
	id, err := directory.ParseID(old.Subject.Person)
	if err != nil {
		return old, err
	}
	settlement, err := s.look(ctx, old.Record, directory.Attempt{
		Server: old.Write.Server, ID: id, DN: old.Write.DN, ChangeStamp: old.Subject.Stamp,
		Unflagged: old.Write.Unflagged, Overwritten: !old.Write.OverwrittenAt.IsZero(), OwnChange: old.Change,
	}, "")
	if err != nil {
		return old, fmt.Errorf("%w: %w", errUnsettled, err)
	}
	if settlement == directory.Undecided {
		return old, nil
	}
	return s.settled(ctx, old, settlement)
}

// settled stores what was seen. What the change stamp alone says counts for this
// write only while no other recovery of the person is known to have written.
func (s *Service) settled(ctx context.Context, claimed stored, settlement directory.Settlement) (stored, error) {
	event := Settled{Claim: claimed.Write.Claim, Seen: seen(settlement)}
	next, err := s.finishOnce(ctx, claimed.ID, event)
	if errors.Is(err, errOvertaken) {
		event.Seen = SeenOvertaken
		next, err = s.finishOnce(ctx, claimed.ID, event)
	}
	return next, err
}

func seen(settlement directory.Settlement) Seen {
	switch settlement {
	case directory.Written:
		return SeenWritten
	case directory.NotWritten:
		return SeenUnwritten
	case directory.Overwritten:
		return SeenOverwritten
	default:
		return SeenChanged
	}
}

// finishOnce is finish where somebody else may have finished meanwhile.
func (s *Service) finishOnce(ctx context.Context, id string, event Event) (stored, error) {
	next, err := s.finish(ctx, id, event)
	if errors.Is(err, ErrNotNow) {
		return s.Store.load(ctx, id)
	}
	return next, err
}

// look asks the directory once.
func (s *Service) look(ctx context.Context, r Record, a directory.Attempt, candidate string) (directory.Settlement, error) {
	d, err := s.directory(r.Subject.Directory)
	if err != nil {
		return directory.Undecided, err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return d.Settle(ctx, a, candidate)
}
