package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/crash"
	"latchkey/internal/directory"
)

// errOvertaken means that the person's epoch moved on since the recovery began.
var errOvertaken = errors.New("another recovery of the same person came first")

// lockTime is how long one person's write keeps others out, if it is never
// given back: until an unknown outcome is settled or given up on.
func (c Config) lockTime() time.Duration { return c.WriteTimeout.Std() + 2*c.SettleFor.Std() }

// abandonedAfter is when a write without outcome has no process any more that
// works on it.
func (c Config) abandonedAfter() time.Duration { return c.WriteTimeout.Std() + c.SettleFor.Std() }

// PasswordRules tells what a new password must satisfy. It needs all gates
// passed. It fails with [ErrNotNow], [EndedError] or directory.ErrUnavailable.
func (s *Service) PasswordRules(ctx context.Context, t Ticket) (PasswordRules, error) {
	old, err := s.ready(ctx, t)
	if err != nil {
		return PasswordRules{}, err
	}
	d, person, err := s.person(ctx, old.Subject)
	if errors.Is(err, directory.ErrNotFound) {
		if _, err := s.change(ctx, old, Overtaken{}, s.swap); err != nil {
			return PasswordRules{}, err
		}
		return PasswordRules{}, &EndedError{Superseded}
	}
	if err != nil {
		return PasswordRules{}, err
	}
	theirs, err := d.Policy(ctx, person)
	if err != nil {
		return PasswordRules{}, fmt.Errorf("read the password policy: %w", err)
	}
	rules := PasswordRules{
		MinLength: max(s.Password.MinLength, theirs.MinLength), MaxLength: s.Password.MaxLength,
		History: theirs.History, QualityChecked: theirs.QualityChecked,
	}
	if theirs.MaxLength > 0 {
		rules.MaxLength = min(rules.MaxLength, theirs.MaxLength)
	}
	if theirs.ChangeableAt.After(old.now) {
		rules.ChangeableAt = theirs.ChangeableAt
	}
	return rules, nil
}

// SetPassword writes the new password into the directory. The view says done,
// or settling when the outcome is not known. It fails with [RefusedError],
// [EndedError], [ErrNotNow], [ErrBusy], directory.ErrUnavailable or
// store.ErrUnavailable; in all these cases nothing was written.
func (s *Service) SetPassword(ctx context.Context, t Ticket, candidate string) (View, error) {
	old, err := s.ready(ctx, t)
	if err != nil {
		return View{}, err
	}
	if reasons := s.Password.Check(candidate, old.Subject.Login); len(reasons) > 0 {
		return View{}, &RefusedError{reasons}
	}
	if err := errors.Join(s.Store.healthy(), s.thawed(ctx)); err != nil {
		return View{}, err
	}
	claim := rand.Text()
	claimed, err := s.change(ctx, old, Claimed{claim}, s.claim)
	if errors.Is(err, errOvertaken) {
		if _, err := s.change(ctx, old, Overtaken{}, s.swap); err != nil {
			return View{}, err
		}
		return View{}, &EndedError{Superseded}
	}
	if err != nil {
		return View{}, err
	}
	crash.Here("claimed")
	// From here on the caller's hanging up changes nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.WriteTimeout.Std())
	defer cancel()
	return s.write(ctx, claimed, candidate)
}

func (s *Service) claim(ctx context.Context, old stored, next Record) error {
	return s.Store.claim(ctx, old, next, s.lifetime(), s.Config.lockTime())
}

// write makes the write of a claim and stores its outcome.
func (s *Service) write(ctx context.Context, claimed stored, candidate string) (View, error) {
	claim := claimed.Write.Claim
	attempt, failure := s.attempt(ctx, claimed, candidate)
	outcome := outcomeOf(failure)
	crash.Here("written")
	s.Logger.InfoContext(ctx, "password write", "recovery", claimed.ID, "outcome", outcome.String(), "error", failure)
	s.Meter.Write(outcome.String())
	next, err := s.finish(ctx, claimed.ID, Wrote{Claim: claim, Outcome: outcome})
	crash.Here("outcome stored")
	if outcome == OutcomeUnknown {
		return s.settleNow(ctx, claimed, attempt, candidate)
	}
	if outcome == OutcomeDone && err != nil {
		// The directory has the password: that is the truth to tell. The other
		// recoveries of the person die of the change stamp.
		s.Logger.ErrorContext(ctx, "the password is written but the store does not know", "recovery", claimed.ID, "error", err)
		done := claimed
		done.State = Done
		return done.view(done.now, s.Config), nil
	}
	if err != nil {
		return View{}, err
	}
	return next.view(next.now, s.Config), s.answer(next.Record, outcome, failure)
}

// answer is what the caller is told of an outcome.
func (s *Service) answer(r Record, outcome Outcome, failure error) error {
	switch outcome {
	case OutcomeDone:
		return nil
	case OutcomeRefused:
		if refused, ok := errors.AsType[*directory.RefusedError](failure); ok && r.State != Ended {
			reasons := make([]string, len(refused.Reasons))
			for i, reason := range refused.Reasons {
				reasons[i] = string(reason)
			}
			return &RefusedError{reasons}
		}
		return &EndedError{r.End}
	case OutcomeNotAllowed, OutcomeSuperseded:
		return &EndedError{r.End}
	default:
		return failure
	}
}

