package store

import (
	"context"
	"errors"
	"time"
)

// Lead does a piece of work for as long as the lease on it is the caller's, or
// returns [ErrLeaseHeld]. The context of the work ends with [ErrFenced] when
// another one may have taken it over. (Were that too late: writes name the
// fence.)
func (s *Store) Lead(ctx context.Context, name string, lifetime time.Duration, work func(ctx context.Context, fence int64) error) error {
	fence, err := s.TakeLease(ctx, name, lifetime)
	if err != nil {
		return err
	}
	leading, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		s.holdLease(leading, cancel, name, fence, lifetime)
	}()
	err = work(leading, fence)
	cancel(nil)
	<-kept
	limit, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	return errors.Join(err, s.EndLease(limit, name, fence))
}

// holdLease prolongs a lease, and ends the work when it cannot for so long that
// another may have it.
func (s *Store) holdLease(ctx context.Context, cancel context.CancelCauseFunc, name string, fence int64, lifetime time.Duration) {
	tick := time.NewTicker(lifetime / 3)
	defer tick.Stop()
	for kept := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.KeepLease(ctx, name, fence, lifetime)
		switch {
		case err == nil:
			kept = time.Now()
		case errors.Is(err, ErrFenced), time.Since(kept) > lifetime:
			cancel(err)
			return
		}
	}
}
