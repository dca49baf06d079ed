package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// attempt is the work on one job, over all its attempts in one worker.
type attempt struct {
	*shift
	entry
	stopping context.Context
	sent     map[string]bool // recipients that have it already
	refused  bool
}

// work sends a job and reports whether it is at its end, for good or ill. When
// it is not, another worker claims it later.
func (a *attempt) work(ctx context.Context) (ended bool) {
	if a.claimed && !a.stands(ctx) {
		return false
	}
	job, err := a.Queue.open(a.id, a.sealed)
	if err != nil {
		a.Logger.Error("a job in the delivery queue does not open; it is dropped", "job", a.id, "error", err)
		return true
	}
	now, err := a.Queue.now(ctx)
	if err != nil {
		return false // the reading side tells of it
	}
	ctx, cancel := context.WithTimeout(ctx, job.ExpiresAt.Sub(now))
	defer cancel()
	for ; ctx.Err() == nil; job.Attempt++ {
		err := a.once(ctx, job)
		switch {
		case err == nil && a.refused, errors.Is(err, ErrPermanent):
			a.Logger.Warn("a message was not delivered", "job", job.ID, "recovery", job.Recovery, "method", job.Method)
			return true
		case err == nil:
			a.Logger.Debug("a job is done", "job", job.ID, "recovery", job.Recovery, "method", job.Method, "attempts", job.Attempt+1)
			return true
		case ctx.Err() == nil:
			a.Logger.Warn("a message could not be delivered yet", "job", job.ID, "recovery", job.Recovery, "method", job.Method, "attempts", job.Attempt+1, "error", err)
		}
		if !a.pauseFor(ctx, job.Attempt+1) {
			return false
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		a.Logger.Warn("a job expired before it could be delivered", "job", job.ID, "recovery", job.Recovery, "method", job.Method)
		return true
	}
	return false
}

// stands reports whether a claimed job is still to be done: it may have been
// finished between the claim and its answer.
func (a *attempt) stands(ctx context.Context) bool {
	mine, err := a.Queue.keep(ctx, a.consumer, []string{a.place})
	return err == nil && len(mine) == 1
}

// pauseFor waits before the next attempt; false means that there is none,
// because the worker stops.
func (a *attempt) pauseFor(ctx context.Context, failures int) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.stopping, cancel)()
	wait(ctx, a.backoff(failures))
	return a.stopping.Err() == nil
}

// once asks for the recipients and sends to those that have nothing yet.
func (a *attempt) once(ctx context.Context, job Job) error {
	select {
	case a.senders <- struct{}{}:
		defer func() { <-a.senders }()
	case <-ctx.Done():
		return ctx.Err()
	}
	messages, err := a.Recipients.Recipients(ctx, job)
	if err != nil {
		return fmt.Errorf("find the recipients: %w", err)
	}
	var failures []error
	for _, m := range messages {
		if m.Method == "" {
			m.Method = job.Method
		}
		to := m.Method + " " + m.Kind + " " + m.To
		if a.sent[to] {
			continue
		}
		err := a.send(ctx, m)
		switch {
		case errors.Is(err, ErrPermanent):
			a.refused = true
			a.Logger.Warn("a message was refused for good", "job", job.ID, "recovery", job.Recovery, "method", m.Method, "error", err)
		case err != nil:
			failures = append(failures, err)
			continue
		}
		a.sent[to] = true
	}
	return errors.Join(failures...)
}

func (a *attempt) send(ctx context.Context, m Message) error {
	channel, ok := a.Channels[m.Method]
	if !ok {
		return fmt.Errorf("%w: there is no channel %q", ErrPermanent, m.Method)
	}
	start := time.Now()
	if err := channel.Send(ctx, m); err != nil {
		return err
	}
	a.Logger.Debug("a message was sent", "job", a.id, "method", m.Method, "took", time.Since(start))
	return nil
}
