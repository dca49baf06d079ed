package delivery

import (
	"context"
	"sync"
	"time"
)

// askEvery is how often Redis is asked for the time. In between, what passes by
// the monotonic clock is added, which nobody can turn: a job lives for minutes.
const askEvery = time.Second

// clock is what Redis said the time was, and when.
type clock struct {
	mu    sync.Mutex
	said  time.Time
	asked time.Time
}

// now is Redis' clock, to which the times of jobs belong.
func (s *shift) now(ctx context.Context) (time.Time, error) {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	if since := time.Since(s.clock.asked); !s.clock.asked.IsZero() && since < askEvery {
		return s.clock.said.Add(since), nil
	}
	said, err := s.Queue.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	s.clock.said, s.clock.asked = said, time.Now()
	return said, nil
}
