package recovery

import (
	"errors"
	"time"
)

// witness keeps books of one recovery: what was asked, and what was granted. It
// knows the rules from SECURITY's S1, S5, S7, S8 and S13 and not from the code.
type witness struct {
	rules       Config
	begun, used time.Time
	// gates and ways are what the person must prove; none before they are known.
	gates  int
	ways   map[Method]bool
	nobody bool
	codes  map[string]*issued
	// newest is the code that is good, sent how many this gate sent.
	newest string
	sent   int
	// proved are the ways by which gates were passed.
	proved map[Method]bool
	// claim is held by who may write, written counts passwords.
	claim   string
	refused int
	written int
	over    bool
}

// issued is a code as the witness remembers it.
type issued struct {
	way   Method
	until time.Time
	spent bool
}

// saw notes an event that was granted and stored, and objects if it should not
// have been.
func (w *witness) saw(event Event, expired bool, to State, now time.Time) error {
	if w.over {
		return errors.New("something happened to a recovery that was over")
	}
	writing := w.claim != ""
	late := now.Sub(w.used) >= w.rules.Idle.Std() || now.Sub(w.begun) >= w.rules.Lifetime.Std()
	if expired {
		w.over = true
		if !late || writing {
			return errors.New("it expired before its time")
		}
		return nil
	}
	if late && !writing {
		return errors.New("it went on after its time")
	}
	w.used = now
	err := w.granted(event, now)
	if to == Done {
		w.written++
		if _, wrote := event.(Wrote); !wrote {
			if _, settled := event.(Settled); !settled {
				err = errors.Join(err, errors.New("done by something that writes nothing"))
			}
		}
		if !writing || w.written != 1 || len(w.proved) < w.gates || w.gates == 0 {
			err = errors.Join(err, errors.New("a password was written that was not earned"))
		}
	}
	if to == Done || to == Ended {
		w.over = true
	}
	if to != Writing && to != Unknown {
		w.claim = ""
	}
	if (to == Ready || to == Writing || to == Unknown || to == Done) && (w.gates == 0 || len(w.proved) < w.gates) {
		err = errors.Join(err, errors.New("the password is within reach without every proof"))
	}
	return err
}

func (w *witness) granted(event Event, now time.Time) error {
	switch e := event.(type) {
	case Found:
		if w.gates > 0 || w.nobody || e.Required.Gates < 1 {
			return errors.New("the person was named twice, or needs to prove nothing")
		}
		w.gates, w.ways, w.proved = e.Required.Gates, map[Method]bool{}, map[Method]bool{}
		for _, m := range e.Required.Methods {
			w.ways[m] = true
		}
	case NotFound:
		if w.gates > 0 {
			return errors.New("a person became nobody")
		}
		w.nobody = true
	case Opened:
		if w.sent++; w.sent > w.rules.CodesPerGate {
			return errors.New("one more code than a gate has")
		}
		w.newest = e.Challenge.ID
		w.codes[e.Challenge.ID] = &issued{way: e.Challenge.Method, until: e.Challenge.ExpiresAt}
	case GatePassed:
		return w.passed(e, now)
	case Claimed:
		if w.claim != "" || len(w.proved) < w.gates || w.gates == 0 {
			return errors.New("a claim without every proof, or beside another")
		}
		w.claim = e.Claim
	case Aimed:
		return w.holds(e.Claim)
	case Wrote:
		return errors.Join(w.holds(e.Claim), w.weighed(e.Outcome))
	case Settled:
		return w.holds(e.Claim)
	case Overtaken, Abandoned:
		if w.claim != "" {
			return errors.New("it ended in the middle of a write")
		}
	}
	return nil
}

func (w *witness) passed(e GatePassed, now time.Time) error {
	code := w.codes[e.Challenge]
	switch {
	case code == nil:
		return errors.New("a gate was passed with a code that was not sent here")
	case e.Challenge != w.newest:
		return errors.New("a gate was passed with a code that was replaced")
	case code.spent:
		return errors.New("a code was used twice")
	case !now.Before(code.until):
		return errors.New("a gate was passed with a code whose time was over")
	case w.nobody || !w.ways[code.way] || w.proved[code.way]:
		return errors.New("a gate was passed by nobody, or by a way that does not count")
	}
	code.spent, w.sent, w.proved[code.way] = true, 0, true
	return nil
}

func (w *witness) holds(claim string) error {
	if w.claim == "" || w.claim != claim {
		return errors.New("somebody else's claim was used")
	}
	return nil
}

func (w *witness) weighed(o Outcome) error {
	if o == OutcomeRefused {
		w.refused++
	}
	if w.refused > w.rules.RefusalsPerRecovery {
		return errors.New("one refusal more than allowed")
	}
	return nil
}
