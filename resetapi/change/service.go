package change

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/resetapi/recovery"
)

// ErrWrong means that the login or the current password is not right, or that the
// password of this account cannot be changed here; which of them, nobody is told.
var ErrWrong = errors.New("the login or the current password is not right, or the password cannot be changed here")

// Service changes passwords. It is safe for concurrent use.
type Service struct {
	Parts
	slots chan struct{}
}

// New returns a service.
func New(parts Parts) *Service {
	return &Service{Parts: parts, slots: make(chan struct{}, parts.Config.Workers)}
}

// Request is one try to change a password.
type Request struct {
	// Login is what was typed.
	Login        string
	Current, New string
	// Languages are those the person reads (RFC 9110 §12.5.4), Browser names the
	// browser roughly; both are for the notice.
	Languages, Browser string
	Address            netip.Addr
}

// Outcome is how a change ended that did not fail.
type Outcome string

// The outcomes.
const (
	// Done: the directory has the new password.
	Done Outcome = "done"
	// Unknown: the directory did not answer. Whether it has the new password is
	// being found out, and its holder is told by message.
	Unknown Outcome = "unknown"
)

// Change changes a password. It fails with recovery.ErrBadLogin,
// [*recovery.RefusedError] for the new password, [*recovery.LimitedError],
// [ErrWrong], recovery.ErrBusy, recovery.ErrFrozen, audit.ErrUnwritable,
// directory.ErrUnavailable or store.ErrUnavailable; then nothing was written.
//
// From the first question to a directory on, the caller's hanging up changes
// nothing.
func (s *Service) Change(ctx context.Context, r Request) (Outcome, error) {
	arrived := time.Now()
	var err error
	if r.Login, err = recovery.TypedLogin(r.Login); err != nil {
		return "", err
	}
	r.Current, r.New = s.Password.Form(r.Current), s.Password.Form(r.New)
	if reasons := s.Password.Check(r.New, r.Login); len(reasons) > 0 {
		return "", &recovery.RefusedError{Reasons: reasons}
	}
	if err := s.admit(ctx, r); err != nil {
		return "", err
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return "", recovery.ErrBusy
	}
	outcome, err := s.attempt(context.WithoutCancel(ctx), r)
	<-s.slots
	if err != nil {
		s.hold(ctx, arrived)
	}
	return outcome, err
}

// admit refuses for reasons that are the same for every login.
func (s *Service) admit(ctx context.Context, r Request) error {
	if err := s.Audit.Err(); err != nil {
		return err
	}
	if err := s.Brakes.Writable(ctx); err != nil {
		return err
	}
	decision, err := s.Limits.Take(ctx, append(s.places(r.Address), r.budget(), ratelimit.Budget{Limit: ratelimit.Changes})...)
	if err != nil || decision.Allowed {
		return err
	}
	s.Logger.InfoContext(ctx, "limit reached", "limit", decision.Limit)
	s.Audit.Throttled(decision.Limit)
	s.Meter.Limited(decision.Limit)
	return &recovery.LimitedError{RetryAfter: decision.RetryAfter}
}

// places are the budgets of an address. One network alone cannot use up what
// everyone has together.
func (s *Service) places(a netip.Addr) []ratelimit.Budget {
	host := ratelimit.Host(a)
	if s.Brakes.InOffice(a) {
		return []ratelimit.Budget{{Limit: ratelimit.ChangesPerOffice, Of: host}}
	}
	return []ratelimit.Budget{{Limit: ratelimit.ChangesPerAddress, Of: host}, {Limit: ratelimit.ChangesPerNetwork, Of: ratelimit.Network(a)}}
}

// budget is the typed login's own, for which the answer says that it is used up:
// that is the same for a login that nobody has.
func (r Request) budget() ratelimit.Budget {
	return ratelimit.Budget{Limit: ratelimit.ChangesPerLogin, Of: recovery.FoldLogin(r.Login)}
}

