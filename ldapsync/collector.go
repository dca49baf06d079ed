package ldapsync

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/internal/contact"
)

const (
	// batchSize and batchTime end a batch: the first that is reached.
	batchSize = 1000
	batchTime = 200 * time.Millisecond
	// idleTime ends one sooner when nothing follows and the directory is not being
	// read as a whole.
	idleTime = 5 * time.Millisecond
)

// batch is what waits to be written, each person once, with what was told last.
type batch struct {
	began time.Time
	order []string
	told  map[string]told
	// cursor, unless nil, is the place behind it.
	cursor []byte
	counts Counts
	// cards are those of the people, as they were; nil where they are still to be
	// asked for.
	cards *contact.Fetched
}

// told is what is known of a person: of one who was found, the contacts, and what
// was refused.
type told struct {
	what    What
	found   []contact.Address
	refused []refusal
}

func (b *batch) put(person string, t told) {
	if b.told == nil {
		b.told = make(map[string]told)
	}
	// Being present adds nothing to what was found.
	if before, ok := b.told[person]; !ok {
		b.order = append(b.order, person)
	} else if t.what == Present && before.what == Found {
		return
	}
	b.told[person] = t
}

// step is what the writer does next: write a batch, and then what stands behind
// it, which is Began, Complete, InStep, or nothing.
type step struct {
	batch batch
	then  *Change
	err   error
}

// collector makes batches of what a source tells. It does so while the writer
// writes the one before, and another goroutine fetches the cards of the one
// between; no more than these are on their way.
type collector struct {
	mapping mapping
	out     chan step
	// waiting counts batches that began and are not written.
	waiting atomic.Int64

	mu    sync.Mutex
	batch batch
	// refreshing is set between Began and InStep.
	refreshing, ended bool
	flush             *time.Timer
}

func newCollector(ctx context.Context, m mapping) *collector {
	c := &collector{mapping: m, out: make(chan step)}
	c.flush = time.AfterFunc(time.Hour, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.ended {
			_ = c.send(ctx, nil)
		}
	})
	return c
}

// tell takes one change. It waits while there is too much to do.
func (c *collector) tell(ctx context.Context, change Change) error {
	// What is in an entry is worked out here, beside the writer.
	var t told
	var person string
	switch change.What {
	case Found:
		if t.what = Found; !change.Entry.ID.IsZero() {
			person = change.Entry.ID.String()
			t.found, t.refused = c.mapping.contacts(change.Entry)
		}
	case Present, Gone:
		t.what, person = change.What, change.ID.String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch change.What {
	case Began, Complete, InStep:
		c.refreshing = change.What != InStep
		return c.send(ctx, &Change{What: change.What, Source: change.Source, Whole: change.Whole, Cursor: change.Cursor})
	case Found:
		c.batch.counts.Found++
	case Present:
		c.batch.counts.Present++
	case Gone:
		c.batch.counts.Gone++
	}
	if person != "" {
		c.batch.put(person, t)
	} else if change.What == Found {
		c.batch.counts.Unidentified++
	}
	if len(change.Cursor) > 0 {
		c.batch.cursor = change.Cursor
	}
	return c.added(ctx)
}

// added sends a batch that is full, or sees to it that it does not wait too long.
func (c *collector) added(ctx context.Context) error {
	first := c.batch.began.IsZero()
	if first {
		c.batch.began = time.Now()
		c.waiting.Add(1)
	}
	switch {
	case len(c.batch.order) >= batchSize:
		return c.send(ctx, nil)
	case !c.refreshing:
		c.flush.Reset(min(idleTime, max(0, batchTime-time.Since(c.batch.began))))
	case first:
		c.flush.Reset(batchTime)
	}
	return nil
}

// send hands the batch on, with what stands behind it.
func (c *collector) send(ctx context.Context, then *Change) error {
	c.flush.Stop()
	if c.batch.began.IsZero() {
		if then == nil {
			return nil
		}
		c.waiting.Add(1)
	}
	select {
	case c.out <- step{batch: c.batch, then: then}:
		c.batch = batch{}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end sends what is left.
func (c *collector) end(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	_ = c.send(ctx, nil)
	close(c.out)
}

// fetch asks for the cards of each batch before the writer needs them, while it
// writes the batch before. People whom that one may change are asked for by the
// writer.
func (c *collector) fetch(ctx context.Context, cards *contact.Followed, to chan<- step) {
	defer close(to)
	var before step
	for next := range c.out {
		if len(next.batch.order) > 0 && !before.touches(next.batch) {
			next.batch.cards, next.err = cards.Fetch(ctx, next.batch.order)
		}
		select {
		case to <- next:
			before = next
		case <-ctx.Done():
			return
		}
	}
}

// touches reports whether a step may change a card of a batch.
func (s step) touches(b batch) bool {
	if s.then != nil && s.then.What == Complete {
		return true // it removes what nobody named
	}
	return slices.ContainsFunc(b.order, func(person string) bool { _, ok := s.batch.told[person]; return ok })
}
