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

// Claimed is the exclusive right to make the write, taken before anything is
// sent. It is refused unless every gate has its proof.
type Claimed struct{ Claim string }

func (e Claimed) apply(r *Record, now time.Time, _ Config) error {
	if r.State != Ready || !r.provenFor(r.Subject) {
		return ErrNotNow
	}
	r.State, r.Write = Writing, &Write{Claim: e.Claim, At: now}
	return nil
}

// Aimed notes which server and entry the write goes to, so that it can be
// settled after a restart.
type Aimed struct {
	Claim, Server, DN string
	Unflagged         bool
}

func (e Aimed) apply(r *Record, _ time.Time, _ Config) error {
	if r.State != Writing || r.Write.Claim != e.Claim {
		return ErrNotNow
	}
	aimed := *r.Write
	aimed.Server, aimed.DN, aimed.Unflagged = e.Server, e.DN, e.Unflagged
	r.Write = &aimed
	return nil
}

// Wrote is the outcome of the write.
type Wrote struct {
	Claim   string
	Outcome Outcome
}

// Outcome of a write to the directory.
type Outcome int

// The outcomes.
const (
	OutcomeDone Outcome = iota
	OutcomeRefused
	OutcomeNotAllowed
	// OutcomeNothing: the directory was away, or did nothing; try again.
	OutcomeNothing
	OutcomeUnknown
	// OutcomeSuperseded: the check right before the write forbade it.
	OutcomeSuperseded
)

func (e Wrote) apply(r *Record, _ time.Time, rules Config) error {
	if r.State != Writing || r.Write.Claim != e.Claim {
		return ErrNotNow
	}
	switch e.Outcome {
	case OutcomeDone:
		r.State, r.Write = Done, nil
	case OutcomeUnknown:
		r.State = Unknown
	case OutcomeNothing:
		r.State, r.Write = Ready, nil
	case OutcomeNotAllowed:
		*r = r.ended(NotAllowed)
	case OutcomeSuperseded:
		*r = r.ended(Superseded)
	case OutcomeRefused:
		r.State, r.Write = Ready, nil
		r.Refusals++
		if r.Refusals >= rules.RefusalsPerRecovery {
			*r = r.ended(TooManyRefusals)
		}
	default:
		return ErrNotNow
	}
	return nil
}

// Settled is what the directory says afterwards of a write whose outcome is
// unknown. That it was not made is believed only when it is seen twice with a
// wait between: the first look may have come before a slow server's write.
type Settled struct {
	Claim   string
	Written bool
}

func (e Settled) apply(r *Record, now time.Time, rules Config) error {
	if (r.State != Writing && r.State != Unknown) || r.Write.Claim != e.Claim {
		return ErrNotNow
	}
	switch {
	case e.Written:
		r.State, r.Write = Done, nil
	case r.Write.UnwrittenAt.IsZero():
		seen := *r.Write
		seen.UnwrittenAt = now
		r.State, r.Write = Unknown, &seen
	case now.Sub(r.Write.UnwrittenAt) >= rules.SettleEvery.Std():
		r.State, r.Write = Ready, nil
	}
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

func (o Outcome) String() string {
	return [...]string{"done", "refused", "not allowed", "nothing", "unknown", "superseded"}[o]
}
