package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Members are the cards that a synchronization fills, by the number of the pass
// that saw them last, so that a pass that is whole finds the others without a
// look at every card. They lie beside the cards, in the same 64 buckets: one
// script changes cards and their marks, and refuses whoever was replaced as the
// leader. Name is one that Latchkey made itself.
type Members struct {
	store *Store
	name  string
	fence int64
}

// Members returns those of a synchronization, for the holder of a lease.
func (s *Store) Members(name string, fence int64) *Members { return &Members{s, name, fence} }

// Mark is what becomes of a card's mark.
type Mark string

// The marks.
const (
	// Enter marks a card as seen by this pass.
	Enter Mark = "+"
	// Keep marks it if it was marked before.
	Keep Mark = "~"
	// Leave takes the mark away.
	Leave Mark = "-"
)

// CardChange is a change of one card.
type CardChange struct {
	// Index is the keyed index of the person.
	Index string
	// Write replaces Old by New; an empty value is no card.
	Write    bool
	Old, New []byte
	Mark     Mark
}

// changeCards makes changes in one bucket: KEYS are the fence, the marks and the
// cards; ARGV are our fence and pass, then for each card what to do, its index
// and the old and new values. A card that is not the old one any more is told by
// 0 and left alone.
const changeCards = `
local last, ours = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1])
if last > ours then return -1 end
if last < ours then redis.call('SET', KEYS[1], ARGV[1]) end
local done = {}
for i = 3, #KEYS do
  local at = 3 + (i - 3) * 5
  local write, mark, index, old, new = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local free = true
  if write == '1' then
    free = (redis.call('GET', KEYS[i]) or '') == old
    if free and new == '' then redis.call('DEL', KEYS[i]) elseif free then redis.call('SET', KEYS[i], new) end
  end
  if free and mark == '+' then redis.call('ZADD', KEYS[2], ARGV[2], index)
  elseif free and mark == '~' then redis.call('ZADD', KEYS[2], 'XX', ARGV[2], index)
  elseif free and mark == '-' then redis.call('ZREM', KEYS[2], index) end
  done[#done + 1] = free and 1 or 0
end
return done`

func (m *Members) key(bucket int, what string) string {
	return fmt.Sprintf("%s{c%02d}:sync:%s:%s", Prefix, bucket, m.name, what)
}

// Claim shows the fence to all buckets: whoever had a smaller one writes nothing
// from here on.
func (m *Members) Claim(ctx context.Context) error {
	script, pipe := redis.NewScript(changeCards), m.store.Pipeline()
	answers := make([]*redis.Cmd, CardBuckets)
	for bucket := range CardBuckets {
		answers[bucket] = script.Eval(ctx, pipe, []string{m.key(bucket, "fence"), m.key(bucket, "marks")}, m.fence, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return Unavailable(err)
	}
	for _, answer := range answers {
		if refused, _ := answer.Int64(); refused < 0 {
			return ErrFenced
		}
	}
	return nil
}

// Cards returns the values of cards, nil for one that is not there.
func (m *Members) Cards(ctx context.Context, indexes []string) ([][]byte, error) {
	var buckets [CardBuckets][]int
	for i, index := range indexes {
		b := bucketOf(index)
		buckets[b] = append(buckets[b], i)
	}
	pipe := m.store.Pipeline()
	var answers [CardBuckets]*redis.SliceCmd
	for bucket, members := range buckets {
		if len(members) == 0 {
			continue
		}
		keys := make([]string, len(members))
		for n, i := range members {
			keys[n] = Card(indexes[i])
		}
		answers[bucket] = pipe.MGet(ctx, keys...)
	}
	if pipe.Len() == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, Unavailable(err)
	}
	values := make([][]byte, len(indexes))
	for bucket, members := range buckets {
		for n, i := range members {
			if text, ok := answers[bucket].Val()[n].(string); ok {
				values[i] = []byte(text)
			}
		}
	}
	return values, nil
}

// Change makes changes for a pass and tells which were made; the others are of
// cards that somebody else changed meanwhile.
func (m *Members) Change(ctx context.Context, pass int64, changes []CardChange) ([]bool, error) {
	var buckets [CardBuckets][]int
	for i, c := range changes {
		b := bucketOf(c.Index)
		buckets[b] = append(buckets[b], i)
	}
	script, pipe := redis.NewScript(changeCards), m.store.Pipeline()
	answers := make([]*redis.Cmd, CardBuckets)
	for bucket, members := range buckets {
		if len(members) == 0 {
			continue
		}
		keys := []string{m.key(bucket, "fence"), m.key(bucket, "marks")}
		arguments := []any{m.fence, pass}
		for _, i := range members {
			c := changes[i]
			write := "0"
			if c.Write {
				write = "1"
			}
			keys = append(keys, Card(c.Index))
			arguments = append(arguments, write, string(c.Mark), c.Index, c.Old, c.New)
		}
		answers[bucket] = script.EvalSha(ctx, pipe, keys, arguments...)
	}
	if pipe.Len() == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); redis.HasErrorPrefix(err, "NOSCRIPT") {
		// Redis lost its scripts, or never had this one: it was not run.
		if err := script.Load(ctx, m.store).Err(); err != nil {
			return nil, Unavailable(err)
		}
		return nil, ErrAgain
	} else if err != nil {
		return nil, Unavailable(err)
	}
	return made(changes, buckets, answers)
}

// ErrAgain asks to make the same changes once more.
var ErrAgain = errors.New("make the changes again")

func made(changes []CardChange, buckets [CardBuckets][]int, answers []*redis.Cmd) ([]bool, error) {
	done := make([]bool, len(changes))
	for bucket, members := range buckets {
		if len(members) == 0 {
			continue
		}
		if refused, err := answers[bucket].Int64(); err == nil && refused < 0 {
			return nil, ErrFenced
		}
		free, err := answers[bucket].Int64Slice()
		if err != nil || len(free) != len(members) {
			return nil, Unavailable(fmt.Errorf("change cards: %w", err))
		}
		for n, i := range members {
			done[i] = free[n] == 1
		}
	}
	return done, nil
}

// Count tells how many cards are marked, and how many of them by passes before
// this one only.
func (m *Members) Count(ctx context.Context, pass int64) (older, all int, err error) {
	pipe := m.store.Pipeline()
	var olders, alls [CardBuckets]*redis.IntCmd
	for bucket := range CardBuckets {
		olders[bucket] = pipe.ZCount(ctx, m.key(bucket, "marks"), "-inf", "("+strconv.FormatInt(pass, 10))
		alls[bucket] = pipe.ZCard(ctx, m.key(bucket, "marks"))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, 0, Unavailable(err)
	}
	for bucket := range CardBuckets {
		older += int(olders[bucket].Val())
		all += int(alls[bucket].Val())
	}
	return older, all, nil
}

// Older returns some of the cards in a bucket that were last marked before this
// pass.
func (m *Members) Older(ctx context.Context, bucket int, pass int64, atMost int) ([]string, error) {
	indexes, err := m.store.ZRangeByScore(ctx, m.key(bucket, "marks"), &redis.ZRangeBy{
		Min: "-inf", Max: "(" + strconv.FormatInt(pass, 10), Count: int64(atMost),
	}).Result()
	return indexes, Unavailable(err)
}
