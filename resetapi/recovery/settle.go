package recovery

import (
	"context"
	"errors"
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

// settleNow looks at once whether a write of unknown outcome was made, and
// leaves the rest to a background task.
func (s *Service) settleNow(ctx context.Context, claimed stored, a directory.Attempt, candidate string) (View, error) {
	s.Logger.WarnContext(ctx, "the outcome of a password write is unknown and is being settled", "recovery", claimed.ID, "directory", claimed.Subject.Directory)
	settlement, asked := s.look(ctx, claimed, a, candidate)
	if settlement == directory.Written {
		if done, err := s.finish(ctx, claimed.ID, Settled{Claim: claimed.Write.Claim, Written: true}); err == nil {
			return done.view(done.now, s.Config), nil
		}
	}
	tests := 0
	if asked {
		tests++
	}
	s.settling.Go(func() { s.settle(context.WithoutCancel(ctx), claimed, a, candidate, settlement, tests) })
	waiting := claimed
	waiting.State = Unknown
	return waiting.view(waiting.now, s.Config), nil
}

// settle looks again and again until the outcome is certain. For settle_for it
// tests with the new password, at most twice; afterwards by the change stamp.
// What is still open a minute later is settled when somebody asks.
func (s *Service) settle(ctx context.Context, claimed stored, a directory.Attempt, candidate string, last directory.Settlement, tests int) {
	begun := time.Now()
	for time.Since(begun) < 2*s.Config.SettleFor.Std() {
		if last != directory.Undecided {
			settled, err := s.finish(ctx, claimed.ID, Settled{Claim: claimed.Write.Claim, Written: last == directory.Written})
			if err == nil && settled.State != Unknown {
				s.Logger.InfoContext(ctx, "settled", "recovery", claimed.ID, "state", settled.State)
				return
			}
		}
		if tests >= bindTests || time.Since(begun) >= s.Config.SettleFor.Std() {
			candidate = ""
		}
		if !pause(ctx, s.Config.SettleEvery.Std()) {
			return
		}
		var asked bool
		if last, asked = s.look(ctx, claimed, a, candidate); asked {
			tests++
		}
	}
	s.Logger.ErrorContext(ctx, "the outcome of a password write stays unknown", "recovery", claimed.ID)
}

// settleLater settles by the change stamp a write that nobody settles any more:
// the process that made it may be gone.
func (s *Service) settleLater(ctx context.Context, old stored) (stored, error) {
	if (old.State != Writing && old.State != Unknown) || old.now.Sub(old.Write.At) < s.Config.abandonedAfter() {
		return old, nil
	}
	if old.Write.DN == "" { // claimed, but nothing was sent
		return s.finishOnce(ctx, old.ID, Wrote{Claim: old.Write.Claim, Outcome: OutcomeNothing})
	}
	id, err := directory.ParseID(old.Subject.Person)
	if err != nil {
		return old, err
	}
	attempt := directory.Attempt{Server: old.Write.Server, ID: id, DN: old.Write.DN, ChangeStamp: old.Subject.Stamp, Unflagged: old.Write.Unflagged}
	settlement, _ := s.look(ctx, old, attempt, "")
	if settlement == directory.Undecided {
		return old, nil
	}
	return s.finishOnce(ctx, old.ID, Settled{Claim: old.Write.Claim, Written: settlement == directory.Written})
}

// finishOnce is finish where somebody else may have finished meanwhile.
func (s *Service) finishOnce(ctx context.Context, id string, event Event) (stored, error) {
	next, err := s.finish(ctx, id, event)
	if errors.Is(err, ErrNotNow) {
		return s.Store.load(ctx, id)
	}
	return next, err
}

// look asks the directory once. What cannot be asked is undecided; asked tells
// that the directory may have counted a wrong password.
func (s *Service) look(ctx context.Context, r stored, a directory.Attempt, candidate string) (settlement directory.Settlement, asked bool) {
	d, err := s.directory(r.Subject.Directory)
	if err != nil {
		return directory.Undecided, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	settlement, err = d.Settle(ctx, a, candidate)
	if err != nil {
		s.Logger.WarnContext(ctx, "a write cannot be settled yet", "recovery", r.ID, "error", err)
		return directory.Undecided, false
	}
	return settlement, true
}
