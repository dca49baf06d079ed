package web

import (
	"net/http"

	"latchkey/resetapi/recovery"
)

// refreshSettling is after how many seconds the page asks again.
const refreshSettling = 5

// showDone tells that the new password is set, or the truth while nobody knows.
// A write that turned out not to have happened leads back to the form.
func (s *Site) showDone(w http.ResponseWriter, r *http.Request) error {
	_, view, err := s.current(r)
	if err != nil {
		return err
	}
	speech := s.speech(r)
	switch view.Step {
	case recovery.StepDone:
		s.render(w, r, http.StatusOK, "done", frame{Title: speech.T("done.title")})
	case recovery.StepSettling:
		s.render(w, r, http.StatusOK, "settling", frame{Title: speech.T("settling.title"), Refresh: refreshSettling})
	case recovery.StepSetPassword:
		seeOther(w, r, pathPassword+"?notice="+noticeNotSet)
	default:
		seeOther(w, r, pathOf(view.Step))
	}
	return nil
}
