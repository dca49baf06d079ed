package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// heldPause is the wait, in first pauses, until a held job is looked at again.
const heldPause = 30

// errHeld means that nothing may be sent now.
var errHeld = errors.New("nothing is sent at present")

// attempt is one attempt at a job.
type attempt struct {
	*shift
	entry
	job Job
}

// work tries a job once. Afterwards the job is ended, put aside or a dead
// letter; the returned function writes that down. It is nil when the job is left
// to whoever claims it later.
func (a *attempt) work(ctx context.Context) (conclude func(context.Context) error) {
	if a.claimed && !a.stands(ctx) {
		return nil
	}
	var err error
	if a.job, err = a.Queue.open(a.id, a.sealed); err != nil {
		a.Logger.Error("a job in the delivery queue does not open; it is dropped", "job", a.id, "error", err)
		return a.die(WhyUnreadable)
	}
	now, err := a.now(ctx)
	if err != nil {
		return nil // the reading side tells of it
	}
	start, left := time.Now(), a.job.ExpiresAt.Sub(now)
	if left <= 0 {
		return a.expire()
	}
	sending, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	failure := a.once(sending)
	if ctx.Err() != nil {
		return nil
	}
	return a.after(failure, left-time.Since(start))
}

// after decides what becomes of the job after an attempt.
func (a *attempt) after(failure error, left time.Duration) func(context.Context) error {
	progress := &a.job.Progress
	if failure != nil {
		progress.Failure = class(failure)
	}
	pause := a.pauseAfter(a.job.Attempt + 1)
	switch {
	case errors.Is(failure, errHeld):
		pause = heldPause * a.pause
	case failure == nil && len(progress.Refused) == 0:
		a.Logger.Debug("a job is done", "job", a.id, "recovery", a.job.Recovery, "kind", a.job.Kind, "attempts", a.job.Attempt+1)
		return func(ctx context.Context) error { return a.Queue.end(ctx, a.entry) }
	case failure == nil || errors.Is(failure, ErrPermanent):
		a.job.Attempt++
		progress.Failure = FailureRefused
		a.Logger.Warn("a message was not delivered", "job", a.id, "recovery", a.job.Recovery, "kind", a.job.Kind)
		return a.die(WhyRefused)
	default:
		a.job.Attempt++
		a.Logger.Warn("a message could not be delivered yet", "job", a.id, "recovery", a.job.Recovery, "kind", a.job.Kind,
			"attempts", a.job.Attempt, "error", failure)
	}
	// Near the end the pauses shrink, so that the last of the time is used.
	if pause = max(min(pause, left/2), a.pause); pause >= left {
		return a.expire()
	}
	return func(ctx context.Context) error {
		defer a.nudge()
		return a.Queue.putOff(ctx, a.consumer, a.entry, a.job, pause)
	}
}

// expire gives up a job whose time is over.
func (a *attempt) expire() func(context.Context) error {
	a.Logger.Warn("a job expired before it could be delivered", "job", a.id, "recovery", a.job.Recovery, "kind", a.job.Kind, "attempts", a.job.Attempt)
	a.observe(a.job.Kind, a.job.Method, OutcomeExpired, 0)
	return a.die(WhyExpired)
}

func (a *attempt) die(why string) func(context.Context) error {
	return func(ctx context.Context) error { return a.Queue.bury(ctx, a.entry, a.job, why) }
}

// stands reports whether a claimed job is still to be done: it may have been
// finished between the claim and its answer.
func (a *attempt) stands(ctx context.Context) bool {
	mine, err := a.Queue.keep(ctx, a.consumer, []string{a.place})
	return err == nil && len(mine) == 1
}

// pauseAfter is the pause after so many failures.
func (a *attempt) pauseAfter(failures int) time.Duration {
	if a.job.kept() {
		return doubled(a.pause, failures, max(a.Queue.config.LongestPause.Std(), a.pause))
	}
	return a.backoff(failures)
}

// once asks for the recipients and sends to those that have nothing yet. What it
// returns is the temporary failures; those for good are noted in the job.
func (a *attempt) once(ctx context.Context) error {
	if a.Held != nil && !ForSupport(a.job.Kind) { // who is stopped needs help all the more
		switch held, err := a.Held(ctx); {
		case err != nil:
			a.Logger.Warn("it is not known whether messages are held; none is sent", "job", a.id, "error", err)
			return errHeld
		case held:
			return errHeld
		}
	}
	messages, err := a.Recipients.Recipients(ctx, a.job)
	if err != nil {
		a.observe(a.job.Kind, a.job.Method, OutcomeFailed, 0)
		return &recipientsError{err}
	}
	progress := &a.job.Progress
	var failures []error
	for _, m := range messages {
		m = m.of(a.job)
		m.Language = cmp.Or(m.Language, a.Queue.config.Language)
		m.ID = a.Queue.mark(a.id, m)
		if slices.Contains(progress.Sent, m.ID) || slices.Contains(progress.Refused, m.ID) {
			continue
		}
		if a.heldBy(ctx, m.Method) {
			failures = append(failures, errHeld)
			continue
		}
		err := a.send(ctx, m)
		switch {
		case err == nil:
			progress.Sent = append(progress.Sent, m.ID)
		case errors.Is(err, ErrPermanent):
			progress.Refused = append(progress.Refused, m.ID)
			a.Logger.Warn("a message was refused for good", "job", a.id, "recovery", a.job.Recovery, "method", m.Method, "error", err)
		case errors.Is(err, ErrUncertain) && slices.Contains(progress.Doubtful, m.ID):
			progress.Sent = append(progress.Sent, m.ID)
			a.Logger.Warn("a message may have been sent twice or not at all; it is not sent again", "job", a.id, "recovery", a.job.Recovery, "method", m.Method)
		case errors.Is(err, ErrUncertain):
			progress.Doubtful = append(progress.Doubtful, m.ID)
			failures = append(failures, err)
		default:
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// heldBy reports whether nothing may be sent by one method.
func (a *attempt) heldBy(ctx context.Context, method string) bool {
	if a.HeldBy == nil || ForSupport(a.job.Kind) {
		return false
	}
	held, err := a.HeldBy(ctx, method)
	if err != nil {
		a.Logger.Warn("it is not known whether messages are held; none is sent", "job", a.id, "error", err)
	}
	return held || err != nil
}

func (a *attempt) send(ctx context.Context, m Message) (err error) {
	channel, ok := a.Channels[m.Method]
	if !ok {
		return fmt.Errorf("%w: there is no channel %q", ErrPermanent, m.Method)
	}
	start := time.Now()
	err = channel.Send(ctx, m)
	outcome := OutcomeSent
	switch {
	case errors.Is(err, ErrPermanent):
		outcome = OutcomeRefused
	case err != nil:
		outcome = OutcomeFailed
	}
	a.observe(m.Kind, m.Method, outcome, time.Since(start))
	return err
}

// recipientsError means that who gets a job could not be found out.
type recipientsError struct{ cause error }

func (e *recipientsError) Error() string { return "find the recipients: " + e.cause.Error() }
func (e *recipientsError) Unwrap() error { return e.cause }

// class is what is remembered of a failure.
func class(err error) string {
	if errors.Is(err, ErrPermanent) {
		return FailureRefused
	}
	if _, ok := errors.AsType[*recipientsError](err); ok {
		return FailureRecipients
	}
	switch {
	case errors.Is(err, errHeld):
		return FailureHeld
	case errors.Is(err, ErrUncertain):
		return FailureUncertain
	case errors.Is(err, ErrUnreachable):
		return FailureUnreachable
	}
	return FailurePostponed
}
