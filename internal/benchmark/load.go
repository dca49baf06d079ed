package benchmark

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// operation sets a new password for a person.
type operation func(ctx context.Context, p *person) (laps, error)

// sample is what one slice of load came to.
type sample struct {
	done  int
	took  time.Duration
	steps map[string][]time.Duration
}

// load runs an operation by so many workers for a while. Each worker has people
// of its own, takes them in turn and ends the operation that it has begun.
func load(ctx context.Context, parallel int, length time.Duration, people []*person, do operation) (sample, error) {
	if len(people)%parallel != 0 {
		return sample{}, fmt.Errorf("%d people cannot be shared out among %d workers", len(people), parallel)
	}
	begun := time.Now()
	samples, failures := make([]sample, parallel), make([]error, parallel)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	for w := range parallel {
		workers.Go(func() {
			s := sample{steps: make(map[string][]time.Duration)}
			for i := w; time.Since(begun) < length && ctx.Err() == nil; i += parallel {
				laps, err := do(ctx, people[i%len(people)])
				if err != nil {
					failures[w] = err
					cancel()
					break
				}
				s.done++
				for _, l := range laps {
					s.steps[l.step] = append(s.steps[l.step], l.took)
				}
			}
			samples[w] = s
		})
	}
	workers.Wait()
	all := sample{steps: make(map[string][]time.Duration)}
	for _, s := range samples {
		all.add(s)
	}
	all.took = time.Since(begun)
	return all, errors.Join(failures...)
}

// add sums up, one sample after the other.
func (s *sample) add(more sample) {
	s.done += more.done
	s.took += more.took
	if s.steps == nil {
		s.steps = make(map[string][]time.Duration)
	}
	for step, took := range more.steps {
		s.steps[step] = append(s.steps[step], took...)
	}
}
