package ldapsync

import (
	"context"
	"errors"
	"time"
)

// look does what is due now and then.
func (w *writer) look(ctx context.Context, now time.Time, busy bool) error {
	w.Follower.state(true, w.lag(now))
	if w.pass != nil {
		return nil
	}
	w.sum(now, "")
	const noteEvery = 5 * time.Second
	if !busy {
		if pushes(w.status.Source) {
			w.status.InStepAt = now.UTC()
		}
		if now.Sub(w.noted) > noteEvery {
			if err := w.note(ctx, commit{}); err != nil {
				return err
			}
		}
	}
	if now.Sub(w.status.FullAt) > w.Config.FullEvery.Std() {
		return w.again()
	}
	if w.status.Waiting == nil {
		return nil
	}
	approval, err := w.ledger.approval(ctx, w.Config.Directory)
	if err != nil {
		return err
	}
	const retryEvery = 15 * time.Minute
	if approval != nil || now.Sub(w.status.FullAt) > retryEvery {
		return w.again()
	}
	return nil
}

// pushes reports whether a source tells of changes by itself: nothing told means
// nothing new.
func pushes(source string) bool { return source == Syncrepl || source == PersistentSearch }

// again has everything read once more.
func (w *writer) again() error {
	w.place.Cursor = Cursor{}
	return errAgain
}

// lag is how long ago Redis was last known to be as the directory.
func (w *writer) lag(now time.Time) time.Duration {
	if w.status.InStepAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(w.status.InStepAt))
}

// end notes why the stream ended.
func (w *writer) end(ctx context.Context, cause error) error {
	if errors.Is(cause, errAgain) {
		return w.note(ctx, commit{place: &w.place})
	}
	c := commit{}
	if w.place.Cursor.Value == nil {
		c.place = &w.place
	}
	w.status.Failure, w.status.FailureAt = cause.Error(), time.Now().UTC()
	return w.note(ctx, c)
}
