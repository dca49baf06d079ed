package recovery

import (
	"slices"
	"time"
)

// Found tells who the recovery is for and what they must prove.
type Found struct {
	Subject  Subject
	Required Requirement
}

func (e Found) apply(r *Record, _ time.Time, _ Config) error {
	if r.State != Started || e.Required.Gates < 1 || len(e.Required.Methods) < e.Required.Gates || e.Subject.Person == "" {
		return ErrNotNow
	}
	r.State, r.Subject, r.Required = Gating, e.Subject, e.Required
	return nil
}

// NotFound makes the recovery a decoy: nobody was found, or somebody who may
// not reset and, where Refused is set, is told so by message. Nothing that can
// be seen from outside changes.
type NotFound struct{ Refused *Refused }

func (e NotFound) apply(r *Record, _ time.Time, _ Config) error {
	if r.State != Started {
		return ErrNotNow
	}
	r.State, r.Decoy, r.Refused = Gating, true, e.Refused
	return nil
}

// Opened is a challenge that was opened. It voids the one before.
type Opened struct{ Challenge Challenge }

func (e Opened) apply(r *Record, now time.Time, rules Config) error {
	if r.State != Started && r.State != Gating {
		return ErrNotNow
	}
	if !slices.Contains(r.OpenMethods(), e.Challenge.Method) {
		return ErrNotNow
	}
	if r.Challenge != nil && now.Before(r.Challenge.ResendAt) {
		return ErrTooSoon
	}
	if r.Opened >= rules.CodesPerGate {
		return ErrNoMoreCodes
	}
	challenge := e.Challenge
	r.Challenge = &challenge
	r.Opened++
	return nil
}

// GatePassed is the right answer to the open challenge, found by a comparison.
type GatePassed struct{ Challenge string }

func (e GatePassed) apply(r *Record, now time.Time, _ Config) error {
	open := r.Challenge
	if r.State != Gating || r.Decoy || open == nil || open.ID != e.Challenge || !now.Before(open.ExpiresAt) ||
		r.proved(open.Method) || !slices.Contains(r.Required.Methods, open.Method) {
		return ErrNotNow
	}
	r.Proofs = append(r.Proofs, Proof{
		Gate: len(r.Proofs), Method: open.Method, Person: r.Subject.Person,
		Contacts: r.Subject.Contacts, Challenge: open.ID, MAC: open.MAC, At: now,
	})
	r.Challenge, r.Opened = nil, 0
	r.Generation++
	if r.provenFor(r.Subject) {
		r.State = Ready
	}
	return nil
}

// GuessesExhausted ends the recovery after the last allowed wrong guess.
type GuessesExhausted struct{}

func (GuessesExhausted) apply(r *Record, _ time.Time, _ Config) error {
	if r.State != Started && r.State != Gating {
		return ErrNotNow
	}
	*r = r.ended(TooManyGuesses)
	return nil
}

// Overtaken ends a recovery whose person's password, contacts or account
// changed since it began.
type Overtaken struct{}

func (Overtaken) apply(r *Record, _ time.Time, _ Config) error {
	if r.State == Writing || r.State == Unknown {
		return ErrNotNow
	}
	*r = r.ended(Superseded)
	return nil
}

// Abandoned is the person giving up.
type Abandoned struct{}

func (Abandoned) apply(r *Record, _ time.Time, _ Config) error {
	if r.State == Writing || r.State == Unknown {
		return ErrNotNow
	}
	*r = r.ended(GivenUp)
	return nil
}
