package ldapserver

import (
	"context"
	"sync"
	"time"
)

// work is what is in flight on one connection.
type work struct {
	most    int
	running sync.WaitGroup

	mu    sync.Mutex
	tasks map[int]*task
	bytes int
}

// task is one operation in flight.
type task struct {
	id, size  int
	cancel    context.CancelFunc
	abandoned bool
}

func newWork(config Config) work {
	return work{most: config.InFlight, tasks: make(map[int]*task)}
}

// begin takes an operation on, unless there are too many, or too many bytes of
// them.
func (w *work) begin(t *task, maxBytes int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.tasks) >= w.most || w.bytes+t.size > maxBytes {
		return false
	}
	w.tasks[t.id] = t
	w.bytes += t.size
	w.running.Add(1)
	return true
}

// settle takes an operation off; its number may be used again. It reports
// whether an answer is wanted.
func (w *work) settle(t *task) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tasks[t.id] == t {
		delete(w.tasks, t.id)
		w.bytes -= t.size
	}
	return !t.abandoned
}

// abandon ends an operation without an answer.
func (w *work) abandon(id int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.tasks[id]; ok {
		t.abandoned = true
		t.cancel()
	}
}

func (w *work) has(id int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.tasks[id]
	return ok
}

func (w *work) none() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.tasks) == 0
}

// wait waits for all operations, but not for longer than it may.
func (w *work) wait(longest time.Duration) {
	done := make(chan struct{})
	go func() {
		w.running.Wait()
		close(done)
	}()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