// attempt changes, and once more where the server takes no writes: by then the
// directory knows that, and the person is found on another.
func (s *Service) attempt(ctx context.Context, r Request) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	outcome, err := s.once(ctx, r)
	if errors.Is(err, directory.ErrReadOnly) {
		outcome, err = s.once(ctx, r)
	}
	return outcome, err
}

// once asks the directories, and writes.
func (s *Service) once(ctx context.Context, r Request) (Outcome, error) {
	home, person, reason, err := s.find(ctx, r.Login)
	if err != nil {
		s.Meter.Change("unavailable")
		return "", err
	}
	if reason != "" {
		return "", s.refuse(home, person, reason, r)
	}
	w := &write{Service: s, request: r, home: home, person: person}
	decision, err := s.Limits.Take(ctx, w.purse())
	if err != nil {
		return "", err
	}
	if !decision.Allowed {
		s.Meter.Limited(decision.Limit)
		return "", s.refuse(home, person, decision.Limit, r)
	}
	err = home.ChangeProved(ctx, person, r.Current, r.New, w.proved)
	if !w.claimed {
		return "", s.unproved(home, person, err, r)
	}
	return w.end(ctx, err)
}

// unproved is what a try that ended before its write came to.
func (s *Service) unproved(home Directory, person *directory.Person, err error, r Request) error {
	switch {
	case errors.Is(err, directory.ErrWrongPassword):
		return s.refuse(home, person, "wrong_password", r)
	case errors.Is(err, directory.ErrNotAllowed), errors.Is(err, directory.ErrNotFound):
		return s.refuse(home, person, "not_allowed", r)
	}
	outcome := "unavailable"
	if _, refused := errors.AsType[*recovery.RefusedError](err); refused {
		outcome = "refused"
	}
	s.Meter.Change(outcome)
	return err
}

// refuse notes why nobody is told more than [ErrWrong].
func (s *Service) refuse(home Directory, person *directory.Person, reason string, r Request) error {
	s.Meter.Change("wrong")
	e := audit.Event{Kind: audit.ChangeRefused, Reason: reason, Network: ratelimit.Network(r.Address)}
	if person != nil {
		e.Directory, e.Person = home.Name, person.ID.String()
	}
	s.Audit.Note(e)
	return ErrWrong
}

// find looks in all directories, and returns a reason where nobody may be asked
// for a password.
func (s *Service) find(ctx context.Context, login string) (home Directory, person *directory.Person, reason string, err error) {
	for _, d := range s.Directories {
		found, err := d.Find(ctx, login)
		switch {
		case errors.Is(err, directory.ErrNotFound):
		case err != nil:
			return Directory{}, nil, "", fmt.Errorf("directory %s: %w", d.Name, err)
		case person != nil:
			return Directory{}, nil, "ambiguous", nil
		default:
			home, person = d, found
		}
	}
	if person == nil {
		return Directory{}, nil, "nobody", nil
	}
	decision, err := s.Policy.Decide(ctx, person, home)
	if err != nil {
		return Directory{}, nil, "", fmt.Errorf("directory %s: %w", home.Name, err)
	}
	if decision.Rule == "" {
		return home, person, "no_policy", nil
	}
	suspended, err := s.Brakes.Suspended(ctx, home.Name, person)
	if err == nil && suspended {
		reason = "suspended"
	}
	return home, person, reason, err
}

// hold waits for the next multiple of answer_after since the arrival, and a little
// more.
func (s *Service) hold(ctx context.Context, arrived time.Time) {
	step := s.Config.AnswerAfter.Std()
	const blur = 10 // of a step
	until := arrived.Add((time.Since(arrived)/step + 1) * step).Add(rand.N(step/blur + 1))
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Rules are what holds for everyone's new password, before it is known whose it
// is.
func (s *Service) Rules() recovery.PasswordRules {
	return recovery.PasswordRules{MinLength: s.Password.MinLength, MaxLength: s.Password.MaxLength}
}
