package block

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// blocksKey names the hash of all blocks, by person; it never expires.
func blocksKey() string { return store.Hot("blocks") }

// liftedKey names when a person's block was last lifted, in milliseconds.
func liftedKey(index string) string { return store.Hot("lifted", index) }

// Stopped asks whether what was begun at a time may not go on for a person:
// self-service is stopped for them, or was stopped meanwhile. The answer is there
// when the batch was sent. When it fails, nobody knows, and nothing may go on.
func (b *Blocks) Stopped(ctx context.Context, batch *store.Batch, directory, person string, begun time.Time) func() (bool, error) {
	index := b.index(directory, person)
	blocked := batch.Commands().HExists(ctx, blocksKey(), index)
	// Looked at second: a lift is noted before its block goes.
	lifted := batch.Commands().Get(ctx, liftedKey(index))
	return func() (bool, error) {
		if is, err := blocked.Result(); err != nil || is {
			return is, store.Unavailable(err)
		}
		at, err := timeOf(lifted)
		return !begun.After(at), err
	}
}

// Lift lets a person reset again and voids the links of all notices so far; it
// reports whether they were blocked.
func (b *Blocks) Lift(ctx context.Context, directory, person string) (bool, error) {
	index := b.index(directory, person)
	now, err := b.store.Time(ctx).Result()
	if err != nil {
		return false, store.Unavailable(err)
	}
	// The links are void before the block is gone.
	if err := b.store.Set(ctx, liftedKey(index), now.UnixMilli(), LinkLifetime).Err(); err != nil {
		return false, store.Unavailable(err)
	}
	n, err := b.store.HDel(ctx, blocksKey(), index).Result()
	return n > 0, store.Unavailable(err)
}

// List returns all blocks, the oldest first. One whose key was retired is the
// zero Record.
func (b *Blocks) List(ctx context.Context) ([]Record, error) {
	all, err := b.store.HGetAll(ctx, blocksKey()).Result()
	if err != nil {
		return nil, store.Unavailable(err)
	}
	records := make([]Record, 0, len(all))
	for index, sealed := range all {
		var r Record
		if text, err := b.keys.Open(keyring.Links, []byte(sealed), index); err == nil {
			if err := json.Unmarshal(text, &r); err != nil {
				return nil, err
			}
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b Record) int { return a.At.Compare(b.At) })
	return records, nil
}

// lifted returns the time and when the person's block was last lifted, if ever.
func (b *Blocks) lifted(ctx context.Context, s Subject) (now, lifted time.Time, err error) {
	if now, err = b.store.Time(ctx).Result(); err != nil {
		return now, lifted, store.Unavailable(err)
	}
	lifted, err = b.liftedAt(ctx, s.Directory, s.Person)
	return now, lifted, err
}

// liftedAt returns when the person's block was last lifted; zero for never.
func (b *Blocks) liftedAt(ctx context.Context, directory, person string) (time.Time, error) {
	return timeOf(b.store.Get(ctx, liftedKey(b.index(directory, person))))
}

func timeOf(read *redis.StringCmd) (time.Time, error) {
	ms, err := read.Int64()
	if errors.Is(err, redis.Nil) {
		return time.Time{}, nil
	}
	return time.UnixMilli(ms), store.Unavailable(err)
}

// save stores a block, unless there is one.
func (b *Blocks) save(ctx context.Context, s Subject) (first bool, err error) {
	now, err := b.store.Time(ctx).Result()
	if err != nil {
		return false, store.Unavailable(err)
	}
	index := b.index(s.Directory, s.Person)
	text, err := json.Marshal(Record{Directory: s.Directory, Person: s.Person, Recovery: s.Recovery, At: now.UTC()})
	if err != nil {
		return false, err
	}
	first, err = b.store.HSetNX(ctx, blocksKey(), index, b.keys.Seal(keyring.Links, text, index)).Result()
	return first, store.Unavailable(err)
}
