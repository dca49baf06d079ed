package directory

import (
	"context"
	"sync"
)

// background runs what nobody waits for, until it is closed.
type background struct {
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newBackground() *background {
	b := &background{}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// start runs f, and reports false when it is too late for that.
func (b *background) start(f func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.running.Go(func() { f(b.life) })
	return true
}

// close ends what runs and waits for it.
func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.end()
	b.running.Wait()
}