// attempt checks once more who this is and what they may, and then writes.
func (s *Service) attempt(ctx context.Context, claimed stored, candidate string) (directory.Attempt, error) {
	d, person, err := s.person(ctx, claimed.Subject)
	if err != nil {
		return directory.Attempt{}, err
	}
	attempt := person.Attempt()
	if err := s.recheck(ctx, d, person, claimed.Record); err != nil {
		return attempt, err
	}
	// Where the write goes is stored before it goes.
	aimed := Aimed{Claim: claimed.Write.Claim, Server: attempt.Server, DN: attempt.DN, Unflagged: attempt.Unflagged}
	fresh, err := s.Store.load(ctx, claimed.ID)
	if err != nil {
		return attempt, err
	}
	if _, err := s.change(ctx, fresh, aimed, s.swap); err != nil {
		return attempt, err
	}
	crash.Here("aimed")
	if err := s.Audit.Record(ctx, s.about(claimed.Record, audit.Event{Kind: audit.WriteIntended})); err != nil {
		return attempt, fmt.Errorf("the intent cannot be audited, so nothing is written: %w", err)
	}
	crash.Here("intent audited")
	if err := s.thawed(ctx); err != nil {
		return attempt, err
	}
	return attempt, d.SetPassword(ctx, person, candidate)
}

// about adds to an event what a record knows.
func (s *Service) about(r Record, e audit.Event) audit.Event {
	e.Recovery, e.Directory, e.Person, e.Network = r.ID, r.Subject.Directory, r.Subject.Person, r.Network
	return e
}

// errMoved means that the person is not any more as they were at the look-up.
var errMoved = errors.New("the person changed since the recovery began")

// recheck holds what was read just now against what the proofs were made for.
func (s *Service) recheck(ctx context.Context, d Directory, person *directory.Person, r Record) error {
	subject := r.Subject
	if person.ChangeStamp != subject.Stamp {
		return fmt.Errorf("%w: the password was changed", errMoved)
	}
	if !person.MayReset() {
		return fmt.Errorf("%w: the account is %s", errMoved, person.State)
	}
	decision, err := s.Policy.Decide(ctx, person, d)
	if err != nil {
		return err
	}
	if !decision.Resettable() {
		return fmt.Errorf("%w: the account may not be reset any more", errMoved)
	}
	now := Requirement{Gates: decision.Gates, Methods: methodsOf(decision.Methods)}
	if !r.meets(now) {
		return fmt.Errorf("%w: more must be proved by now", errMoved)
	}
	card, err := s.Contacts.Get(ctx, subject.Directory, subject.Person)
	if err != nil && !errors.Is(err, contact.ErrNoCard) {
		return err
	}
	if card.Version() != subject.Contacts {
		return fmt.Errorf("%w: the contacts were changed", errMoved)
	}
	return nil
}

// meets reports whether the proofs are enough for a requirement too.
func (r Record) meets(required Requirement) bool {
	r.Required = required
	return r.provenFor(r.Subject)
}

func outcomeOf(err error) Outcome {
	_, refused := errors.AsType[*directory.RefusedError](err)
	_, unknown := errors.AsType[*directory.UnknownError](err)
	switch {
	case err == nil:
		return OutcomeDone
	case refused:
		return OutcomeRefused
	case unknown:
		return OutcomeUnknown
	case errors.Is(err, directory.ErrNotAllowed):
		return OutcomeNotAllowed
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, errMoved):
		return OutcomeSuperseded
	default:
		return OutcomeNothing
	}
}

// finish stores an outcome. When the write is over the lock is given back; when
// it was made the epoch moves on and the notice is queued.
func (s *Service) finish(ctx context.Context, id string, event Event) (stored, error) {
	old, err := s.Store.load(ctx, id)
	if err != nil {
		return stored{}, err
	}
	next, err := s.change(ctx, old, event, func(ctx context.Context, old stored, next Record) error {
		if next.State == Writing || next.State == Unknown {
			return s.swap(ctx, old, next)
		}
		return s.Store.release(ctx, old, next, s.lifetime(), old.Write.Claim, s.notice(next, old.now))
	})
	if err == nil {
		s.auditOutcome(ctx, next.Record, event)
	}
	return next, err
}

// auditOutcome records what became of a write. The write is over, so a failure
// can only be reported; the audit then refuses the next intent.
func (s *Service) auditOutcome(ctx context.Context, r Record, event Event) {
	e := s.about(r, audit.Event{Kind: audit.WriteEnded, Outcome: string(r.State)})
	if wrote, ok := event.(Wrote); ok {
		e.Outcome = wrote.Outcome.String()
	}
	if err := s.Audit.Record(ctx, e); err != nil {
		s.Logger.ErrorContext(ctx, "the outcome of a write is not in the audit", "recovery", r.ID, "outcome", e.Outcome, "error", err)
	}
}

// ready loads a recovery whose gates are all passed.
func (s *Service) ready(ctx context.Context, t Ticket) (stored, error) {
	old, err := s.holder(ctx, t)
	if err != nil {
		return stored{}, err
	}
	switch {
	case old.State == Ended:
		return stored{}, &EndedError{old.End}
	case !old.over() && !old.now.Before(old.ExpiresAt(s.Config)):
		return stored{}, &EndedError{Expired}
	case old.State != Ready:
		return stored{}, ErrNotNow
	}
	return old, nil
}

// person reads the person of a recovery again, by the permanent id.
func (s *Service) person(ctx context.Context, subject Subject) (Directory, *directory.Person, error) {
	d, err := s.directory(subject.Directory)
	if err != nil {
		return Directory{}, nil, err
	}
	id, err := directory.ParseID(subject.Person)
	if err != nil {
		return Directory{}, nil, err
	}
	person, err := d.Read(ctx, id)
	return d, person, err
}
