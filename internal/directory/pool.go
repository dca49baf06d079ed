package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxIdle is how long a connection may lie unused; firewalls forget it later
// without telling.
const maxIdle = 2 * time.Minute

var errClosed = errors.New("the directory was closed")

// pool keeps connections that are bound as the service account. There are
// never more than its size, in use and idle together. A person is never bound
// on one of them.
type pool struct {
	open  func(context.Context, *server) (*conn, error)
	wait  time.Duration
	slots chan struct{}

	mu     sync.Mutex
	idle   []*conn // the longest idle first
	closed bool
}

func newPool(size int, wait time.Duration, open func(context.Context, *server) (*conn, error)) *pool {
	return &pool{open: open, wait: wait, slots: make(chan struct{}, size)}
}

// take returns a connection to a server; give must follow. fresh asks for a
// new one; whether it is one is told.
func (p *pool) take(ctx context.Context, s *server, fresh bool) (*conn, bool, error) {
	if err := p.reserve(ctx); err != nil {
		return nil, false, err
	}
	if !fresh {
		if c := p.reuse(s); c != nil {
			return c, false, nil
		}
	}
	if err := p.makeRoom(); err != nil {
		<-p.slots
		return nil, false, err
	}
	c, err := p.open(ctx, s)
	if err != nil {
		<-p.slots
		return nil, false, err
	}
	return c, true, nil
}

func (p *pool) reserve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: all %d connections were busy: %w", ErrUnavailable, cap(p.slots), context.Cause(ctx))
	}
}

// reuse returns the connection to s that was used last, and drops dead ones.
func (p *pool) reuse(s *server) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found *conn
	kept := p.idle[:0]
	for i := len(p.idle) - 1; i >= 0; i-- {
		if c := p.idle[i]; found == nil && c.server == s && c.usable() {
			found = c
			break
		}
	}
	for _, c := range p.idle {
		switch {
		case c == found:
		case c.usable():
			kept = append(kept, c)
		default:
			c.close()
		}
	}
	p.idle = kept
	return found
}

func (c *conn) usable() bool { return !c.ldap.IsClosing() && time.Since(c.used) < maxIdle }

// makeRoom closes the longest idle connections until one more may be opened in
// the slot that the caller has.
func (p *pool) makeRoom() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("%w: %w", ErrUnavailable, errClosed)
	}
	for len(p.idle) > 0 && len(p.idle)+len(p.slots) > cap(p.slots) {
		p.idle[0].close()
		p.idle = p.idle[1:]
	}
	return nil
}

// give takes a connection back, or closes it when it is of no further use.
func (p *pool) give(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || c.ldap.IsClosing() {
		c.close()
	} else {
		c.used = time.Now()
		p.idle = append(p.idle, c)
	}
	<-p.slots
}

// close closes the idle connections; those in use follow when they come back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}
