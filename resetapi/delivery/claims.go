package delivery

import (
	"context"
	"time"
)

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
