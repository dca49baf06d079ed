package delivery

import (
	"context"
	"crypto/rand"
	"log/slog"
	"math/bits"
	"sync"
	"time"
)

const (
	// waitForJobs is how long one read waits, and so the longest that stopping
	// an idle worker takes.
	waitForJobs = 500 * time.Millisecond
	// longestPause bounds the pauses between attempts at a code and while Redis
	// is away.
	longestPause = 30 * time.Second
	// finishTime is how long a stopping worker goes on trying to take what it
	// has sent out of the queue.
	finishTime = 5 * time.Second
)

// Worker sends what is in the queue.
type Worker struct {
	Queue      *Queue
	Recipients Recipients
	// Channels are the ways to send, by method.
	Channels map[string]Channel
	Logger   *slog.Logger
	// Pause is the first pause between two attempts, and the first while Redis
	// is away; it doubles each time. Default 1s.
	Pause time.Duration
	// Held reports whether nothing may be sent at present; an error holds too.
	// It is asked before each attempt. May be nil.
	Held func(ctx context.Context) (bool, error)
	// HeldBy is Held for the messages of one method. May be nil.
	HeldBy func(ctx context.Context, method string) (bool, error)
	// Observe is told how each message, and each job without one, came out: one
	// of [OutcomeSent], [OutcomeFailed], [OutcomeRefused] and [OutcomeExpired].
	// May be nil.
	Observe func(kind, method, outcome string, took time.Duration)
}

// The outcomes that Observe is told.
const (
	OutcomeSent    = "sent"
	OutcomeFailed  = "failed" // and is tried again
	OutcomeRefused = "refused"
	OutcomeExpired = "expired"
)

// Run sends until ctx ends. It then finishes what it is sending and returns
// nil; what waits for another attempt lies in Redis.
func (w *Worker) Run(ctx context.Context) error {
	workers := max(w.Queue.config.Workers, 1)
	s := &shift{
		Worker: w, consumer: rand.Text(), pause: w.Pause,
		room: make(chan struct{}, workers), nudged: make(chan struct{}, 1),
		held: make(map[string]context.CancelFunc),
	}
	if s.pause <= 0 {
		s.pause = time.Second
	}
	var keeping sync.WaitGroup
	keepCtx, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	keeping.Go(func() { s.keepClaims(keepCtx) })
	keeping.Go(func() { s.bringBack(ctx) })
	s.take(ctx)
	s.jobs.Wait()
	stopKeeping()
	keeping.Wait()
	s.goHome(ctx)
	return nil
}

// shift is one run of a worker.
type shift struct {
	*Worker
	consumer string
	pause    time.Duration
	room     chan struct{} // one place for each job in hand
	nudged   chan struct{} // a job was put aside
	jobs     sync.WaitGroup

	clock clock

	mu   sync.Mutex
	held map[string]context.CancelFunc // by place in the stream
}

// take takes jobs until ctx ends, and outlives Redis being away.
func (s *shift) take(ctx context.Context) {
	failures, joined := 0, false
	var claimed time.Time
	for ctx.Err() == nil {
		var err error
		if !joined {
			err = s.Queue.join(ctx)
			joined = err == nil
		}
		if err == nil && time.Since(claimed) > s.Queue.config.ClaimAfter.Std()/2 {
			var more bool
			if more, err = s.takeSome(ctx, s.claim); !more {
				claimed = time.Now()
			}
		}
		if err == nil {
			_, err = s.takeSome(ctx, s.read)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if failures++; failures == 1 {
				s.Logger.Error("the delivery queue cannot be read; trying again", "error", err)
			}
			joined = false // the stream may be lost, and the group with it
			wait(ctx, s.backoff(failures))
		case failures > 0:
			s.Logger.Info("the delivery queue can be read again", "failures", failures)
			failures = 0
		}
	}
}

func (s *shift) read(ctx context.Context, count int) ([]entry, error) {
	return s.Queue.read(ctx, s.consumer, count, waitForJobs)
}

func (s *shift) claim(ctx context.Context, count int) ([]entry, error) {
	return s.Queue.claim(ctx, s.consumer, count)
}

// takeSome waits for room, asks for as many jobs as can be sent at once, and
// starts them. It reports whether there may be more.
func (s *shift) takeSome(ctx context.Context, ask func(context.Context, int) ([]entry, error)) (more bool, err error) {
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return false, nil
	}
	count := 1
	for free := true; free && count < cap(s.room); {
		select {
		case s.room <- struct{}{}:
			count++
		default:
			free = false
		}
	}
	found, err := ask(ctx, count)
	started := 0
	for _, e := range found {
		if s.start(ctx, e) {
			started++
		}
	}
	for range count - started {
		<-s.room
	}
	return len(found) == count, err
}

// start works on a job in the background, in one place of the room. After
// Redis was away, what is claimed may be a job that is in hand already.
func (s *shift) start(ctx context.Context, e entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.held[e.place]; ok {
		return false
	}
	jobCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.held[e.place] = cancel
	s.jobs.Go(func() {
		defer func() {
			cancel()
			s.mu.Lock()
			delete(s.held, e.place)
			s.mu.Unlock()
			<-s.room
		}()
		a := attempt{shift: s, entry: e}
		if conclude := a.work(jobCtx); conclude != nil {
			s.conclude(jobCtx, ctx, e, conclude)
		}
	})
	return true
}

// conclude writes down how an attempt ended, and tries until it succeeds: a job
// that stays as it is would be sent twice.
func (s *shift) conclude(ctx, stopping context.Context, e entry, write func(context.Context) error) {
	for failures := 1; ; failures++ {
		err := write(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if stopping.Err() != nil && s.backoff(failures) > finishTime {
			s.Logger.Error("how a job ended cannot be written into the delivery queue; it may be sent again", "job", e.id, "error", err)
			return
		}
		wait(ctx, s.backoff(failures))
	}
}

// bringBack brings jobs back into the queue when their pauses are over, those of
// other workers too.
func (s *shift) bringBack(ctx context.Context) {
	for ctx.Err() == nil {
		next, err := s.Queue.wake(ctx, waitForJobs)
		if err != nil {
			next = waitForJobs // the reading side tells of it
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-s.nudged:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// nudge lets bringBack look when the next job is due.
func (s *shift) nudge() {
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

func (s *shift) goHome(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.Queue.leave(ctx, s.consumer); err != nil {
		s.Logger.Debug("the worker's name stays in the delivery queue", "error", err)
	}
}

// backoff is the pause after so many failures.
func (s *shift) backoff(failures int) time.Duration { return doubled(s.pause, failures, longestPause) }

// doubled is the pause after so many failures, which doubles up to the longest.
func doubled(first time.Duration, failures int, longest time.Duration) time.Duration {
	if failures > bits.Len64(uint64(longest/first)) {
		return longest
	}
	return first << (failures - 1)
}

func (s *shift) observe(kind, method, outcome string, took time.Duration) {
	if s.Observe != nil {
		s.Observe(kind, method, outcome, took)
	}
}

// wait waits, but not longer than ctx.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
