package recovery

import (
	"errors"
	"slices"
	"time"
)

// State is where a recovery stands. The diagram is in states.mermaid.
type State string

// The states. Started and Gating look alike from outside.
const (
	// Started: nothing is known yet of the login that was typed.
	Started State = "started"
	// Gating: the person is known, or the recovery is a decoy; gates are open.
	Gating State = "gating"
	// Ready: all gates are passed; a password may be set.
	Ready State = "ready"
	// Writing: one request holds the claim and writes to the directory.
	Writing State = "writing"
	// Unknown: the write was sent and its outcome is being settled.
	Unknown State = "unknown"
	// Done: the directory has the new password, or the lock is taken away.
	Done State = "done"
	// Ended: nothing more can happen; End says why.
	Ended State = "ended"
)

// End says why a recovery ended without a new password.
type End string

// The ends of a recovery.
const (
	Expired         End = "expired"
	GivenUp         End = "given_up"
	TooManyGuesses  End = "too_many_guesses"
	TooManyRefusals End = "too_many_refusals"
	// Superseded: the password, the contacts or the account changed meanwhile,
	// or another recovery of the same person came first. Where Write is set, the
	// password may have been written, and met another change.
	Superseded End = "superseded"
	// NotAllowed: the directory does not let Latchkey reset this account.
	NotAllowed End = "not_allowed"
)

// Method names a kind of gate.
type Method string

// The methods.
const (
	// EmailCode is a code sent to the alternate e-mail addresses.
	EmailCode Method = "email"
	// SMSCode is a code sent to the mobile numbers.
	SMSCode Method = "sms"
)

// Origin is the surface that a recovery is bound to.
type Origin string

// The surfaces.
const (
	API Origin = "api"
	Web Origin = "web"
)

// Subject is the person of a recovery, fixed once by the look-up.
type Subject struct {
	Directory string `json:"directory"`
	Person    string `json:"person"`
	Login     string `json:"login"`
	// Stamp is the directory's change stamp at the look-up.
	Stamp string `json:"stamp"`
	// Contacts is the version of the contact card at the look-up.
	Contacts string `json:"contacts"`
	// Epoch is the person's epoch in the store at the look-up.
	Epoch int64 `json:"epoch"`
}

// Challenge is an open gate.
type Challenge struct {
	ID     string    `json:"id"`
	Method Method    `json:"method"`
	MAC    []byte    `json:"mac"`
	SentAt time.Time `json:"sent_at"`
	// ExpiresAt is when the code is worth nothing.
	ExpiresAt time.Time `json:"expires_at"`
	// ResendAt is when another code may be asked for.
	ResendAt time.Time `json:"resend_at"`
}

// Proof records that a gate was passed: for whom, how, and with which contacts.
// Challenge and MAC are the challenge's, by which a repeated answer is known.
type Proof struct {
	Gate      int       `json:"gate"`
	Method    Method    `json:"method"`
	Person    string    `json:"person"`
	Contacts  string    `json:"contacts"`
	Challenge string    `json:"challenge"`
	MAC       []byte    `json:"mac"`
	At        time.Time `json:"at"`
}

// Refused is a person who exists but may not reset.
type Refused struct {
	Subject Subject `json:"subject"`
	// Reason is one of the reasons of delivery.KindRefusal.
	Reason string `json:"reason"`
}

// Requirement is what must be proved: so many gates, by different methods.
type Requirement struct {
	Gates   int      `json:"gates"`
	Methods []Method `json:"methods"`
}

// Write is the claim on the one write that a recovery may make at a time.
type Write struct {
	Claim string `json:"claim"`
	// Unlock: the lock is taken away and the password stays. That may be
	// repeated, so that its outcome is never unknown.
	Unlock bool      `json:"unlock,omitempty"`
	At     time.Time `json:"at"`
	// Server and DN are where the write went; empty while nothing was sent.
	Server string `json:"server,omitempty"`
	DN     string `json:"dn,omitempty"`
	// Unflagged is what settling must know of must-change (directory.Attempt).
	Unflagged bool `json:"unflagged,omitempty"`
	// UnwrittenAt is when the directory was first seen with the old password.
	UnwrittenAt time.Time `json:"unwritten_at,omitzero"`
	// OverwrittenAt is when it was first seen with neither the old nor the new
	// one. From then on the change stamp proves nothing for this write.
	OverwrittenAt time.Time `json:"overwritten_at,omitzero"`
}

