package store

import (
	"context"
	"errors"
	"time"
)

// patience bounds one round of the watch.
const patience = 5 * time.Second

// health is what the watch found last.
type health struct{ err error }

// Watch looks again and again whether what Check found still holds: the same
// settings of Redis, an initialized store, the same keyring, and a server that
// takes writes. It runs until the context ends; report is called when the
// answer changes, with nil when all is well again.
func (s *Store) Watch(ctx context.Context, fingerprint string, every time.Duration, report func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		before := s.Healthy()
		err := s.Look(ctx, fingerprint)
		if ctx.Err() != nil {
			return
		}
		if (err == nil) != (before == nil) || err != nil && !sameKind(err, before) {
			report(err)
		}
	}
}

// Look makes one round of the watch now, for a health page.
func (s *Store) Look(ctx context.Context, fingerprint string) error {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.checkServers(limit)
	if err == nil {
		err = s.checkMeta(limit, fingerprint)
	}
	if err == nil {
		err = s.checkWrite(limit)
	}
	if ctx.Err() == nil {
		s.health.Store(&health{err})
	}
	return err
}

// Healthy returns what the last round of the watch found, without asking
// Redis; nil before the first. While it is an error no code may be compared:
// the counters of guesses may be gone.
func (s *Store) Healthy() error {
	if h := s.health.Load(); h != nil {
		return h.err
	}
	return nil
}

// sameKind reports whether two errors have the same cause, as far as it has a name.
func sameKind(a, b error) bool {
	for _, known := range []error{ErrUnavailable, ErrNotInitialized, ErrOtherKeyring, ErrEviction, ErrVolatile, ErrReplica, ErrCommands, ErrTooOld} {
		if errors.Is(a, known) {
			return errors.Is(b, known)
		}
	}
	return false
}
