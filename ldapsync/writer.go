package ldapsync

import (
	"context"
	"errors"
	"sync"
	"time"

	"latchkey/internal/contact"
)

// lookTime is how often the writer looks at what else there is to do.
const lookTime = time.Second

// writer brings one stream into cards, a batch after the other.
type writer struct {
	*Follower
	ledger  *Ledger
	cards   *contact.Followed
	fence   int64
	mapping mapping

	place    place
	status   Status
	approval *Approval
	// pass is the one that is being made; nil when the stream is in step.
	pass *whole
	// all is how many people had synchronized contacts when last counted.
	all int
	// lasted: this stream was in step. recheck: what was held back is to be
	// counted by a whole pass.
	lasted, recheck bool
	// used: the approval is, and is taken away with what is written next.
	used bool
	// noted is when the status was last written.
	noted time.Time
	// cursor counts once everything before it is written, and while a pass is made
	// not before its end: what a pass that broke off did not name has to be asked
	// for again.
	cursor []byte
	// clean: no rejected values are kept in the ledger.
	clean bool
	// before are the counts when the stream began; altered are people of the batch
	// whose verified contacts are not what they were, in the order of alteredIn.
	before    Counts
	altered   map[string]contact.Alteration
	alteredIn []string
}

// run writes what a source tells until it ends.
func (w *writer) run(ctx context.Context, source Source) error {
	ctx, cancel := context.WithCancel(ctx)
	c, steps, ended := newCollector(ctx, w.mapping), make(chan step), make(chan error, 1)
	go func() {
		ended <- source.Follow(ctx, w.place.Cursor, func(change Change) error { return c.tell(ctx, change) })
		c.end(ctx)
	}()
	var fetching sync.WaitGroup
	fetching.Go(func() { c.fetch(ctx, w.cards, steps) })
	err := w.take(ctx, c, steps)
	cancel()
	fetching.Wait()
	if failure := <-ended; err == nil {
		err = failure
		if err == nil {
			err = errors.New("the source ended")
		}
	}
	return err
}

// take returns nil when the source ended, after everything that it told.
func (w *writer) take(ctx context.Context, c *collector, steps <-chan step) error {
	look := time.NewTicker(lookTime)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case next, more := <-steps:
			if !more {
				return context.Cause(ctx)
			}
			if err := w.step(ctx, next); err != nil {
				return err
			}
			c.waiting.Add(-1)
		case now := <-look.C:
			if err := w.look(ctx, now, c.waiting.Load() > 0); err != nil {
				return err
			}
		}
	}
}

// step does one step.
func (w *writer) step(ctx context.Context, next step) error {
	if next.err != nil {
		return next.err
	}
	what := Moved
	if next.then != nil {
		what = next.then.What
	}
	if what == InStep {
		return w.settle(ctx, next)
	}
	if err := w.flush(ctx, next.batch); err != nil {
		return err
	}
	switch what {
	case Began:
		return w.begin(ctx, *next.then)
	case Complete:
		return w.complete(ctx)
	}
	return nil
}

// flush writes a batch, and then the cursor behind it.
func (w *writer) flush(ctx context.Context, b batch) error {
	if b.cursor != nil {
		w.cursor = b.cursor
	}
	if b.began.IsZero() && w.cursor == nil {
		return nil
	}
	if w.pass != nil {
		w.pass.unidentified += int(b.counts.Unidentified)
	}
	began := time.Now()
	rejected, err := w.write(ctx, &b)
	if err != nil {
		return err
	}
	if err := w.relieve(ctx); err != nil {
		return err
	}
	c := commit{rejected: rejected}
	if !w.clean {
		for _, person := range b.order {
			if t := b.told[person]; t.what != Present && rejected[person] == nil {
				c.clean = append(c.clean, person)
			}
		}
	}
	w.clean = w.clean && len(rejected) == 0
	if w.pass == nil && w.cursor != nil && !w.recheck {
		w.place.Cursor = Cursor{w.status.Source, w.cursor}
		c.place = &w.place
		w.cursor = nil
	}
	w.status.Counts.add(b.counts)
	if len(b.order) > 0 {
		w.status.ChangedAt = began.UTC()
	}
	if w.pass == nil {
		w.status.InStepAt = began.UTC()
	}
	if err := w.note(ctx, c); err != nil {
		return err
	}
	if w.Meter != nil {
		w.Meter.SyncBatch(w.Config.Directory, b.counts.byName(), time.Since(began))
	}
	if w.recheck && w.pass == nil {
		return w.again()
	}
	return nil
}

func (w *writer) note(ctx context.Context, c commit) error {
	c.status, c.used = w.status, w.used
	if err := w.ledger.commit(ctx, w.Config.Directory, w.fence, c); err != nil {
		return err
	}
	w.noted, w.used = time.Now(), false
	return nil
}
