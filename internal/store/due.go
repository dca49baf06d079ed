package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Due are the cards that somebody has to look at, by the time from which on, in
// microseconds of the clock of Redis. They lie beside the cards, in the same 64
// buckets, so that the script that changes a card says so in the same step:
// neither is there without the other. Name is one that Latchkey made itself.
//
// Whoever looks has a fence, as in [Members]: nothing is written once another
// one began.
type Due struct {
	store *Store
	name  string
	fence int64
}

// Due returns those of a piece of work, for the holder of a lease.
func (s *Store) Due(name string, fence int64) *Due { return &Due{s, name, fence} }

// DueKey is where a script that changes a card notes it.
func DueKey(name, index string) string { return dueKey(name, bucketOf(index), "due") }

func dueKey(name string, bucket int, what string) string {
	return fmt.Sprintf("%s{c%02d}:back:%s:%s", Prefix, bucket, name, what)
}

// DueScript notes, in a script, the member that ARGV[n] is in the set KEYS[n].
// The time is never one that somebody may have seen there before: who looked at
// the card as it was then must not take the note for done.
const DueScript = `
local function due(key, member)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  if tonumber(redis.call('ZSCORE', key, member) or '0') == now then now = now + 1 end
  redis.call('ZADD', key, string.format('%.0f', now), member)
end
`

const (
	claimDue = `
local last, ours = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1])
if last > ours then return 0 end
if last < ours then redis.call('SET', KEYS[1], ARGV[1]) end
return 1`

	// swapDue replaces a card: KEYS are the fence and the card.
	swapDue = `
if tonumber(redis.call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[1]) then return -1 end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], ARGV[3]) end
return 1`

	// settleDue ends a look at a card, unless it was noted again meanwhile: KEYS are
	// the fence and the notes; ARGV are our fence, the member, the time that was
	// seen, and how many microseconds later to look again, or 0 for never.
	settleDue = `
if tonumber(redis.call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[1]) then return -1 end
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or '0') ~= tonumber(ARGV[3]) then return 0 end
if ARGV[4] == '0' then redis.call('ZREM', KEYS[2], ARGV[2]) return 1 end
local time = redis.call('TIME')
local at = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(ARGV[4])
redis.call('ZADD', KEYS[2], string.format('%.0f', at), ARGV[2])
return 1`
)

// Claim keeps every earlier holder from writing.
func (d *Due) Claim(ctx context.Context) error {
	script, pipe := redis.NewScript(claimDue), d.store.Pipeline()
	answers := make([]*redis.Cmd, CardBuckets)
	for bucket := range CardBuckets {
		answers[bucket] = script.Eval(ctx, pipe, []string{dueKey(d.name, bucket, "fence")}, d.fence)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return Unavailable(err)
	}
	for _, answer := range answers {
		if claimed, err := answer.Bool(); err != nil {
			return Unavailable(err)
		} else if !claimed {
			return ErrFenced
		}
	}
	return nil
}

// Noted is a card to look at.
type Noted struct {
	Index string
	at    float64
}

// Next returns some of the cards that are to be looked at now, the first noted
// first in each bucket.
func (d *Due) Next(ctx context.Context, perBucket int64) ([]Noted, error) {
	now, err := d.store.Time(ctx).Result()
	if err != nil {
		return nil, Unavailable(err)
	}
	pipe := d.store.Pipeline()
	answers := make([]*redis.ZSliceCmd, CardBuckets)
	for bucket := range CardBuckets {
		answers[bucket] = pipe.ZRangeByScoreWithScores(ctx, dueKey(d.name, bucket, "due"),
			&redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(now.UnixMicro(), 10), Count: perBucket})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, Unavailable(err)
	}
	var all []Noted
	for _, answer := range answers {
		for _, z := range answer.Val() {
			index, _ := z.Member.(string)
			all = append(all, Noted{index, z.Score})
		}
	}
	return all, nil
}

// Count tells how many cards are to be looked at now, and how many are noted.
func (d *Due) Count(ctx context.Context) (now, all int64, err error) {
	clock, err := d.store.Time(ctx).Result()
	if err != nil {
		return 0, 0, Unavailable(err)
	}
	pipe := d.store.Pipeline()
	var nows, alls [CardBuckets]*redis.IntCmd
	for bucket := range CardBuckets {
		nows[bucket] = pipe.ZCount(ctx, dueKey(d.name, bucket, "due"), "-inf", strconv.FormatInt(clock.UnixMicro(), 10))
		alls[bucket] = pipe.ZCard(ctx, dueKey(d.name, bucket, "due"))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, 0, Unavailable(err)
	}
	for bucket := range CardBuckets {
		now += nows[bucket].Val()
		all += alls[bucket].Val()
	}
	return now, all, nil
}

// Card returns the value of a card, nil for one that is not there.
func (d *Due) Card(ctx context.Context, index string) ([]byte, error) {
	value, err := d.store.Get(ctx, Card(index)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, Unavailable(err)
}

// Holds returns [ErrFenced] once another one began.
func (d *Due) Holds(ctx context.Context, index string) error {
	held, err := redis.NewScript(claimDue).Run(ctx, d.store, []string{dueKey(d.name, bucketOf(index), "fence")}, d.fence).Bool()
	if err != nil {
		return Unavailable(err)
	}
	if !held {
		return ErrFenced
	}
	return nil
}

// Swap replaces a card if it is the old one still; an empty value is no card. It
// notes nothing: the change is that of whoever looks.
func (d *Due) Swap(ctx context.Context, index string, old, replaced []byte) (bool, error) {
	keys := []string{dueKey(d.name, bucketOf(index), "fence"), Card(index)}
	return d.fenced(redis.NewScript(swapDue).Run(ctx, d.store, keys, d.fence, old, replaced))
}

// Settle ends a look: the card is looked at again after some time, or for 0 when
// somebody notes it again. One that was noted since stays as it is.
func (d *Due) Settle(ctx context.Context, n Noted, again time.Duration) error {
	bucket := bucketOf(n.Index)
	keys := []string{dueKey(d.name, bucket, "fence"), dueKey(d.name, bucket, "due")}
	_, err := d.fenced(redis.NewScript(settleDue).Run(ctx, d.store, keys, d.fence, n.Index, strconv.FormatFloat(n.at, 'f', 0, 64), again.Microseconds()))
	return err
}

func (d *Due) fenced(answer *redis.Cmd) (bool, error) {
	done, err := answer.Int64()
	if err != nil {
		return false, Unavailable(err)
	}
	if done < 0 {
		return false, ErrFenced
	}
	return done == 1, nil
}

// Note has cards looked at now.
func (d *Due) Note(ctx context.Context, indexes []string) error {
	if len(indexes) == 0 {
		return nil
	}
	script, pipe := redis.NewScript(DueScript+"due(KEYS[1], ARGV[1]) return 1"), d.store.Pipeline()
	for _, index := range indexes {
		script.Eval(ctx, pipe, []string{DueKey(d.name, index)}, index)
	}
	_, err := pipe.Exec(ctx)
	return Unavailable(err)
}
