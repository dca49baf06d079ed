package recovery

import (
	"context"
	"errors"
)

// sweep settles the writes whose process did not come to an end of them: it was
// killed, or lost Redis at the wrong moment. What the directory says decides
// whether the notice is sent or dropped.
func (s *Service) sweep(ctx context.Context) {
	for pause(ctx, s.Config.SettleFor.Std()/2) {
		if err := s.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "pending writes cannot be settled now", "error", err)
		}
	}
}

func (s *Service) sweepOnce(ctx context.Context) error {
	now, err := s.Store.clock(ctx)
	if err != nil {
		return err
	}
	ids, err := s.Store.pending(ctx, now.Add(-s.Config.abandonedAfter()))
	if err != nil {
		return err
	}
	var failures []error
	for _, id := range ids {
		if err := s.sweepOne(ctx, id); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

func (s *Service) sweepOne(ctx context.Context, id string) error {
	r, err := s.Store.load(ctx, id)
	if errors.Is(err, ErrNoRecovery) {
		s.Logger.ErrorContext(ctx, "a pending write has lost its recovery; nobody can be told", "recovery", id)
		return s.Store.forget(ctx, id)
	}
	if err != nil {
		return err
	}
	if r.State != Writing && r.State != Unknown {
		return s.Store.forget(ctx, id)
	}
	_, err = s.settleLater(ctx, r)
	return err
}
