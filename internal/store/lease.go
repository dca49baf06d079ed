package store

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrLeaseHeld means that another instance has the lease.
	ErrLeaseHeld = errors.New("another instance does this work")
	// ErrFenced means that another instance took the work over. Nothing was
	// written.
	ErrFenced = errors.New("another instance took this work over")
)

// takeLease gives out a number that is greater than every one before. The time
// is in it so that this holds also after Redis lost the last one.
const takeLease = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now)
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return fence`

// keepLease prolongs a lease that is still ours, or, for no time, gives it back.
const keepLease = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

// LeaseKey and FenceKey are where a lease and its last number are. The name must
// be one that Latchkey made itself.
func LeaseKey(name string) string { return Hot("lease", name) }

// FenceKey is where scripts find the number that is valid.
func FenceKey(name string) string { return Hot("fence", name) }

// TakeLease makes the caller the only one who does a piece of work for some
// time, or returns [ErrLeaseHeld]. The fence is a number that grows with every
// holder: whoever writes for the work names it, and a script that knows a
// greater one refuses (a holder that was stopped for long may not know that it
// is none any more).
func (s *Store) TakeLease(ctx context.Context, name string, lifetime time.Duration) (fence int64, err error) {
	fence, err = redis.NewScript(takeLease).Run(ctx, s, []string{LeaseKey(name), FenceKey(name)}, lifetime.Milliseconds()).Int64()
	if err != nil {
		return 0, Unavailable(err)
	}
	if fence == 0 {
		return 0, ErrLeaseHeld
	}
	return fence, nil
}

// KeepLease prolongs a lease; [ErrFenced] where it has run out.
func (s *Store) KeepLease(ctx context.Context, name string, fence int64, lifetime time.Duration) error {
	kept, err := redis.NewScript(keepLease).Run(ctx, s, []string{LeaseKey(name)}, fence, lifetime.Milliseconds()).Bool()
	if err != nil {
		return Unavailable(err)
	}
	if !kept {
		return ErrFenced
	}
	return nil
}

// EndLease gives a lease back, so that the next one need not wait.
func (s *Store) EndLease(ctx context.Context, name string, fence int64) error {
	err := s.KeepLease(ctx, name, fence, 0)
	if errors.Is(err, ErrFenced) {
		return nil
	}
	return err
}

// LeaseHeld reports whether anyone has the lease.
func (s *Store) LeaseHeld(ctx context.Context, name string) (bool, error) {
	n, err := s.Exists(ctx, LeaseKey(name)).Result()
	return n > 0, Unavailable(err)
}
