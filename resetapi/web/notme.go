package web

import (
	"errors"
	"net/http"

	"latchkey/resetapi/block"
	"latchkey/resetapi/problem"
)

// sure is the field of the box that must be ticked. Mail scanners open links and
// some press buttons; they do not tick boxes.
const sure = "sure"

// notMePage is where the holder of an account says that a reset was not theirs.
// There is only one of Reference, once it is stopped, and Action.
type notMePage struct{ Action, Reference string }

// showNotMe asks whether self-service is to be stopped. It changes nothing.
func (s *Site) showNotMe(w http.ResponseWriter, r *http.Request) error {
	if s.options.Disowning == nil {
		return s.voidLink(w, r, block.ErrLink)
	}
	if err := s.options.Disowning.CheckLink(r.Context(), r.PathValue("link"), s.options.Address(r)); err != nil {
		return s.voidLink(w, r, err)
	}
	s.renderNotMe(w, r, http.StatusOK, notMePage{Action: r.URL.Path}, nil)
	return nil
}

// disown stops self-service for the account of the link. It is answered in
// place: no other page may say that something was stopped, and sending the form
// once more changes nothing.
func (s *Site) disown(w http.ResponseWriter, r *http.Request) error {
	if s.options.Disowning == nil {
		return s.voidLink(w, r, block.ErrLink)
	}
	if _, err := form(w, r); err != nil {
		return s.voidLink(w, r, err)
	}
	if r.PostForm.Get(sure) != "yes" {
		if err := s.options.Disowning.CheckLink(r.Context(), r.PathValue("link"), s.options.Address(r)); err != nil {
			return s.voidLink(w, r, err)
		}
		alerts := []alert{{s.speech(r).T("not_me.unsure"), sure}}
		s.renderNotMe(w, r, http.StatusUnprocessableEntity, notMePage{Action: r.URL.Path}, alerts)
		return nil
	}
	reference, err := s.options.Disowning.Disown(r.Context(), r.PathValue("link"), s.options.Address(r))
	if err != nil {
		return s.voidLink(w, r, err)
	}
	s.renderNotMe(w, r, http.StatusOK, notMePage{Reference: reference}, nil)
	return nil
}

func (s *Site) renderNotMe(w http.ResponseWriter, r *http.Request, status int, page notMePage, alerts []alert) {
	title := "not_me.title"
	if page.Reference != "" {
		title = "not_me.stopped_title"
	}
	s.render(w, r, status, "notme", frame{Title: s.speech(r).T(title), Alerts: alerts, Help: true, Content: page})
}

// voidLink answers with one page whatever is wrong with a link, and with that of
// the problem where the link is not to blame. The form is not led back to: the
// address of a page with a secret goes into no cookie.
func (s *Site) voidLink(w http.ResponseWriter, r *http.Request, err error) error {
	if errors.Is(err, block.ErrLink) {
		s.render(w, r, http.StatusNotFound, "notmevoid", frame{Title: s.speech(r).T("not_me.void_title"), Help: true})
		return nil
	}
	p := problem.From(err)
	s.log(r, p, err)
	s.Fail(w, r, p)
	return nil
}
