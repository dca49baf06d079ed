package ldapsync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// Meter is told what a follower does.
type Meter interface {
	// SyncBatch is told of every batch: what it brought, and how long it took to
	// write.
	SyncBatch(directory string, changes map[string]int64, took time.Duration)
	// SyncState is told again and again whether this instance leads, and how long
	// ago Redis was as the directory.
	SyncState(directory string, leads bool, lag time.Duration)
	// SyncShared is told by the leader how many contacts several people have, and
	// how many of them more than five.
	SyncShared(directory string, several, many int)
}

// Follower keeps the cards of one directory as the directory is, for as long as
// it leads: of several, one does.
type Follower struct {
	Config Config
	// Rules are what may be a contact.
	Rules  contact.Config
	Source Source
	Cards  *contact.Store
	Store  *store.Store
	Keys   *keyring.Ring
	Logger *slog.Logger
	// Meter may be nil.
	Meter Meter
	// Audit and Notices may be nil: nobody is told.
	Audit   Auditor
	Notices Notifier
	// Lifetime is how long a leader that died is waited for; 0 means 6 s.
	Lifetime time.Duration

	spoken spoken
}

const (
	usualLifetime = 6 * time.Second
	firstRest     = 500 * time.Millisecond
	// endTime is how long a leader that ends tries to say so; otherwise its lease
	// has to run out.
	endTime     = 3 * time.Second
	longestRest = 30 * time.Second
)

// Run follows the directory until the context ends. Failures are logged and
// tried again.
func (f *Follower) Run(ctx context.Context) {
	ledger := NewLedger(f.Store, f.Keys)
	name, lifetime := ledger.name(f.Config.Directory), f.lifetime()
	for ctx.Err() == nil {
		fence, err := f.Store.TakeLease(ctx, name, lifetime)
		if err != nil {
			f.state(false, 0)
			if !errors.Is(err, store.ErrLeaseHeld) && ctx.Err() == nil {
				f.Logger.ErrorContext(ctx, "it cannot be told who leads the synchronization", "directory", f.Config.Directory, "error", err)
			}
			_ = pause(ctx, lifetime/4)
			continue
		}
		f.Logger.InfoContext(ctx, "this instance leads the synchronization", "directory", f.Config.Directory)
		err = f.lead(ctx, ledger, fence)
		f.state(false, 0)
		if err != nil && ctx.Err() == nil {
			f.Logger.WarnContext(ctx, "this instance no longer leads the synchronization", "directory", f.Config.Directory, "error", err)
			_ = pause(ctx, firstRest)
		}
	}
}

func (f *Follower) lifetime() time.Duration {
	if f.Lifetime > 0 {
		return f.Lifetime
	}
	return usualLifetime
}

func (f *Follower) state(leads bool, lag time.Duration) {
	if f.Meter != nil {
		f.Meter.SyncState(f.Config.Directory, leads, lag)
	}
}

func (f *Follower) shared(s Shared) {
	if f.Meter != nil {
		f.Meter.SyncShared(f.Config.Directory, s.Contacts, s.Widely)
	}
}

// lead follows for as long as the lease is ours.
func (f *Follower) lead(ctx context.Context, ledger *Ledger, fence int64) error {
	name := ledger.name(f.Config.Directory)
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keepLease(ctx, cancel, f.Store, name, fence, f.lifetime())
	}()
	err := f.follow(ctx, ledger, fence)
	cancel(nil)
	<-ended
	limit, done := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer done()
	if ended := f.Store.EndLease(limit, name, fence); err == nil {
		err = ended
	}
	return err
}

// keepLease prolongs a lease, and ends the work when it cannot for so long that
// another may have it. (Were it too late: writes are fenced.)
func keepLease(ctx context.Context, cancel context.CancelCauseFunc, s *store.Store, name string, fence int64, lifetime time.Duration) {
	kept := time.Now()
	for pause(ctx, lifetime/3) == nil {
		err := s.KeepLease(ctx, name, fence, lifetime)
		switch {
		case err == nil:
			kept = time.Now()
		case errors.Is(err, store.ErrFenced), time.Since(kept) > lifetime:
			cancel(err)
			return
		}
	}
}

// errAgain ends a stream that is to begin anew with everything.
var errAgain = errors.New("everything is read again")

// follow runs one stream after the other.
func (f *Follower) follow(ctx context.Context, ledger *Ledger, fence int64) error {
	cards := f.Cards.Followed(f.Config.Directory, fence)
	if err := cards.Claim(ctx); err != nil {
		return err
	}
	rules, err := rulesOf(f.Config, f.Rules)
	if err != nil {
		return err
	}
	for rest := firstRest; ; rest = min(2*rest, longestRest) {
		w, err := f.writer(ctx, ledger, cards, fence, rules)
		if err != nil {
			return err
		}
		err = w.run(ctx, f.Source)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case errors.Is(err, store.ErrFenced):
			return err
		case errors.Is(err, errAgain):
			rest = 0
		case errors.Is(err, ErrCursorLost):
			f.Logger.WarnContext(ctx, "the directory cannot tell what changed; everything is read again", "directory", f.Config.Directory)
			w.place.Cursor = Cursor{}
			rest = firstRest / 2
		default:
			if w.lasted {
				rest = firstRest
			}
			f.Logger.ErrorContext(ctx, "the stream from the directory ended; it begins again", "directory", f.Config.Directory, "after", rest, "error", err)
		}
		if err := w.end(ctx, err); errors.Is(err, store.ErrFenced) {
			return err
		}
		f.state(true, w.lag(time.Now()))
		if err := pause(ctx, rest); err != nil {
			return err
		}
	}
}

// writer takes up where the last one stopped.
func (f *Follower) writer(ctx context.Context, ledger *Ledger, cards *contact.Followed, fence int64, rules string) (*writer, error) {
	p, status, approval, err := ledger.read(ctx, f.Config.Directory)
	if err != nil {
		return nil, err
	}
	if status.Pass == 0 {
		if err := cards.Adopt(ctx); err != nil {
			return nil, err
		}
	}
	if p.Rules != rules {
		p = place{Rules: rules}
	}
	if approval != nil || status.FullAt.IsZero() || time.Since(status.FullAt) > f.Config.FullEvery.Std() {
		p.Cursor = Cursor{}
	}
	_, all, err := cards.Count(ctx, status.Pass)
	if err != nil {
		return nil, err
	}
	f.shared(status.Shared)
	return &writer{
		all: all, Follower: f, ledger: ledger, cards: cards, fence: fence, mapping: mapping{f.Config, f.Config.rules(f.Rules)},
		place: p, status: status, approval: approval, before: status.Counts, altered: make(map[string]contact.Alteration),
	}, nil
}

// rulesOf changes with whatever decides what becomes a contact.
func rulesOf(c Config, rules contact.Config) (string, error) {
	c.PollInterval, c.FullEvery, c.ReconcileEvery, c.MaxRemovals, c.MaxRemovalsPercent, c.Follow = 0, 0, 0, 0, 0, false
	rules.NoticeLimit = 0
	text, err := json.Marshal([]any{c, rules})
	if err != nil {
		return "", fmt.Errorf("encode the rules: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}
