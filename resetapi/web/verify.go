package web

import (
	"net/http"
	"strings"
	"unicode"

	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
)

type verifyPage struct {
	Methods []recovery.Method
	// Open tells that a code was asked for; the rest is about that code.
	Open   bool
	Method recovery.Method
	// Lasts is for how long it is valid; empty when that is over.
	Lasts string
	// More tells that another code can be asked for: at once, or in Wait.
	More bool
	Wait string
	// Gates is how many gates follow this one.
	Gates int
}

// showVerify offers to send a code, and asks for the one that was sent.
func (s *Site) showVerify(w http.ResponseWriter, r *http.Request) error {
	_, view, err := s.current(r)
	if err != nil {
		return err
	}
	if view.Step != recovery.StepVerify {
		seeOther(w, r, pathOf(view.Step))
		return nil
	}
	s.renderVerify(w, r, http.StatusOK, view)
	return nil
}

// send has a code sent, if there is anybody to send it to.
func (s *Site) send(w http.ResponseWriter, r *http.Request) error {
	ticket, ok := s.ticket(r)
	if !ok {
		return recovery.ErrNoRecovery
	}
	fields, err := form(w, r, "method")
	if err != nil {
		return err
	}
	view, err := s.recoveries.Open(r.Context(), ticket, recovery.Method(fields["method"]))
	if err != nil {
		return s.verifyAgain(w, r, err, "")
	}
	seeOther(w, r, pathOf(view.Step))
	return nil
}

// prove takes the code that was typed. The method comes with the form, so that
// an answer that got lost can be asked for again by sending it once more.
func (s *Site) prove(w http.ResponseWriter, r *http.Request) error {
	ticket, ok := s.ticket(r)
	if !ok {
		return recovery.ErrNoRecovery
	}
	fields, err := form(w, r, "method", "code")
	if err != nil {
		return err
	}
	code := typedCode(fields["code"])
	if code == "" {
		return s.verifyAgain(w, r, errCodeMissing, "code")
	}
	proven, view, err := s.recoveries.Prove(r.Context(), ticket, recovery.Method(fields["method"]), code)
	if err != nil {
		return s.verifyAgain(w, r, err, "code")
	}
	s.keep(w, proven)
	seeOther(w, r, pathOf(view.Step))
	return nil
}

// errCodeMissing costs no guess.
var errCodeMissing = &problem.RequestError{Type: problem.WrongCode}

// typedCode drops what people put between digits to read them better.
func typedCode(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd) {
			return -1
		}
		return r
	}, typed)
}

// verifyAgain shows the page again with what was wrong, as long as the recovery
// still stands there.
func (s *Site) verifyAgain(w http.ResponseWriter, r *http.Request, cause error, field string) error {
	p := problem.From(cause)
	switch p.Type {
	case problem.WrongCode, problem.NotNow, problem.TooSoon, problem.NoMoreCodes, problem.Limited, problem.Unavailable:
	default:
		return cause
	}
	_, view, err := s.current(r)
	if err != nil {
		return cause
	}
	if view.Step != recovery.StepVerify {
		seeOther(w, r, pathOf(view.Step))
		return nil
	}
	s.log(r, p, cause)
	s.renderVerify(w, r, p.Status, view, s.sentence(w, r, p, field))
	return nil
}

func (s *Site) renderVerify(w http.ResponseWriter, r *http.Request, status int, view recovery.View, alerts ...alert) {
	speech := s.speech(r)
	content := verifyPage{Methods: view.Methods, Gates: max(0, view.GatesLeft-1)}
	title := "verify.title_send"
	if c := view.Challenge; c != nil {
		title = "verify.title_code"
		content.Open, content.Method, content.More = true, c.Method, !c.ResendAt.IsZero()
		if left := c.ExpiresAt.Sub(view.Now); left > 0 {
			content.Lasts = speech.Lasts(left)
		} else {
			title = "verify.title_over"
		}
		if wait := c.ResendAt.Sub(view.Now); content.More && wait > 0 {
			content.Wait = speech.Wait(wait)
		}
	}
	if content.Lasts == "" { // there is no field to point to
		for i := range alerts {
			alerts[i].Field = ""
		}
	}
	s.render(w, r, status, "verify", frame{Title: speech.T(title), Stage: 2, Alerts: alerts, Content: content})
}
