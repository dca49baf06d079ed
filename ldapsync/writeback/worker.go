package writeback

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// Target is the directory, as the identity that writes.
type Target interface {
	Read(ctx context.Context, id directory.ID) (directory.Held, error)
	Add(ctx context.Context, h directory.Held, attribute, value string) error
	Remove(ctx context.Context, h directory.Held, attribute, value string) error
}

// People is the directory as the service account sees it.
type People interface {
	Exists(ctx context.Context, id directory.ID) (bool, error)
}

// Recorder is the audit.
type Recorder interface {
	Record(ctx context.Context, e audit.Event) error
}

// Meter is told what becomes of values.
type Meter interface {
	// WroteBack counts an outcome.
	WroteBack(directory, outcome string)
	// WriteBackState notes whether this instance leads, and how many people wait.
	WriteBackState(directory string, leads bool, waiting int64)
}

// Worker writes the contacts of one directory back for as long as it leads: of
// several, one does.
type Worker struct {
	Directory string
	Config    Config
	// Region is default_region of [contacts].
	Region string
	Target Target
	People People
	Cards  *contact.Store
	Store  *store.Store
	Keys   *keyring.Ring
	Audit  Recorder
	Logger *slog.Logger
	// Meter may be nil.
	Meter Meter
	// FullEvery is how often all cards are looked through.
	FullEvery time.Duration
	// Lifetime is how long a leader that died is waited for; 0 means 6 s.
	Lifetime time.Duration
}

const (
	usualLifetime = 6 * time.Second
	// pollEvery is how often it is asked which cards changed.
	pollEvery   = 300 * time.Millisecond
	firstRest   = 500 * time.Millisecond
	longestRest = 30 * time.Second
)

// Run works until the context ends. Failures are logged and tried again.
func (w *Worker) Run(ctx context.Context) {
	lifetime := w.Lifetime
	if lifetime == 0 {
		lifetime = usualLifetime
	}
	name := leaseName(w.Keys, w.Directory)
	for ctx.Err() == nil {
		err := w.Store.Lead(ctx, name, lifetime, w.lead)
		w.state(false, 0)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrLeaseHeld):
			pause(ctx, lifetime/4)
		case err != nil:
			w.Logger.WarnContext(ctx, "this instance does not write contacts back now", "directory", w.Directory, "error", err)
			pause(ctx, firstRest)
		}
	}
}

func (w *Worker) state(leads bool, waiting int64) {
	if w.Meter != nil {
		w.Meter.WriteBackState(w.Directory, leads, waiting)
	}
}

// pause waits, and not longer than the context lasts.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// lead works for as long as the lease is ours.
func (w *Worker) lead(ctx context.Context, fence int64) error {
	pending := w.Cards.Pending(w.Directory, fence)
	if err := pending.Claim(ctx); err != nil {
		return err
	}
	w.Logger.InfoContext(ctx, "this instance writes contacts back into the directory", "directory", w.Directory)
	l := &leader{Worker: w, fence: fence, pending: pending, ledger: NewLedger(w.Store, w.Keys)}
	var err error
	if l.status, err = l.ledger.read(ctx, w.Directory); err != nil {
		return err
	}
	for rest := firstRest; ; {
		err := l.round(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, store.ErrFenced):
			return err
		case err == nil:
			rest = firstRest
			pause(ctx, pollEvery)
			continue
		}
		// Everything that is left waits where it is.
		w.Logger.ErrorContext(ctx, "contacts are not written back for now", "directory", w.Directory, "after", rest, "error", err)
		l.status.Failure, l.status.FailureAt = err.Error(), time.Now().UTC()
		if err := l.note(ctx); errors.Is(err, store.ErrFenced) {
			return err
		}
		pause(ctx, rest)
		rest = min(2*rest, longestRest)
	}
}

// leader is a worker while it leads.
type leader struct {
	*Worker
	fence   int64
	pending *contact.Pending
	ledger  *Ledger
	status  Status
	noted   time.Time
	walked  bool
}

// plan is what holds now.
func (l *leader) plan() plan {
	return plan{config: l.Config, region: l.Region, fence: l.fence, now: time.Now().UTC()}
}

// round looks at all cards that wait.
func (l *leader) round(ctx context.Context) error {
	if err := l.walk(ctx); err != nil {
		return err
	}
	for {
		looks, err := l.pending.Next(ctx, func(err error) {
			l.Logger.ErrorContext(ctx, "a contact card does not open, so nothing of it is written back", "directory", l.Directory, "error", err)
		})
		if err != nil {
			return err
		}
		for _, look := range looks {
			if err := l.look(ctx, look); err != nil {
				return err
			}
		}
		if err := l.sum(ctx, len(looks) > 0); err != nil || len(looks) == 0 {
			return err
		}
	}
}

// walk looks through all cards at the beginning and now and then: what was there
// before, and what was refused and may be taken now.
func (l *leader) walk(ctx context.Context) error {
	if l.walked && time.Since(l.status.WalkedAt) < l.FullEvery {
		return nil
	}
	p := l.plan()
	n, err := l.pending.NoteAll(ctx, func(c contact.Card) bool { return !p.idle(c) })
	if err := contact.Readable(err); err != nil {
		return err
	}
	l.walked, l.status.WalkedAt = true, p.now
	l.Logger.DebugContext(ctx, "all contact cards were looked through", "directory", l.Directory, "to_look_at", n)
	return nil
}

// sum notes how far it is, at once after work and now and then without.
func (l *leader) sum(ctx context.Context, worked bool) error {
	const noteEvery = 5 * time.Second
	if !worked && time.Since(l.noted) < noteEvery {
		return nil
	}
	waiting, _, err := l.pending.Count(ctx)
	if err != nil {
		return err
	}
	l.state(true, waiting)
	l.status.Waiting, l.status.InStepAt = waiting, time.Now().UTC()
	if waiting == 0 || worked {
		l.status.Failure = ""
	}
	return l.note(ctx)
}

func (l *leader) note(ctx context.Context) error {
	l.noted = time.Now()
	return l.ledger.commit(ctx, l.Directory, l.fence, l.status)
}
