package recovery

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Ticket is what the holder of a recovery shows at each step.
type Ticket struct {
	ID, Token string
	// Origin is the surface on which the ticket was shown.
	Origin Origin
	// Address is where the request came from, for the limits.
	Address netip.Addr
}

// Step is what a recovery looks like from outside.
type Step string

// The steps. A decoy looks like everyone else at StepVerify.
const (
	StepVerify      Step = "verify"
	StepSetPassword Step = "set_password"
	// StepSettling: the outcome of the write is not known yet; ask again.
	StepSettling Step = "settling"
	StepDone     Step = "done"
	StepEnded    Step = "ended"
)

// View is what the holder may know of a recovery.
type View struct {
	ID   string
	Step Step
	// End says why, at StepEnded.
	End End
	// Unlocked tells, at StepDone, that the lock is gone and the password stays.
	Unlocked bool
	// MustFinish tells, at StepSetPassword, that the old password is dead already,
	// and at StepEnded that it is and no other was set here.
	MustFinish bool
	GatesLeft  int
	// GatesPassed counts the gates that were passed.
	GatesPassed int
	// Methods are those that the next gate may use.
	Methods []Method
	// Challenge is the open one, if any.
	Challenge *ChallengeView
	ExpiresAt time.Time
	// Now is the store's clock, to which all times belong.
	Now time.Time
}

// ChallengeView is what the holder may know of a challenge.
type ChallengeView struct {
	Method    Method
	ExpiresAt time.Time
	// ResendAt is when another code may be asked for; zero when none is left.
	ResendAt time.Time
}

func (r Record) view(now time.Time, rules Config) View {
	v := View{ID: r.ID, ExpiresAt: r.ExpiresAt(rules), Now: now}
	switch r.State {
	case Started, Gating:
		v.Step, v.GatesLeft, v.GatesPassed, v.Methods = StepVerify, r.GatesLeft(), len(r.Proofs), r.OpenMethods()
	case Ready:
		v.Step, v.MustFinish = StepSetPassword, r.MustFinish
	case Writing, Unknown:
		v.Step = StepSettling
	case Done:
		v.Step, v.Unlocked = StepDone, r.Unlocked
	case Ended:
		v.Step, v.End, v.MustFinish = StepEnded, r.End, r.MustFinish && r.End != Superseded
	}
	if c := r.Challenge; c != nil && v.Step == StepVerify {
		v.Challenge = &ChallengeView{Method: c.Method, ExpiresAt: c.ExpiresAt}
		if r.Opened < rules.CodesPerGate {
			v.Challenge.ResendAt = c.ResendAt
		}
	}
	return v
}

// WrongCodeError means that the code was not right, or could not be.
type WrongCodeError struct {
	// TriesLeft is how many guesses this code has left.
	TriesLeft int
}

func (e *WrongCodeError) Error() string {
	return fmt.Sprintf("that code is not right; %d tries left", e.TriesLeft)
}

// LimitedError means that an address, a typed login or everyone together asked
// too often. It tells nothing of any account.
type LimitedError struct{ RetryAfter time.Duration }

func (e *LimitedError) Error() string {
	return fmt.Sprintf("too many attempts; try again in %s", e.RetryAfter)
}

// RefusedError means that a password was refused. The recovery goes on unless
// it was the last try.
type RefusedError struct {
	// Reasons are those of DESIGN's problem documents, such as too_short.
	Reasons []string
}

func (e *RefusedError) Error() string { return fmt.Sprintf("the password was refused: %v", e.Reasons) }

// PasswordRules is what a new password must satisfy, ours and the directory's.
type PasswordRules struct {
	MinLength int
	MaxLength int
	// History is how many earlier passwords are refused; 0 for none.
	History int
	// ChangeableAt is when the current password is old enough to be replaced;
	// zero when nothing is in the way.
	ChangeableAt time.Time
	// Classes is how many kinds of characters must be mixed: capital letters, small
	// letters, other letters, digits, and the rest; 0 for any.
	Classes int
	// NoNames tells that the login and parts of the person's name are refused.
	NoNames bool
	// Dictionary tells that the directory refuses words of a dictionary.
	Dictionary bool
	// QualityChecked tells that the directory has further rules of its own.
	QualityChecked bool
	// Locked tells that too many wrong passwords locked the account, and that
	// [Service.Unlock] may take that away without a new one.
	Locked bool
}

var (
	// ErrNoRecovery means that there is no such recovery, or the ticket is not
	// for it; the two look alike.
	ErrNoRecovery = errors.New("no such recovery, or the ticket is not for it")
	// ErrCannotUnlock means that the directory does not let Latchkey take a lock
	// away. Nothing was changed; a new password can still be set.
	ErrCannotUnlock = errors.New("the directory does not let the service account unlock this account")
	// ErrBusy means that a queue is full; everyone gets it alike.
	ErrBusy = errors.New("too much is waiting to be done; try again in a moment")
)
