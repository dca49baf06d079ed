package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// The fields of an entry in the stream.
const (
	FieldID  = "id"
	FieldJob = "job"
)

const (
	// group is the consumer group that all workers share.
	group = "workers"
	// answerTime is how long Redis may take to end a read that waited.
	answerTime = time.Second
)

// StreamKey names the stream, so that others can add a job in the same script
// that writes what the job belongs to.
func StreamKey() string { return store.Hot("delivery") }

// Queue is the delivery queue.
type Queue struct {
	store  *store.Store
	keys   *keyring.Ring
	config Config
	add    *redis.Script
	finish *redis.Script
	renew  *redis.Script
	retire *redis.Script
}

// addJob adds a job where there is room: ARGV longest, field, id, field, job.
const addJob = `
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1`

// finishJob ends an entry and removes its payload: ARGV group, entry.
const finishJob = `
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])`

// renewClaims keeps entries from being claimed by others and returns those
// that still are this consumer's: ARGV group, consumer, entries.
const renewClaims = `
local mine = {}
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if #pending == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    mine[#mine + 1] = ARGV[i]
  end
end
return mine`

// retireConsumers forgets consumers that hold nothing: this one, and those that
// were not seen for a day: ARGV group, consumer.
const retireConsumers = `
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #info, 2 do consumer[info[i]] = info[i + 1] end
  if consumer['pending'] == 0 and (consumer['name'] == ARGV[2] or consumer['idle'] > 86400000) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer['name'])
  end
end
return 1`

// NewQueue returns the queue in s, whose jobs are sealed with keys.
func NewQueue(s *store.Store, keys *keyring.Ring, c Config) *Queue {
	return &Queue{
		store: s, keys: keys, config: c,
		add: redis.NewScript(addJob), finish: redis.NewScript(finishJob),
		renew: redis.NewScript(renewClaims), retire: redis.NewScript(retireConsumers),
	}
}

// Add puts a job into the queue, or returns [ErrFull].
func (q *Queue) Add(ctx context.Context, job Job) error {
	id, sealed := q.Seal(job)
	added, err := q.add.Run(ctx, q.store, []string{StreamKey()}, q.config.MaxQueue, FieldID, id, FieldJob, sealed).Bool()
	if err != nil {
		return store.Unavailable(err)
	}
	if !added {
		return ErrFull
	}
	return nil
}

// Len is how many jobs wait or are being sent.
func (q *Queue) Len(ctx context.Context) (int, error) {
	n, err := q.store.XLen(ctx, StreamKey()).Result()
	return int(n), store.Unavailable(err)
}

// entry is one job as it lies in the stream.
type entry struct {
	place   string // its place in the stream
	id      string
	sealed  string
	claimed bool // another worker, or this one, had it before
}

func entries(messages []redis.XMessage, claimed bool) []entry {
	found := make([]entry, 0, len(messages))
	for _, m := range messages {
		id, _ := m.Values[FieldID].(string)
		sealed, _ := m.Values[FieldJob].(string)
		found = append(found, entry{place: m.ID, id: id, sealed: sealed, claimed: claimed})
	}
	return found
}

// join makes sure that stream and group are there.
func (q *Queue) join(ctx context.Context) error {
	err := q.store.XGroupCreateMkStream(ctx, StreamKey(), group, "0").Err()
	if err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
		return store.Unavailable(err)
	}
	return nil
}

// read waits up to wait for at most count new jobs.
func (q *Queue) read(ctx context.Context, consumer string, count int, wait time.Duration) ([]entry, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+answerTime) // the client's own bound is far longer
	defer cancel()
	streams, err := q.store.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: consumer, Streams: []string{StreamKey(), ">"}, Count: int64(count), Block: wait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, store.Unavailable(err)
	}
	var found []entry
	for _, stream := range streams {
		found = append(found, entries(stream.Messages, false)...)
	}
	return found, nil
}

// claim takes over at most count jobs of workers that show no sign of life.
func (q *Queue) claim(ctx context.Context, consumer string, count int) ([]entry, error) {
	var found []entry
	for start := "0-0"; ; {
		messages, next, err := q.store.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: StreamKey(), Group: group, Consumer: consumer,
			MinIdle: q.config.ClaimAfter.Std(), Start: start, Count: int64(count - len(found)),
		}).Result()
		if err != nil {
			return found, store.Unavailable(err)
		}
		found = append(found, entries(messages, true)...)
		if start = next; start == "0-0" || len(found) >= count {
			return found, nil
		}
	}
}

// keep renews the claims of entries and returns those that still are ours.
func (q *Queue) keep(ctx context.Context, consumer string, places []string) ([]string, error) {
	args := []any{group, consumer}
	for _, place := range places {
		args = append(args, place)
	}
	mine, err := q.renew.Run(ctx, q.store, []string{StreamKey()}, args...).StringSlice()
	if err != nil {
		return nil, store.Unavailable(err)
	}
	return mine, nil
}

// end takes a job out of the queue, with its payload.
func (q *Queue) end(ctx context.Context, e entry) error {
	return store.Unavailable(q.finish.Run(ctx, q.store, []string{StreamKey()}, group, e.place).Err())
}

// leave forgets a consumer that holds nothing.
func (q *Queue) leave(ctx context.Context, consumer string) error {
	return store.Unavailable(q.retire.Run(ctx, q.store, []string{StreamKey()}, group, consumer).Err())
}

// now is Redis' clock.
func (q *Queue) now(ctx context.Context) (time.Time, error) {
	now, err := q.store.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask Redis for the time: %w", store.Unavailable(err))
	}
	return now, nil
}
