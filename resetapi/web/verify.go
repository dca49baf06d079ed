package web

import (
	"net/http"
	"strings"
	"unicode"

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
	// Passed tells that a gate was passed just now and another one follows.
	Passed bool
	// Next is the end of the keys of texts to somebody who passed a gate, and so
	// is known: nothing in them depends on an if.
	Next string
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
	title, content := verifyContent(s.speech(r), view)
	alerts := s.alerts(r)
	if content.Lasts == "" { // there is no field to point to
		for i := range alerts {
			alerts[i].Field = ""
		}
	}
	s.render(w, r, http.StatusOK, "verify", frame{Title: title, Stage: 2, Alerts: alerts, Content: content})
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
		return err
	}
	s.lead(w, r, pathOf(view.Step), 0)
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
	if !strings.ContainsFunc(code, unicode.IsDigit) {
		s.again(w, r, 0, "verify.code_missing") // costs no guess
		return nil
	}
	proven, view, err := s.recoveries.Prove(r.Context(), ticket, recovery.Method(fields["method"]), code)
	if err != nil {
		return err
	}
	s.keep(w, proven)
	s.lead(w, r, pathOf(view.Step), 0)
	return nil
}

// typedCode drops what people put between digits to read them better.
func typedCode(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd) {
			return -1
		}
		return r
	}, typed)
}

// verifyContent is the page as the recovery stands, and its title.
func verifyContent(speech *speech, view recovery.View) (string, verifyPage) {
	content := verifyPage{Methods: view.Methods, Gates: max(0, view.GatesLeft-1)}
	if view.GatesPassed > 0 {
		content.Next = "_next"
	}
	c := view.Challenge
	if c == nil {
		content.Passed = view.GatesPassed > 0
		if content.Passed {
			return speech.T("verify.title_next"), content
		}
		return speech.T("verify.title_send"), content
	}
	content.Open, content.Method, content.More = true, c.Method, !c.ResendAt.IsZero()
	if wait := c.ResendAt.Sub(view.Now); content.More && wait > 0 {
		content.Wait = speech.Wait(wait)
	}
	left := c.ExpiresAt.Sub(view.Now)
	if left <= 0 {
		return speech.T("verify.title_over"), content
	}
	content.Lasts = speech.Lasts(left)
	return speech.T("verify.title_code"), content
}
