package recovery

import (
	"context"
	"sync"
)

// begun are the recoveries of this process whose look-up is to be made. Two
// workers come to it, that of look-ups and that of deliveries: the first makes
// it, and the other waits for it or leaves it out.
type begun struct {
	mu  sync.Mutex
	all map[string]*pendingLookup
}

// pendingLookup is a recovery as it was stored when it began.
type pendingLookup struct {
	stored
	inHand bool
	done   chan struct{}
}

func (b *begun) put(r stored) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = make(map[string]*pendingLookup)
	}
	b.all[r.ID] = &pendingLookup{stored: r, done: make(chan struct{})}
}

// claim takes a look-up into hand. It returns nil where there is none to make (any
// more), and not mine where somebody else is at it.
func (b *begun) claim(id string) (p *pendingLookup, mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p = b.all[id]; p == nil {
		return nil, false
	}
	mine = !p.inHand
	p.inHand = true
	return p, mine
}

// drop tells that a look-up was made, or that somebody else will make it.
func (b *begun) drop(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.all[id]; p != nil {
		close(p.done)
		delete(b.all, id)
	}
}

// wait returns when a look-up that is in other hands has ended.
func (p *pendingLookup) wait(ctx context.Context) {
	select {
	case <-p.done:
	case <-ctx.Done():
	}
}
