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
	// inHand is how many jobs a sender may hold that wait for another attempt.
	inHand = 16
	// longestPause bounds the pauses between attempts and while Redis is away.
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
}

// Run sends until ctx ends. It then finishes what it is sending and returns
// nil; jobs that wait for another attempt are left to other workers.
func (w *Worker) Run(ctx context.Context) error {
	workers := max(w.Queue.config.Workers, 1)
	s := &shift{
		Worker: w, consumer: rand.Text(), pause: w.Pause,
		senders: make(chan struct{}, workers), room: make(chan struct{}, workers*inHand),
		held: make(map[string]context.CancelFunc),
	}
	if s.pause <= 0 {
		s.pause = time.Second
	}
	var keeping sync.WaitGroup
	keepCtx, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	keeping.Go(func() { s.keepClaims(keepCtx) })
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
	senders  chan struct{} // one place for each message being sent
	room     chan struct{} // one place for each job in hand
	jobs     sync.WaitGroup

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
	for free := true; free && count < cap(s.senders); {
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
		a := attempt{shift: s, entry: e, stopping: ctx, sent: make(map[string]bool)}
		if a.work(jobCtx) {
			s.finish(jobCtx, ctx, e)
		}
	})
	return true
}

// finish takes a job out of the queue, and tries until it succeeds: a job that
// stays would be sent twice.
func (s *shift) finish(ctx, stopping context.Context, e entry) {
	for failures := 1; ; failures++ {
		err := s.Queue.end(ctx, e)
		if err == nil || ctx.Err() != nil {
			return
		}
		if stopping.Err() != nil && s.backoff(failures) > finishTime {
			s.Logger.Error("a finished job cannot be taken out of the delivery queue; it will be sent again", "job", e.id, "error", err)
			return
		}
		wait(ctx, s.backoff(failures))
	}
}

// keepClaims shows a sign of life for each job in hand, and drops those that
// another worker has taken over meanwhile.
func (s *shift) keepClaims(ctx context.Context) {
	tick := time.NewTicker(max(s.Queue.config.ClaimAfter.Std()/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		places := make([]string, 0, len(s.held))
		for place := range s.held {
			places = append(places, place)
		}
		s.mu.Unlock()
		if len(places) == 0 {
			continue
		}
		mine, err := s.Queue.keep(ctx, s.consumer, places)
		if err != nil {
			continue // the reading side tells of it
		}
		s.drop(places, mine)
	}
}

// drop ends the work on those of places that are not mine any more.
func (s *shift) drop(places, mine []string) {
	lost := make(map[string]bool, len(places))
	for _, place := range places {
		lost[place] = true
	}
	for _, place := range mine {
		delete(lost, place)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for place := range lost {
		if cancel, ok := s.held[place]; ok {
			cancel()
		}
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
func (s *shift) backoff(failures int) time.Duration {
	if failures > bits.Len64(uint64(longestPause/s.pause)) {
		return longestPause
	}
	return s.pause << (failures - 1)
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
