package web

import (
	"errors"
	"net/http"
	"strings"

	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/support"
)

// referenceMaxAge is for how many seconds the page of a request that was sent
// can be loaded again: long enough to write the number down.
const referenceMaxAge = 600

type supportPage struct {
	Request support.Request
	// Longest is the most that a message may have, in characters.
	Longest int
	// Back is where the person came from.
	Back string
}

type sentPage struct{ Reference, Back string }

// showSupport offers to write to support.
func (s *Site) showSupport(w http.ResponseWriter, r *http.Request) error {
	if !s.config.TakesRequests() {
		return s.nothingHere(w, r)
	}
	s.renderSupport(w, r, http.StatusOK, support.Request{}, nil)
	return nil
}

// askSupport sends what was written. A form that is refused is answered with its
// own page and all that was typed, against the rule for all other forms: who has
// written a long message in distress must not lose it, it does not fit into a
// cookie, and on the server nothing is kept for strangers.
func (s *Site) askSupport(w http.ResponseWriter, r *http.Request) error {
	if !s.config.TakesRequests() {
		return s.nothingHere(w, r)
	}
	fields, err := form(w, r, "name", "phone", "email", "message")
	if err != nil {
		return err
	}
	for name, typed := range fields {
		fields[name] = strings.ToValidUTF8(typed, "\ufffd") // it is shown again
	}
	request := support.Request{
		Name: fields["name"], Phone: fields["phone"], Email: fields["email"], Message: fields["message"],
		Language: s.speech(r).Language(), Browser: recovery.BrowserName(r.UserAgent()),
	}
	if _, view, err := s.current(r); err == nil {
		request.Recovery = view.ID
	}
	reference, err := s.options.Desk.Submit(r.Context(), request, s.options.Address(r))
	if faults, ok := errors.AsType[*support.FaultsError](err); ok {
		s.renderSupport(w, r, http.StatusUnprocessableEntity, request, s.faultAlerts(r, faults.Faults))
		return nil
	}
	if err != nil {
		return s.supportFailed(w, r, request, err)
	}
	s.setReference(w, reference)
	s.lead(w, r, pathSent, 0)
	return nil
}

// supportFailed says on the page of the form what keeps it from being sent now.
func (s *Site) supportFailed(w http.ResponseWriter, r *http.Request, request support.Request, err error) error {
	p, speech := problem.From(err), s.speech(r)
	var text string
	switch p.Type {
	case problem.Limited:
		text = speech.T("request.limited", "wait", speech.Wait(p.RetryAfter))
	case problem.Unavailable:
		text = speech.T("request.unavailable")
	default:
		return err
	}
	s.log(r, p, err)
	w.Header().Set("Retry-After", p.RetrySeconds())
	s.renderSupport(w, r, p.Status, request, []alert{{Text: text}})
	return nil
}

func (s *Site) renderSupport(w http.ResponseWriter, r *http.Request, status int, request support.Request, alerts []alert) {
	s.render(w, r, status, "support", frame{
		Title: s.speech(r).T("request.title"), Alerts: alerts, Help: true,
		Content: supportPage{Request: request, Longest: support.MaxMessage, Back: s.back(r)},
	})
}

// faultAlerts are the sentences of what is wrong with a request.
func (s *Site) faultAlerts(r *http.Request, faults []support.Fault) []alert {
	speech := s.speech(r)
	alerts := make([]alert, len(faults))
	for i, fault := range faults {
		text := speech.T("fault."+string(fault), "name", support.MaxName, "phone", support.MaxPhone, "message", support.MaxMessage)
		alerts[i] = alert{text, fault.Field()}
	}
	return alerts
}

// showSent tells the reference number of what was sent, as often as the page is
// loaded in the next minutes.
func (s *Site) showSent(w http.ResponseWriter, r *http.Request) error {
	cookie, err := r.Cookie(s.referenceName())
	if !s.config.TakesRequests() || err != nil || !support.IsReference(cookie.Value) {
		seeOther(w, r, pathSupport)
		return nil
	}
	s.render(w, r, http.StatusOK, "sent", frame{
		Title: s.speech(r).T("sent.title"), Help: true,
		Content: sentPage{support.Spoken(cookie.Value), s.back(r)},
	})
	return nil
}

func (s *Site) referenceName() string { return s.cookieName() + "-reference" }

func (s *Site) setReference(w http.ResponseWriter, reference string) {
	http.SetCookie(w, &http.Cookie{
		Name: s.referenceName(), Value: reference, Path: "/", MaxAge: referenceMaxAge,
		Secure: !s.options.Insecure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// back is where a person goes on who came to support on the way.
func (s *Site) back(r *http.Request) string {
	if page := s.begun(r); page != "" {
		return page
	}
	return pathStart
}
