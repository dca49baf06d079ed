package web

import (
	"net/http"
	"strings"

	"latchkey/resetapi/change"
	"latchkey/resetapi/recovery"
)

// changedMaxAge is for how many seconds the page of a change can be loaded again.
const changedMaxAge = 600

// changePage is where somebody changes a password that they know.
type changePage struct {
	// Rules are the sentences of what holds for everyone's new password.
	Rules []string
}

// changedPage says what became of a change.
type changedPage struct{ Unknown bool }

// showChange asks for the login, the current password and a new one.
func (s *Site) showChange(w http.ResponseWriter, r *http.Request) error {
	if s.options.Changes == nil {
		return s.nothingHere(w, r)
	}
	speech := s.speech(r)
	s.render(w, r, http.StatusOK, "change", frame{
		Title: speech.T("change.title"), Alerts: s.alerts(r),
		Content: changePage{Rules: ruleSentences(speech, s.options.Changes.Rules())},
	})
	return nil
}

// change changes a known password. What was typed is never shown again.
func (s *Site) change(w http.ResponseWriter, r *http.Request) error {
	if s.options.Changes == nil {
		return s.nothingHere(w, r)
	}
	fields, err := form(w, r, "login", "current", "password", "again")
	if err != nil {
		return err
	}
	if fault := changeFault(fields); fault != "" {
		s.again(w, r, 0, fault)
		return nil
	}
	outcome, err := s.options.Changes.Change(r.Context(), change.Request{
		Login: fields["login"], Current: fields["current"], New: fields["password"],
		Languages: s.speech(r).Language(), Browser: recovery.BrowserName(r.UserAgent()), Address: s.options.Address(r),
	})
	if err != nil {
		return err
	}
	s.setChanged(w, outcome)
	s.lead(w, r, pathChanged, 0)
	return nil
}

// changeFault is the key of what this page itself finds; it costs no try.
func changeFault(fields map[string]string) string {
	if fault := loginFault(strings.TrimSpace(fields["login"])); fault != "" {
		return fault
	}
	if fields["current"] == "" {
		return "change.current_missing"
	}
	return passwordFault(fields["password"], fields["again"])
}

// showChanged tells what became of a change, as often as the page is loaded in
// the next minutes. The cookie says which of two sentences it is, and no more.
func (s *Site) showChanged(w http.ResponseWriter, r *http.Request) error {
	cookie, err := r.Cookie(s.changedName())
	if s.options.Changes == nil || err != nil || cookie.Value != string(change.Done) && cookie.Value != string(change.Unknown) {
		seeOther(w, r, pathChange)
		return nil
	}
	content, title := changedPage{Unknown: cookie.Value == string(change.Unknown)}, "done.title"
	if content.Unknown {
		title = "change.unknown_title"
	}
	s.render(w, r, http.StatusOK, "changed", frame{Title: s.speech(r).T(title), Help: content.Unknown, Content: content})
	return nil
}

func (s *Site) changedName() string { return s.cookieName() + "-changed" }

func (s *Site) setChanged(w http.ResponseWriter, outcome change.Outcome) {
	http.SetCookie(w, &http.Cookie{
		Name: s.changedName(), Value: string(outcome), Path: "/", MaxAge: changedMaxAge,
		Secure: !s.options.Insecure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
