package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotInitialized means that the store has no epoch.
	ErrNotInitialized = errors.New("the store is not initialized, or has lost its content: run `latchkey store init` once you know which")
	// ErrInitialized means that the store has an epoch already.
	ErrInitialized = errors.New("the store is initialized already")
	// ErrOtherKeyring means that the store was initialized with another keyring.
	ErrOtherKeyring = errors.New("the store was initialized with another keyring: what it holds cannot be read with this one")
	// ErrEviction means that Redis may drop keys when memory runs short; all
	// counters that guard accounts would be the first to go.
	ErrEviction = errors.New("the store may evict keys, and the counters that guard accounts go first: set maxmemory-policy noeviction in Redis")
)

// Init marks the store as Latchkey's: a new epoch and the keyring's
// fingerprint. It refuses on a store that is initialized already.
func (s *Store) Init(ctx context.Context, fingerprint string) error {
	if err := s.checkEviction(ctx); err != nil {
		return err
	}
	set, err := s.HSetNX(ctx, metaKey(), "keyring", fingerprint).Result()
	if err != nil {
		return Unavailable(err)
	}
	if !set {
		return ErrInitialized
	}
	return Unavailable(s.HSet(ctx, metaKey(), "epoch", rand.Text()).Err())
}

// Check is what must hold before anything is served: Redis answers, it evicts
// nothing, the store is initialized, and the keyring is the store's own.
func (s *Store) Check(ctx context.Context, fingerprint string) error {
	if err := s.checkEviction(ctx); err != nil {
		return err
	}
	meta, err := s.HGetAll(ctx, metaKey()).Result()
	switch {
	case err != nil:
		return Unavailable(err)
	case meta["epoch"] == "":
		return ErrNotInitialized
	case meta["keyring"] != fingerprint:
		return ErrOtherKeyring
	}
	return nil
}

func (s *Store) checkEviction(ctx context.Context) error {
	info, err := s.Info(ctx, "memory").Result()
	if err != nil {
		return Unavailable(fmt.Errorf("ask Redis for its memory policy: %w", err))
	}
	for line := range strings.Lines(info) {
		policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:")
		if ok && policy != "noeviction" {
			return fmt.Errorf("%w (it is %s)", ErrEviction, policy)
		}
	}
	return nil
}
