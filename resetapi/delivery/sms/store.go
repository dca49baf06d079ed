package sms

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// Ledger keeps in Redis, for all instances, what SMS cost today and which of
// their codes came back. It knows numbers by keyed hashes only.
type Ledger struct {
	store *store.Store
	keys  *keyring.Ring

	charging, judging, entering *redis.Script
}

// NewLedger returns the ledger of a store.
func NewLedger(s *store.Store, keys *keyring.Ring) *Ledger {
	return &Ledger{
		store: s, keys: keys,
		charging: redis.NewScript(chargeScript), judging: redis.NewScript(judgeScript), entering: redis.NewScript(enterScript),
	}
}

// chargeScript adds a cost to the sum of the day (UTC, by Redis' clock), once a
// message. A cost that would go beyond the cap is not added, unless it must be.
const chargeScript = `
local day = math.floor(redis.call('TIME')[1] / 86400)
local cost, cap = tonumber(ARGV[1]), tonumber(ARGV[2])
local spent = 0
if tonumber(redis.call('HGET', KEYS[1], 'day') or -1) == day then
  spent = tonumber(redis.call('HGET', KEYS[1], 'spent') or 0)
end
if redis.call('EXISTS', KEYS[2]) == 1 then return {1, spent} end
if ARGV[3] ~= 'must' and cap > 0 and spent + cost > cap then return {0, spent} end
redis.call('HSET', KEYS[1], 'day', day, 'spent', string.format('%.0f', spent + cost))
redis.call('SET', KEYS[2], 1, 'PX', ARGV[4])
return {1, spent + cost}`

// chargedFor is how long it is known that a message was charged: longer than any
// is tried.
const chargedFor = 48 * time.Hour

// charge pays for a message and returns what the day has cost. It pays nothing
// where that would be more than most; most 0 is no cap.
func (l *Ledger) charge(ctx context.Context, message string, cost, most Amount, must bool) (spent Amount, paid bool, err error) {
	mode := ""
	if must {
		mode = "must"
	}
	keys := []string{store.Hot("sms", "spent"), store.Hot("sms", "charged", l.keys.Index("sms charged", message))}
	answer, err := l.charging.Run(ctx, l.store, keys, int64(cost), int64(most), mode, chargedFor.Milliseconds()).Int64Slice()
	if err == nil && len(answer) != 2 {
		err = errors.New("unexpected answer of the charge script")
	}
	if err != nil {
		return 0, false, store.Unavailable(err)
	}
	return Amount(answer[1]), answer[0] == 1, nil
}

// judgeScript looks at the codes that were sent to a prefix within the window
// and had the time to be entered. When too few of them were, the prefix pauses.
const judgeScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if redis.call('EXISTS', KEYS[3]) == 1 then return {1, 0, 0} end
local window, settled = tonumber(ARGV[1]), now - tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', settled - window)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', settled - window)
local sent = redis.call('ZCOUNT', KEYS[1], '-inf', settled)
local entered = redis.call('ZCOUNT', KEYS[2], '-inf', settled)
if sent < tonumber(ARGV[3]) or entered * 100 >= sent * tonumber(ARGV[4]) then return {0, sent, entered} end
redis.call('SET', KEYS[3], 1, 'PX', window)
return {2, sent, entered}`

// verdict is what the watch says of a prefix.
type verdict struct {
	// paused: nothing is sent there; begun: since just now.
	paused, begun bool
	sent, entered int
}

// judge says whether a prefix pauses.
func (l *Ledger) judge(ctx context.Context, prefix string, c Config) (verdict, error) {
	answer, err := l.judging.Run(ctx, l.store, append(l.watched(prefix), l.pause(prefix)),
		c.WatchWindow.Std().Milliseconds(), settledAfter.Milliseconds(), c.WatchMinimum, c.WatchPercent).Int64Slice()
	if err == nil && len(answer) != 3 {
		err = errors.New("unexpected answer of the watch script")
	}
	if err != nil {
		return verdict{}, store.Unavailable(err)
	}
	return verdict{paused: answer[0] > 0, begun: answer[0] == 2, sent: int(answer[1]), entered: int(answer[2])}, nil
}

// sent notes that a code was taken by the gateway.
func (l *Ledger) sent(ctx context.Context, prefix, challenge, message string) error {
	now, err := l.store.Time(ctx).Result()
	if err != nil {
		return store.Unavailable(err)
	}
	key, of := l.watched(prefix)[0], l.challenge(challenge)
	batch := l.store.TxPipeline()
	batch.ZAdd(ctx, key, redis.Z{Score: float64(now.UnixMilli()), Member: message})
	batch.PExpire(ctx, key, longestWatch+2*settledAfter)
	batch.HSet(ctx, of, message, l.named(prefix))
	batch.PExpire(ctx, of, 2*settledAfter)
	_, err = batch.Exec(ctx)
	return store.Unavailable(err)
}

// enterScript marks a code as entered, at the time at which it was sent.
const enterScript = `
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at then return 0 end
redis.call('ZADD', KEYS[2], at, ARGV[1])
return redis.call('PEXPIRE', KEYS[2], ARGV[2])`

// entered notes that the code of a challenge was entered.
func (l *Ledger) entered(ctx context.Context, challenge string) error {
	messages, err := l.store.HGetAll(ctx, l.challenge(challenge)).Result()
	if err != nil {
		return store.Unavailable(err)
	}
	for message, name := range messages {
		err := l.entering.Run(ctx, l.store, watchedAs(name), message, (longestWatch + 2*settledAfter).Milliseconds()).Err()
		if err != nil {
			return store.Unavailable(err)
		}
	}
	return nil
}

func (l *Ledger) named(prefix string) string { return l.keys.Index("sms prefix", prefix) }

func (l *Ledger) watched(prefix string) []string { return watchedAs(l.named(prefix)) }

func watchedAs(name string) []string {
	return []string{store.Hot("sms", "sent", name), store.Hot("sms", "entered", name)}
}

func (l *Ledger) pause(prefix string) string { return store.Hot("sms", "paused", l.named(prefix)) }

func (l *Ledger) challenge(id string) string { return store.Hot("sms", "challenge", id) }
