package ratelimit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// Limiter keeps its buckets in the store.
type Limiter struct {
	store                   *store.Store
	keys                    *keyring.Ring
	limits                  map[string]Limit
	take, takeOnce, measure *redis.Script
}

// New returns a limiter; limits come from [Merge].
func New(s *store.Store, keys *keyring.Ring, limits map[string]Limit) *Limiter {
	return &Limiter{
		store: s, keys: keys, limits: limits,
		take: redis.NewScript(takeScript), takeOnce: redis.NewScript(onceScript), measure: redis.NewScript(usedScript),
	}
}

// takeFunction keeps in each bucket the theoretical arrival time (TAT) in
// microseconds. The first n buckets are looked at first; only when all allow is
// any written. Arguments come in pairs: emission interval and burst tolerance.
// The answer is the bucket that refuses and the wait in microseconds, or 0 and
// how much of the last bucket is used up, in percent; and the time.
const takeFunction = `
local function take(n)
  local t = redis.call('TIME')
  local now = t[1] * 1000000 + t[2]
  local tats, worst, which, used = {}, 0, 0, 0
  for i = 1, n do
    local interval, tolerance = tonumber(ARGV[2*i-1]), tonumber(ARGV[2*i])
    local tat = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now) + interval
    local wait = tat - tolerance - now
    if wait > worst then worst, which = wait, i end
    tats[i], used = tat, (tat - now) * 100 / tolerance
  end
  if worst > 0 then return {which, string.format('%.0f', worst), now} end
  for i = 1, n do
    redis.call('SET', KEYS[i], string.format('%.0f', tats[i]), 'PX', math.ceil((tats[i] - now) / 1000))
  end
  return {0, string.format('%.0f', used), now}
end
`

const takeScript = takeFunction + `return take(#KEYS)`

// onceScript remembers its answer in the last key, for the last argument's
// milliseconds, and gives it again, without a time.
const onceScript = takeFunction + `
local which, rest = string.match(redis.call('GET', KEYS[#KEYS]) or '', '^(%d+) (%d+)$')
if which then return {tonumber(which), rest} end
local answer = take(#KEYS - 1)
redis.call('SET', KEYS[#KEYS], answer[1] .. ' ' .. answer[2], 'PX', ARGV[#ARGV])
return {answer[1], answer[2]}
`

// usedScript tells how many units of each bucket are used up: ARGV are the
// emission intervals.
const usedScript = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local used = {}
for i, key in ipairs(KEYS) do
  used[i] = math.ceil(math.max(tonumber(redis.call('GET', key) or 0) - now, 0) / tonumber(ARGV[i]))
end
return used
`

// Take pays one unit from every budget, or from none. An unknown limit is an
// error, never an allowance.
func (l *Limiter) Take(ctx context.Context, budgets ...Budget) (Decision, error) {
	batch := l.store.Batch()
	decision := l.TakeWith(ctx, batch, budgets...)
	batch.Send(ctx)
	return decision()
}

// TakeWith is Take in a round trip with other questions; the decision is there
// when the batch was sent.
func (l *Limiter) TakeWith(ctx context.Context, batch *store.Batch, budgets ...Budget) func() (Decision, error) {
	b, err := l.buckets(budgets)
	if err != nil || len(b.keys) == 0 {
		return func() (Decision, error) { return Decision{Allowed: err == nil}, err }
	}
	return decided(batch.Script(ctx, l.take, b.keys, b.pairs()...), b.names)
}

// Once is [Limiter.TakeWith] for what may be tried several times, or by several
// workers: whoever asks with the same id again pays nothing and gets the first
// answer, for as long as keep.
func (l *Limiter) Once(ctx context.Context, batch *store.Batch, id string, keep time.Duration, budgets ...Budget) func() (Decision, error) {
	b, err := l.buckets(budgets)
	if err != nil || len(b.keys) == 0 {
		return func() (Decision, error) { return Decision{Allowed: err == nil}, err }
	}
	keys := append(b.keys, store.Hot("once", l.keys.Index("once", id)))
	return decided(batch.Script(ctx, l.takeOnce, keys, append(b.pairs(), keep.Milliseconds())...), b.names)
}

func decided(answer *redis.Cmd, names []string) func() (Decision, error) {
	return func() (Decision, error) {
		numbers, err := answer.Slice()
		if err != nil {
			return Decision{}, store.Unavailable(err)
		}
		return decide(numbers, names)
	}
}

// Used tells how many units are used up of each rate of a budget's limit.
func (l *Limiter) Used(ctx context.Context, budget Budget) ([]Used, error) {
	b, err := l.buckets([]Budget{budget})
	if err != nil || len(b.keys) == 0 {
		return nil, err
	}
	intervals := make([]any, len(b.keys))
	for i, interval := range b.intervals {
		intervals[i] = interval
	}
	counts, err := l.measure.Run(ctx, l.store, b.keys, intervals...).Int64Slice()
	if err == nil && len(counts) != len(b.keys) {
		err = fmt.Errorf("unexpected answer of the script that measures limits: %v", counts)
	}
	if err != nil {
		return nil, store.Unavailable(err)
	}
	used := make([]Used, len(counts))
	for i, rate := range l.limits[budget.Limit].Rates {
		used[i] = Used{Rate: rate, Count: int(counts[i])}
	}
	return used, nil
}

// Clear gives budgets back whole.
func (l *Limiter) Clear(ctx context.Context, budgets ...Budget) error {
	b, err := l.buckets(budgets)
	if err != nil || len(b.keys) == 0 {
		return err
	}
	return store.Unavailable(l.store.Del(ctx, b.keys...).Err())
}

// buckets are those of some budgets, one for each rate.
type buckets struct {
	keys, names []string
	// intervals are the emission intervals in microseconds, counts how many of
	// them a burst may have.
	intervals, counts []int64
}

func (l *Limiter) buckets(budgets []Budget) (buckets, error) {
	var b buckets
	for _, budget := range budgets {
		limit, ok := l.limits[budget.Limit]
		if !ok {
			return buckets{}, fmt.Errorf("no limit is named %q", budget.Limit)
		}
		of := l.keys.Index("limit", budget.Limit, budget.Of)
		for _, rate := range limit.Rates {
			b.keys = append(b.keys, store.Hot("rate", of, rate.Period.String()))
			b.names = append(b.names, budget.Limit)
			b.intervals = append(b.intervals, max(rate.Period.Microseconds()/int64(rate.Count), 1))
			b.counts = append(b.counts, int64(rate.Count))
		}
	}
	return b, nil
}

// pairs are the arguments of the script: interval and tolerance of each bucket.
func (b buckets) pairs() []any {
	var pairs []any
	for i, interval := range b.intervals {
		pairs = append(pairs, interval, interval*b.counts[i])
	}
	return pairs
}

func decide(answer []any, names []string) (Decision, error) {
	if len(answer) == 2 || len(answer) == 3 {
		which, ok := answer[0].(int64)
		text, isText := answer[1].(string)
		number, err := strconv.ParseInt(text, 10, 64)
		var at time.Time
		if len(answer) == 3 {
			micros, _ := answer[2].(int64)
			at = time.UnixMicro(micros)
		}
		if ok && isText && err == nil {
			if which == 0 {
				return Decision{Allowed: true, Used: int(number), At: at}, nil
			}
			return Decision{RetryAfter: time.Duration(number) * time.Microsecond, Limit: names[which-1], At: at}, nil
		}
	}
	return Decision{}, store.Unavailable(fmt.Errorf("unexpected answer of the limit script: %v", answer))
}
