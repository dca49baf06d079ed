package ldapsync

import (
	"context"
	"time"

	"latchkey/internal/directory"
)

// Sources that tell of changes by the entry's id alone read everyone first, and
// then whoever changed, as they are at that moment.

// watchEvery is how often a server that has nothing to tell is asked whether it
// is still there.
const watchEvery = 15 * time.Second

// watch asks on the connection of a search that lasts. A server that hangs keeps
// its connections open; asking in vain closes this one, and the search ends.
func (f *feed) watch(ctx context.Context, r *directory.Reader) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for pause(ctx, f.config.poll(watchEvery)) == nil {
			if _, err := r.Describe(ctx, "objectClass"); err != nil {
				return
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// list tells of everyone. What changed meanwhile has to be told before the end.
func (f *feed) list(ctx context.Context, each func(directory.Entry)) error {
	if err := f.tell(Change{What: Began, Source: f.source, Whole: true}); err != nil {
		return err
	}
	return f.EachPage(ctx, f.query, func(page directory.Page) error {
		for _, entry := range page.Entries {
			if each != nil {
				each(entry)
			}
			if err := f.tell(Change{What: Found, Entry: entry, Estimate: page.Estimate}); err != nil {
				return err
			}
		}
		return nil
	})
}

// reconcile tells who is there, without values: whoever is not is gone.
func (f *feed) reconcile(ctx context.Context) error {
	if err := f.tell(Change{What: Began, Source: f.source}); err != nil {
		return err
	}
	q := f.query
	q.Attributes = nil
	return f.EachPage(ctx, q, func(page directory.Page) error {
		for _, entry := range page.Entries {
			change := Change{What: Present, ID: entry.ID}
			if entry.ID.IsZero() {
				change = Change{What: Found}
			}
			if err := f.tell(change); err != nil {
				return err
			}
		}
		return nil
	})
}

// complete ends a list or a reconciliation.
func (f *feed) complete(cursor []byte) error {
	if err := f.tell(Change{What: Complete}); err != nil {
		return err
	}
	return f.tell(Change{What: InStep, Cursor: cursor})
}

// completeBy ends a list with what changed meanwhile.
func (f *feed) completeBy(changes func() ([]byte, error)) error {
	cursor, err := changes()
	if err != nil {
		return err
	}
	return f.complete(cursor)
}

// lookupSize is how many ids are asked for in one search.
const lookupSize = 50

// lookup tells of entries as they are now: found, or gone.
func (f *feed) lookup(ctx context.Context, ids []directory.ID) error {
	for len(ids) > 0 {
		some := ids[:min(lookupSize, len(ids))]
		ids = ids[len(some):]
		entries, err := f.Lookup(ctx, f.query, some)
		if err != nil {
			return err
		}
		there := make(map[directory.ID]bool, len(entries))
		for _, entry := range entries {
			there[entry.ID] = true
			if err := f.tell(Change{What: Found, Entry: entry}); err != nil {
				return err
			}
		}
		for _, id := range some {
			if there[id] {
				continue
			}
			if err := f.tell(Change{What: Gone, ID: id}); err != nil {
				return err
			}
		}
	}
	return nil
}

// rounds asks again and again: changes tells what is new and returns the cursor
// behind it, and where unsure is set, who is gone is found by a reconciliation
// now and then.
func (f *feed) rounds(ctx context.Context, every time.Duration, unsure bool, changes func() ([]byte, error)) error {
	reconciled := time.Now()
	for {
		if err := pause(ctx, f.config.poll(every)); err != nil {
			return err
		}
		due := unsure && time.Since(reconciled) >= f.config.ReconcileEvery.Std()
		if due {
			if err := f.reconcile(ctx); err != nil {
				return err
			}
		}
		cursor, err := changes()
		if err != nil {
			return err
		}
		if !due {
			if err := f.tell(Change{What: InStep, Cursor: cursor}); err != nil {
				return err
			}
			continue
		}
		if err := f.complete(cursor); err != nil {
			return err
		}
		reconciled = time.Now()
	}
}

// resume tells that the work goes on behind a cursor.
func (f *feed) resume() error { return f.tell(Change{What: Began, Source: f.source}) }
