package web

import (
	"net/http"
	"strings"
	"unicode"

	"latchkey/resetapi/recovery"
)

type startPage struct {
	// Notice is the key of a sentence about how the person came here.
	Notice string
	// GoOn is the page on which a recovery that was begun goes on, if any.
	GoOn string
	// Changes tells that a known password can be changed here.
	Changes bool
}

// showStart asks who the person is.
func (s *Site) showStart(w http.ResponseWriter, r *http.Request) error {
	content := startPage{GoOn: s.begun(r), Changes: s.options.Changes != nil}
	if r.URL.Query().Get("notice") == noticeNoRecovery && content.GoOn == "" {
		content.Notice = "notice." + noticeNoRecovery
	}
	s.render(w, r, http.StatusOK, "start", frame{
		Title: s.speech(r).T("start.title"), Stage: 1, Alerts: s.alerts(r), Content: content,
	})
	return nil
}

// begun is where the recovery of this browser goes on. A service that is away
// is no reason to hide the form: sending it will tell.
func (s *Site) begun(r *http.Request) string {
	_, view, err := s.current(r)
	if err != nil || view.Step == recovery.StepDone || view.Step == recovery.StepEnded {
		return ""
	}
	return pathOf(view.Step)
}

// start begins a recovery under a new cookie. What the browser held before is
// given up, not continued. A login that is refused has to be typed again: it is
// not kept anywhere.
func (s *Site) start(w http.ResponseWriter, r *http.Request) error {
	fields, err := form(w, r, "login")
	if err != nil {
		return err
	}
	login := strings.TrimSpace(fields["login"])
	if fault := loginFault(login); fault != "" {
		s.again(w, r, 0, fault)
		return nil
	}
	ticket, view, err := s.recoveries.Start(r.Context(), recovery.StartRequest{
		Login: login, Languages: s.speech(r).Language(), Origin: recovery.Web, Address: s.options.Address(r),
		Device: s.deviceOf(r), Browser: recovery.BrowserName(r.UserAgent()),
	})
	if err != nil {
		return err
	}
	if old, ok := s.ticket(r); ok {
		_ = s.recoveries.GiveUp(r.Context(), old) // it ends by itself, too
	}
	s.keep(w, ticket)
	s.lead(w, r, pathOf(view.Step), 0)
	return nil
}

// loginFault is the key of what is wrong with a login in itself, if anything.
func loginFault(login string) string {
	switch {
	case login == "":
		return "start.login_missing"
	case len(login) > recovery.MaxLogin || strings.ContainsFunc(login, unicode.IsControl):
		return "start.login_impossible"
	default:
		return ""
	}
}
