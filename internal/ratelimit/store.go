package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// Limiter keeps its buckets in the store.
type Limiter struct {
	store  *store.Store
	keys   *keyring.Ring
	limits map[string]Limit
	take   *redis.Script
}

// New returns a limiter; limits come from [Merge].
func New(s *store.Store, keys *keyring.Ring, limits map[string]Limit) *Limiter {
	return &Limiter{store: s, keys: keys, limits: limits, take: redis.NewScript(takeScript)}
}

// takeScript keeps in each bucket the theoretical arrival time (TAT) in
// microseconds. All buckets are looked at first; only when all allow is any
// written. Arguments come in pairs: emission interval and burst tolerance. The
// answer is the bucket that refuses and the wait in microseconds, or 0 and how
// much of the last bucket is used up, in percent.
const takeScript = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local tats, worst, which, used = {}, 0, 0, 0
for i, key in ipairs(KEYS) do
  local interval, tolerance = tonumber(ARGV[2*i-1]), tonumber(ARGV[2*i])
  local tat = math.max(tonumber(redis.call('GET', key) or 0), now) + interval
  local wait = tat - tolerance - now
  if wait > worst then worst, which = wait, i end
  tats[i], used = tat, (tat - now) * 100 / tolerance
end
if worst > 0 then return {which, string.format('%.0f', worst)} end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', tats[i]), 'PX', math.ceil((tats[i] - now) / 1000))
end
return {0, string.format('%.0f', used)}
`

// Take pays one unit from every budget, or from none. An unknown limit is an
// error, never an allowance.
func (l *Limiter) Take(ctx context.Context, budgets ...Budget) (Decision, error) {
	var keys, names []string
	var args []any
	for _, budget := range budgets {
		limit, ok := l.limits[budget.Limit]
		if !ok {
			return Decision{}, fmt.Errorf("no limit is named %q", budget.Limit)
		}
		of := l.keys.Index("limit", budget.Limit, budget.Of)
		for _, rate := range limit.Rates {
			interval := rate.Period.Microseconds() / int64(rate.Count)
			keys = append(keys, store.Hot("rate", of, rate.Period.String()))
			names = append(names, budget.Limit)
			args = append(args, max(interval, 1), max(interval, 1)*int64(rate.Count))
		}
	}
	if len(keys) == 0 {
		return Decision{Allowed: true}, nil
	}
	answer, err := l.take.Run(ctx, l.store, keys, args...).Slice()
	if err != nil {
		return Decision{}, store.Unavailable(err)
	}
	return decide(answer, names)
}

func decide(answer []any, names []string) (Decision, error) {
	if len(answer) == 2 {
		which, ok := answer[0].(int64)
		text, isText := answer[1].(string)
		var number int64
		if _, err := fmt.Sscan(text, &number); ok && isText && err == nil {
			if which == 0 {
				return Decision{Allowed: true, Used: int(number)}, nil
			}
			return Decision{RetryAfter: time.Duration(number) * time.Microsecond, Limit: names[which-1]}, nil
		}
	}
	return Decision{}, store.Unavailable(fmt.Errorf("unexpected answer of the limit script: %v", answer))
}
