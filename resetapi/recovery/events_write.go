package recovery

import "time"

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

// UnlockClaimed is the same right, to take a lock away and leave the password.
type UnlockClaimed struct{ Claim string }

func (e UnlockClaimed) apply(r *Record, now time.Time, rules Config) error {
	if r.NoUnlock || r.MustFinish {
		return ErrNotNow
	}
	if err := Claimed(e).apply(r, now, rules); err != nil {
		return err
	}
	r.Write.Unlock = true
	return nil
}

// ChangeClaimed is the right to change a password that its holder knows: they
// proved it to the directory just now. No recovery ever gets it.
type ChangeClaimed struct {
	Claim, Server, DN string
	Unflagged         bool
	Subject           Subject
}

func (e ChangeClaimed) apply(r *Record, now time.Time, _ Config) error {
	if !r.Change || r.State != Started || e.Subject.Person == "" {
		return ErrNotNow
	}
	r.State, r.Subject = Writing, e.Subject
	r.Write = &Write{Claim: e.Claim, At: now, Server: e.Server, DN: e.DN, Unflagged: e.Unflagged}
	return nil
}

// changes reports whether an event can happen to the change of a known password.
func changes(event Event) bool {
	switch event.(type) {
	case ChangeClaimed, Wrote, Settled:
		return true
	}
	return false
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
	// Overwritten goes with OutcomeUnknown: the server said itself that the
	// password in force is not the new one.
	Overwritten bool
	// Stamp goes with OutcomeUnfinished: the change stamp since the first half.
	// Refused tells that the second half was, by the policy.
	Stamp   string
	Refused bool
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
	// OutcomeUnfinished: a temporary password took the old one's place, and the
	// new one not its.
	OutcomeUnfinished
)

func (e Wrote) apply(r *Record, now time.Time, rules Config) error {
	if r.State != Writing || r.Write.Claim != e.Claim {
		return ErrNotNow
	}
	if r.Write.Unlock {
		return e.unlock(r)
	}
	switch e.Outcome {
	case OutcomeDone:
		r.State, r.Write = Done, nil
	case OutcomeUnknown:
		unknown := *r.Write
		if e.Overwritten {
			unknown.OverwrittenAt = now
		}
		r.State, r.Write = Unknown, &unknown
	case OutcomeNothing:
		*r = r.again()
	case OutcomeNotAllowed:
		*r = r.ended(NotAllowed)
		r.Write = nil
	case OutcomeSuperseded:
		*r = r.ended(Superseded)
		r.Write = nil
	case OutcomeRefused:
		*r = r.again().refused(rules)
	case OutcomeUnfinished:
		e.halve(r)
		if e.Refused {
			*r = r.refused(rules)
		}
	default:
		return ErrNotNow
	}
	return nil
}

// halve notes the first half of a write. The stamp is the one from which the rest
// goes on; the first time the person's epoch moves on with the notice, which ends
// every other recovery of theirs and not this one.
func (e Wrote) halve(r *Record) {
	if !r.MustFinish {
		r.Subject.Epoch++
	}
	r.MustFinish, r.Subject.Stamp = true, e.Stamp
	*r = r.again()
}

// refused counts a refusal by the policy, of which there are only so many.
func (r Record) refused(rules Config) Record {
	r.Refusals++
	if r.Refusals >= rules.RefusalsPerRecovery {
		r = r.ended(TooManyRefusals)
	}
	return r
}

// unlock is the outcome of taking a lock away. Where the directory does not let
// Latchkey do that, a new password is still a way in.
func (e Wrote) unlock(r *Record) error {
	switch e.Outcome {
	case OutcomeDone:
		r.State, r.Write, r.Unlocked = Done, nil, true
	case OutcomeNothing:
		*r = r.again()
	case OutcomeNotAllowed:
		*r = r.again()
		r.NoUnlock = true
	case OutcomeSuperseded:
		*r = r.ended(Superseded)
		r.Write = nil
	default:
		return ErrNotNow
	}
	return nil
}

// Settled is what the directory says afterwards of a write whose outcome is
// unknown. That the new password is there is believed at once. That it is not
// there is believed only when it is seen twice with a wait between: the first
// look may have come before a slow server's write.
type Settled struct {
	Claim string
	Seen  Seen
}

// Seen is what a look at the directory shows.
type Seen int

// What can be seen.
const (
	// SeenWritten: the new password lets the person in.
	SeenWritten Seen = iota
	// SeenUnwritten: it does not, and nobody changed the password.
	SeenUnwritten
	// SeenChanged: somebody changed the password, as far as is known by this
	// write.
	SeenChanged
	// SeenOverwritten: somebody changed it, and not to the new one.
	SeenOverwritten
	// SeenOvertaken: somebody changed it, and another recovery did write.
	SeenOvertaken
)

func (e Settled) apply(r *Record, now time.Time, rules Config) error {
	if (r.State != Writing && r.State != Unknown) || r.Write.Claim != e.Claim || r.Write.Unlock {
		return ErrNotNow
	}
	write := *r.Write
	switch seen := e.Seen; {
	case seen == SeenWritten, seen == SeenChanged && write.OverwrittenAt.IsZero():
		r.State, r.Write = Done, nil
	case seen == SeenUnwritten && write.UnwrittenAt.IsZero():
		write.UnwrittenAt = now
		r.State, r.Write = Unknown, &write
	case seen == SeenUnwritten && now.Sub(write.UnwrittenAt) >= rules.SettleEvery.Std():
		*r = r.again()
	case seen == SeenOverwritten && write.OverwrittenAt.IsZero():
		write.OverwrittenAt = now
		r.State, r.Write = Unknown, &write
	case seen == SeenOvertaken,
		(seen == SeenOverwritten || seen == SeenChanged) && now.Sub(write.OverwrittenAt) >= rules.SettleEvery.Std():
		*r = r.ended(Superseded) // the write stays: it may have been made
	}
	return nil
}

func (o Outcome) String() string {
	return [...]string{"done", "refused", "not allowed", "nothing", "unknown", "superseded", "unfinished"}[o]
}
