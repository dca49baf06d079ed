package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/store"
)

// The reasons why a job became a dead letter.
const (
	WhyExpired    = "expired"
	WhyRefused    = "refused"
	WhyUnreadable = "unreadable"
)

// The classes of failures.
const (
	FailureUnreachable = "unreachable" // the server could not be talked to
	FailurePostponed   = "postponed"   // the server does not take it now
	FailureUncertain   = "uncertain"   // the server may have taken it
	FailureRefused     = "refused"     // the server will never take it
	FailureRecipients  = "recipients"  // who gets it could not be found out
	FailureHeld        = "held"        // nothing was to be sent
)

// longestDead is about how many dead letters are kept; older ones go.
const longestDead = 10_000

// fieldMeta holds what is known of a dead letter beside its payload.
const fieldMeta = "meta"

// Letter is a dead letter: a job that failed for good.
type Letter struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Method   string `json:"method"`
	Recovery string `json:"recovery"`
	Attempts int    `json:"attempts"`
	// Why is [WhyExpired], [WhyRefused] or [WhyUnreadable].
	Why string `json:"why"`
	// Failure is the class of the last failure, such as [FailureUnreachable].
	Failure string `json:"failure,omitempty"`
	// At is when it was given up.
	At time.Time `json:"at"`
	// Kept means that the payload is there still and can be retried.
	Kept bool `json:"kept"`

	place  string
	sealed string
}

// bury ends a job with a dead letter. Only notices and
// requests for help keep their payload.
func (q *Queue) bury(ctx context.Context, e entry, job Job, why string) error {
	letter := Letter{
		ID: e.id, Kind: job.Kind, Method: job.Method, Recovery: job.Recovery,
		Attempts: job.Attempt, Why: why, Failure: job.Progress.Failure, Kept: job.kept(),
	}
	meta, err := json.Marshal(letter)
	if err != nil {
		panic(err) // strings and a number
	}
	args := []any{group, e.place, longestDead, FieldID, e.id, fieldMeta, meta}
	if letter.Kept {
		_, sealed := q.Seal(job)
		args = append(args, FieldJob, sealed)
	}
	return store.Unavailable(q.scripts.bury.Run(ctx, q.store, []string{StreamKey(), deadKey()}, args...).Err())
}

// Dead returns the dead letters, the oldest first.
func (q *Queue) Dead(ctx context.Context) ([]Letter, error) {
	letters := []Letter{}
	err := q.each(ctx, deadKey(), func(place string, fields map[string]any) {
		letter := Letter{place: place}
		meta, _ := fields[fieldMeta].(string)
		_ = json.Unmarshal([]byte(meta), &letter) // what does not parse shows as empty
		letter.ID, _ = fields[FieldID].(string)
		letter.sealed, letter.Kept = fields[FieldJob].(string)
		letter.At = placeTime(place)
		letters = append(letters, letter)
	})
	return letters, err
}

// Retry puts the notice or request of a dead letter into the queue again, for
// those who do not have it. It fails with [ErrNoLetter], [ErrNotKept] or [ErrFull].
func (q *Queue) Retry(ctx context.Context, id string) error {
	letters, err := q.Dead(ctx)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		if letter.ID == id {
			return q.retry(ctx, letter)
		}
	}
	return ErrNoLetter
}

// RetryAll puts all notices and requests among the dead letters into the queue again and
// returns how many these are.
func (q *Queue) RetryAll(ctx context.Context) (retried int, err error) {
	letters, err := q.Dead(ctx)
	if err != nil {
		return 0, err
	}
	for _, letter := range letters {
		if !letter.Kept {
			continue
		}
		err := q.retry(ctx, letter)
		if errors.Is(err, ErrNoLetter) {
			continue // somebody else was faster
		}
		if err != nil {
			return retried, fmt.Errorf("job %s: %w", letter.ID, err)
		}
		retried++
	}
	return retried, nil
}

func (q *Queue) retry(ctx context.Context, letter Letter) error {
	if !letter.Kept {
		return ErrNotKept
	}
	job, err := q.open(letter.ID, letter.sealed)
	if err != nil {
		return fmt.Errorf("open the dead letter: %w", err)
	}
	now, err := q.Now(ctx)
	if err != nil {
		return err
	}
	_, sealed := q.Seal(job.again(now))
	answer, err := q.scripts.retry.Run(ctx, q.store, []string{deadKey(), StreamKey(), LaterKey()},
		letter.place, q.config.MaxQueue, FieldID, letter.ID, FieldJob, sealed).Int()
	switch {
	case err != nil:
		return store.Unavailable(err)
	case answer < 0:
		return ErrFull
	case answer == 0:
		return ErrNoLetter
	}
	return nil
}

// placeTime is when an entry of a stream was made.
func placeTime(place string) time.Time {
	ms, _, _ := strings.Cut(place, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
