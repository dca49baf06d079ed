package web

import (
	"net/http"
	"strings"

	"latchkey/resetapi/recovery"
)

const longestPart = 128

// cookieName has the prefix that binds a cookie to this very host over TLS.
func (s *Site) cookieName() string {
	if s.options.Insecure {
		return "latchkey"
	}
	return "__Host-latchkey"
}

// ticket reads what the browser holds. Whether it is worth anything, the
// service says.
func (s *Site) ticket(r *http.Request) (recovery.Ticket, bool) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return recovery.Ticket{}, false
	}
	id, token, _ := strings.Cut(cookie.Value, ".")
	if !plain(id) || !plain(token) {
		return recovery.Ticket{}, false
	}
	return recovery.Ticket{ID: id, Token: token, Origin: recovery.Web, Address: s.options.Address(r)}, true
}

// plain reports whether a part of the cookie looks like one of ours.
func plain(part string) bool {
	foreign := func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return part != "" && len(part) <= longestPart && !strings.ContainsFunc(part, foreign)
}

// keep hands the ticket to the browser, for as long as the browser is open. It
// is never taken back: an answer that is late must not delete the ticket of the
// next step, and one that is over opens nothing.
func (s *Site) keep(w http.ResponseWriter, ticket recovery.Ticket) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: ticket.ID + "." + ticket.Token, Path: "/",
		Secure: !s.options.Insecure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// current returns the ticket and where its recovery stands, or
// [recovery.ErrNoRecovery].
func (s *Site) current(r *http.Request) (recovery.Ticket, recovery.View, error) {
	ticket, ok := s.ticket(r)
	if !ok {
		return recovery.Ticket{}, recovery.View{}, recovery.ErrNoRecovery
	}
	view, err := s.recoveries.View(r.Context(), ticket)
	return ticket, view, err
}

// goOn leads from the address of a form, which is what the browser shows when
// the form could not be read, to the page where the recovery stands.
func (s *Site) goOn(w http.ResponseWriter, r *http.Request) error {
	_, view, err := s.current(r)
	if err != nil {
		return err
	}
	seeOther(w, r, pathOf(view.Step))
	return nil
}