// Record is all that is kept of one recovery. It is a value: Next never
// changes its argument.
type Record struct {
	ID       string `json:"id"`
	Origin   Origin `json:"origin"`
	Login    string `json:"login"`
	Language string `json:"language"`
	State    State  `json:"state"`
	End      End    `json:"end,omitempty"`
	// Seed and Generation make the token; each privilege step is a generation.
	Seed       string    `json:"seed"`
	Generation int       `json:"generation"`
	StartedAt  time.Time `json:"started_at"`
	TouchedAt  time.Time `json:"touched_at"`
	// Decoy marks a login that does not exist or may not reset.
	Decoy   bool    `json:"decoy,omitempty"`
	Subject Subject `json:"subject"`
	// Refused is the real person behind a decoy, who is told why by message.
	Refused *Refused `json:"refused,omitempty"`
	// Network and Browser are where the recovery was begun, roughly, for notices.
	Network string `json:"network,omitempty"`
	Browser string `json:"browser,omitempty"`
	// Device is the known device that it was begun on; empty for any other.
	Device Device `json:"device,omitzero"`
	// Shown is what everyone is told before the first proof, whoever they are;
	// Required is what this person must prove.
	Shown     Requirement `json:"shown"`
	Required  Requirement `json:"required"`
	Challenge *Challenge  `json:"challenge,omitempty"`
	// Opened counts the codes of the current gate.
	Opened   int     `json:"opened"`
	Proofs   []Proof `json:"proofs,omitempty"`
	Refusals int     `json:"refusals"`
	Write    *Write  `json:"write,omitempty"`
	// Unlocked: it is done without another password. NoUnlock: the directory
	// does not let Latchkey take a lock away, so that it is not offered again.
	Unlocked bool `json:"unlocked,omitempty"`
	NoUnlock bool `json:"no_unlock,omitempty"`
	// MustFinish: a temporary password that nobody knows is in force, so that the
	// old one is dead and the recovery has to be brought to its end.
	MustFinish bool `json:"must_finish,omitempty"`
	// Change marks what is no recovery but the change of a password that its
	// holder knows: it has no gates, and nobody has a ticket for it.
	Change bool `json:"change,omitempty"`
}

var (
	// ErrNotNow means that the step does not fit the state of the recovery.
	ErrNotNow = errors.New("this step is not possible in the current state of the recovery")
	// ErrTooSoon means that another code was asked for before its time.
	ErrTooSoon = errors.New("another code can be asked for a little later")
	// ErrNoMoreCodes means that the recovery has used up its codes.
	ErrNoMoreCodes = errors.New("no more codes can be sent in this recovery")
)

// EndedError means that the recovery is over.
type EndedError struct{ End End }

func (e *EndedError) Error() string { return "the recovery has ended: " + string(e.End) }

// Event is something that happened to a recovery.
type Event interface {
	apply(r *Record, now time.Time, rules Config) error
}

// Next returns the record after an event, or the reason why the event cannot
// happen. It is the only place where a recovery changes its state; it reads no
// clock and touches nothing but its arguments.
//
// A recovery whose time is over ends in Expired, whatever the event; the ended
// record is returned with the error. A write that was begun is not cut off.
func Next(r Record, event Event, now time.Time, rules Config) (Record, error) {
	next := r
	next.Proofs = slices.Clone(r.Proofs)
	switch r.State {
	case Ended:
		return r, &EndedError{r.End}
	case Done:
		return r, ErrNotNow
	case Started, Gating, Ready:
		if !now.Before(r.ExpiresAt(rules)) {
			return next.ended(Expired), &EndedError{Expired}
		}
	case Writing, Unknown:
	}
	if r.Change && !changes(event) {
		return r, ErrNotNow
	}
	if err := event.apply(&next, now, rules); err != nil {
		return r, err
	}
	next.TouchedAt = now
	return next, nil
}

// ExpiresAt is when the recovery ends by itself: idle too long, or open too long.
func (r Record) ExpiresAt(rules Config) time.Time {
	idle, absolute := r.TouchedAt.Add(rules.Idle.Std()), r.StartedAt.Add(rules.Lifetime.Std())
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

// requirement is what counts now: what everyone is shown, until a proof tells
// that this is the person.
func (r Record) requirement() Requirement {
	if len(r.Proofs) == 0 {
		return r.Shown
	}
	return r.Required
}

// GatesLeft is how many gates are still to pass, as far as the holder may know.
func (r Record) GatesLeft() int { return max(0, r.requirement().Gates-len(r.Proofs)) }

// OpenMethods are the methods that no proof has used yet, as far as the holder
// may know.
func (r Record) OpenMethods() []Method {
	return slices.DeleteFunc(slices.Clone(r.requirement().Methods), r.proved)
}

func (r Record) proved(m Method) bool {
	return slices.ContainsFunc(r.Proofs, func(p Proof) bool { return p.Method == m })
}

// overwritten reports whether the recovery ended with a write that may have been
// made and is not in force.
func (r Record) overwritten() bool {
	return r.State == Ended && r.End == Superseded && r.Write != nil
}

// again lets the holder try once more after a write that was not made. What has
// no holder is over.
func (r Record) again() Record {
	if r.Change {
		r = r.ended(GivenUp)
	} else {
		r.State = Ready
	}
	r.Write = nil
	return r
}

func (r Record) ended(end End) Record {
	r.State, r.End, r.Challenge = Ended, end, nil
	return r
}

// provenFor reports whether every gate has its own proof, by different methods,
// for this person and these contacts.
func (r Record) provenFor(s Subject) bool {
	if r.Required.Gates < 1 || len(r.Proofs) < r.Required.Gates || r.Decoy || s.Person == "" {
		return false
	}
	methods := make(map[Method]bool)
	for i, p := range r.Proofs {
		if p.Gate != i || p.Person != s.Person || p.Contacts != s.Contacts || methods[p.Method] ||
			!slices.Contains(r.Required.Methods, p.Method) {
			return false
		}
		methods[p.Method] = true
	}
	return true
}
