package recovery

import (
	"context"
	"errors"
	"sync"

	"latchkey/internal/directory"
	"latchkey/internal/store"
)

// sweepers is how many writes one round settles at a time: each may take the
// seconds that a late write is waited for.
const sweepers = 4

// sweep settles the writes whose process did not come to an end of them: it was
// stopped or killed, or lost Redis at the wrong moment. What the directory says
// decides whether the notice is sent or dropped.
func (s *Service) sweep(ctx context.Context) {
	var from uint64
	for pause(ctx, s.Config.SettleFor.Std()/2) {
		next, err := s.sweepOnce(ctx, from)
		if err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "pending writes cannot be settled now", "error", err)
		}
		from = next
	}
}

// round is one round of the sweeper: a part of the pending writes. The next goes
// on where it ends, so that writes which cannot be settled hold up no others.
type round struct {
	*Service
	mu sync.Mutex
	// away are servers that could not be asked in this round.
	away     map[string]bool
	failures []error
}

// sweepOnce settles a part of what is pending and returns where to go on.
func (s *Service) sweepOnce(ctx context.Context, from uint64) (next uint64, err error) {
	now, err := s.Store.clock(ctx)
	if err != nil {
		return from, err
	}
	some, next, err := s.Store.pending(ctx, from, now.Add(-s.Config.abandonedAfter()))
	if err != nil {
		return from, err
	}
	r := &round{Service: s, away: make(map[string]bool)}
	todo := make(chan pendingWrite)
	var all sync.WaitGroup
	for range sweepers {
		all.Go(func() {
			for w := range todo {
				r.note(r.settle(ctx, w))
			}
		})
	}
	for _, w := range some {
		todo <- w
	}
	close(todo)
	all.Wait()
	return next, errors.Join(r.failures...)
}

func (r *round) settle(ctx context.Context, w pendingWrite) error {
	old, err := r.Store.load(ctx, w.id)
	if errors.Is(err, ErrNoRecovery) {
		r.Logger.ErrorContext(ctx, "a pending write has lost its recovery; nobody can be told", "recovery", w.id)
		return r.Store.forget(ctx, w)
	}
	if err != nil {
		return err
	}
	if old.State != Writing && old.State != Unknown {
		return r.Store.forget(ctx, w)
	}
	if r.isAway(old.Write.Server) {
		return nil
	}
	_, err = r.settleAbandoned(ctx, old)
	if errors.Is(err, errUnsettled) && errors.Is(err, directory.ErrUnavailable) {
		r.setAway(old.Write.Server)
	}
	return err
}

func (r *round) isAway(server string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return server != "" && r.away[server]
}

func (r *round) setAway(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away[server] = true
}

// note keeps a failure; without the store one is enough.
func (r *round) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && (len(r.failures) == 0 || !errors.Is(err, store.ErrUnavailable)) {
		r.failures = append(r.failures, err)
	}
}
