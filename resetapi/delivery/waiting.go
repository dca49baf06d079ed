package delivery

import (
	"context"
	"slices"
	"time"

	"latchkey/internal/store"
)

// Waiting is a job that waits for a worker or another attempt, or is being
// sent. It tells neither a recipient nor a code, and a void job looks like any.
type Waiting struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Method   string `json:"method"`
	Recovery string `json:"recovery"`
	// Attempts is how often it was tried.
	Attempts int `json:"attempts"`
	// Failure is the class of the last failure, if any.
	Failure string `json:"failure,omitempty"`
	// DueAt is when it is tried again; zero for jobs that are not delayed.
	DueAt     time.Time `json:"due_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Waiting returns the jobs that are not ended: those in the queue, the oldest
// first, and then the delayed ones in the order of their time.
func (q *Queue) Waiting(ctx context.Context) ([]Waiting, error) {
	all := []Waiting{}
	err := q.each(ctx, StreamKey(), func(_ string, fields map[string]any) {
		id, _ := fields[FieldID].(string)
		sealed, _ := fields[FieldJob].(string)
		all = append(all, q.waiting(id, sealed))
	})
	if err != nil {
		return nil, err
	}
	delayed, err := q.delayed(ctx)
	return append(all, delayed...), err
}

// delayed reads the jobs that wait for another attempt. One that is brought
// back meanwhile is left out.
func (q *Queue) delayed(ctx context.Context) ([]Waiting, error) {
	due, err := q.store.ZRangeWithScores(ctx, LaterKey(), 0, -1).Result()
	if err != nil {
		return nil, store.Unavailable(err)
	}
	var all []Waiting
	for some := range slices.Chunk(due, pageOfEntries) {
		ids := make([]string, len(some))
		for i, one := range some {
			ids[i], _ = one.Member.(string)
		}
		jobs, err := q.store.HMGet(ctx, laterJobs(), ids...).Result()
		if err != nil {
			return nil, store.Unavailable(err)
		}
		for i, job := range jobs {
			if sealed, ok := job.(string); ok {
				one := q.waiting(ids[i], sealed)
				one.DueAt = time.UnixMilli(int64(some[i].Score)).UTC()
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// waiting tells of a job; one that does not open has only its id.
func (q *Queue) waiting(id, sealed string) Waiting {
	job, err := q.open(id, sealed)
	if err != nil {
		return Waiting{ID: id, Failure: WhyUnreadable}
	}
	return Waiting{
		ID: id, Kind: job.Kind, Method: job.Method, Recovery: job.Recovery,
		Attempts: job.Attempt, Failure: job.Progress.Failure, ExpiresAt: job.ExpiresAt,
	}
}

// pageOfEntries is how many jobs are read at once for a listing.
const pageOfEntries = 200

// each reads a stream page by page.
func (q *Queue) each(ctx context.Context, stream string, tell func(place string, fields map[string]any)) error {
	for start := "-"; ; {
		found, err := q.store.XRangeN(ctx, stream, start, "+", pageOfEntries).Result()
		if err != nil {
			return store.Unavailable(err)
		}
		for _, m := range found {
			tell(m.ID, m.Values)
		}
		if len(found) < pageOfEntries {
			return nil
		}
		start = "(" + found[len(found)-1].ID
	}
}
