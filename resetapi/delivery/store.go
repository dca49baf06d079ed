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

// LaterKey names the sorted set of the jobs that wait for another attempt. They
// count for the length of the queue as those of the stream do.
func LaterKey() string { return store.Hot("delivery", "later") }

// laterJobs names the hash of the same jobs' sealed content.
func laterJobs() string { return store.Hot("delivery", "later", "jobs") }

// deadKey names the stream of dead letters.
func deadKey() string { return store.Hot("delivery", "dead") }

// Queue is the delivery queue.
type Queue struct {
	store   *store.Store
	keys    *keyring.Ring
	config  Config
	scripts scripts
}

type scripts struct {
	add, count, finish, later, wake, bury, retry, renew, retire *redis.Script
}

// NewQueue returns the queue in s, whose jobs are sealed with keys.
func NewQueue(s *store.Store, keys *keyring.Ring, c Config) *Queue {
	return &Queue{store: s, keys: keys, config: c, scripts: scripts{
		add: redis.NewScript(addJob), count: redis.NewScript(countJobs), finish: redis.NewScript(finishJob),
		later: redis.NewScript(deferJob), wake: redis.NewScript(wakeJobs),
		bury: redis.NewScript(buryJob), retry: redis.NewScript(retryLetter),
		renew: redis.NewScript(renewClaims), retire: redis.NewScript(retireConsumers),
	}}
}

// Add puts a job into the queue, or returns [ErrFull].
func (q *Queue) Add(ctx context.Context, job Job) error {
	id, sealed := q.Seal(job)
	added, err := q.scripts.add.Run(ctx, q.store, []string{StreamKey(), LaterKey()}, q.config.MaxQueue, FieldID, id, FieldJob, sealed).Bool()
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
	counts, err := q.Counts(ctx)
	return counts.Queued + counts.Delayed, err
}

// Room fails with [ErrFull] where no job can be added now.
func (q *Queue) Room(ctx context.Context) error {
	n, err := q.Len(ctx)
	if err == nil && n >= q.config.MaxQueue {
		return ErrFull
	}
	return err
}

// Counts is how many jobs there are of each sort.
type Counts struct {
	// Queued wait for a worker or are being sent.
	Queued int `json:"queued"`
	// Delayed wait for another attempt.
	Delayed int `json:"delayed"`
	// Dead failed for good.
	Dead int `json:"dead"`
}

// Counts counts the jobs.
func (q *Queue) Counts(ctx context.Context) (Counts, error) {
	counts, err := q.scripts.count.Run(ctx, q.store, []string{StreamKey(), LaterKey(), deadKey()}).Int64Slice()
	if err != nil {
		return Counts{}, store.Unavailable(err)
	}
	return Counts{Queued: int(counts[0]), Delayed: int(counts[1]), Dead: int(counts[2])}, nil
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
	mine, err := q.scripts.renew.Run(ctx, q.store, []string{StreamKey()}, args...).StringSlice()
	if err != nil {
		return nil, store.Unavailable(err)
	}
	return mine, nil
}

// end takes a job out of the queue, with its payload.
func (q *Queue) end(ctx context.Context, e entry) error {
	return store.Unavailable(q.scripts.finish.Run(ctx, q.store, []string{StreamKey()}, group, e.place).Err())
}

// putOff puts a job aside for a while; one that another worker has taken over
// stays as it is.
func (q *Queue) putOff(ctx context.Context, consumer string, e entry, job Job, pause time.Duration) error {
	_, sealed := q.Seal(job)
	return store.Unavailable(q.scripts.later.Run(ctx, q.store, []string{StreamKey(), LaterKey(), laterJobs()},
		group, consumer, e.place, e.id, sealed, pause.Milliseconds()).Err())
}

// wake brings back what is due and returns when to ask again, at the latest
// after longest.
func (q *Queue) wake(ctx context.Context, longest time.Duration) (time.Duration, error) {
	const atOnce = 100
	ms, err := q.scripts.wake.Run(ctx, q.store, []string{StreamKey(), LaterKey(), laterJobs()}, atOnce, FieldID, FieldJob).Int64()
	if err != nil {
		return longest, store.Unavailable(err)
	}
	if ms < 0 {
		return longest, nil
	}
	return min(time.Duration(ms)*time.Millisecond, longest), nil
}

// leave forgets a consumer that holds nothing.
func (q *Queue) leave(ctx context.Context, consumer string) error {
	return store.Unavailable(q.scripts.retire.Run(ctx, q.store, []string{StreamKey()}, group, consumer).Err())
}

// Now is Redis' clock, to which the times of jobs belong.
func (q *Queue) Now(ctx context.Context) (time.Time, error) {
	now, err := q.store.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask Redis for the time: %w", store.Unavailable(err))
	}
	return now, nil
}
