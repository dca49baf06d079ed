package recovery

import (
	"context"
	"strconv"
	"time"

	"latchkey/internal/store"
)

// claim takes the person's lock and notes the write as pending. It fails with
// errOvertaken, with ErrBusy while a write to this person has no outcome yet, or
// with errConflict.
//
// The lock belongs to the pending write and not to the process that made it: a
// lock that had to be renewed would be lost with the process, and a second write
// before the first is settled makes the change stamp worth nothing to both. So
// it is given back in the step that stores the outcome, whoever finds that out,
// and it is held for as long as the recovery is in the list of pending writes.
// Lock and list change in one step and are lost, if Redis loses a second of
// writes, together with the claim itself, which then writes nothing more.
func (s *Store) claim(ctx context.Context, old stored, next Record, lifetime, lock time.Duration) error {
	epoch, guard := s.personKeys(next.Subject)
	return verdict(s.scripts.claim.Run(ctx, s.redis, []string{recordKey(next.ID), epoch, guard, pendingKey()},
		old.version, s.seal(next), lifetime.Milliseconds(),
		strconv.FormatInt(next.Subject.Epoch, 10), lock.Milliseconds(), next.ID), errOvertaken, ErrBusy)
}

// release stores the outcome of a write and gives the lock back. With a notice
// (the password was or may have been written) the notice is queued in the same
// step. first refuses with errOvertaken where another write to the person became
// known since the claim.
func (s *Store) release(ctx context.Context, old stored, next Record, lifetime time.Duration, notice job, first bool) error {
	epoch, guard := s.personKeys(next.Subject)
	only := ""
	if first {
		only = strconv.FormatInt(next.Subject.Epoch, 10)
	}
	return verdict(s.scripts.release.Run(ctx, s.redis,
		[]string{recordKey(next.ID), epoch, guard, pendingKey(), notice.stream},
		old.version, s.seal(next), lifetime.Milliseconds(), next.ID, epochLifetime.Milliseconds(), notice.id, notice.sealed, only), errOvertaken)
}

// pendingWrite is a recovery that took a claim at a time, in whole seconds, and
// has no outcome.
type pendingWrite struct {
	id    string
	since time.Time
}

// pendingPage is about how many pending writes are looked at in one go.
const pendingPage = 100

// pending lists some of those that took their claim before a time, and where to
// go on: from 0 to 0 all are seen, however many there are.
func (s *Store) pending(ctx context.Context, from uint64, before time.Time) (some []pendingWrite, next uint64, err error) {
	pairs, next, err := s.redis.ZScan(ctx, pendingKey(), from, "", pendingPage).Result()
	for i := 0; i+1 < len(pairs); i += 2 {
		seconds, _ := strconv.ParseFloat(pairs[i+1], 64)
		if since := time.Unix(int64(seconds), 0); !since.After(before) {
			some = append(some, pendingWrite{id: pairs[i], since: since})
		}
	}
	return some, next, store.Unavailable(err)
}

// forget drops what is pending for a recovery that needs no outcome any more.
func (s *Store) forget(ctx context.Context, w pendingWrite) error {
	return store.Unavailable(s.scripts.forget.Run(ctx, s.redis, []string{pendingKey()}, w.id, w.since.Unix()).Err())
}

// mayLook reports, once in a time and over all processes, that a pending write
// may be looked at: everyone who waits asks, and each look is a connection.
func (s *Store) mayLook(ctx context.Context, id string, every time.Duration) (bool, error) {
	first, err := s.redis.SetNX(ctx, store.Hot("recovery", id, "looked"), 1, every).Result()
	return first, store.Unavailable(err)
}

// pendingKey names the writes whose outcome, and so whose notice, is open.
func pendingKey() string { return store.Hot("pending") }
