package web

import (
	"net/http"

	"latchkey/resetapi/recovery"
)

// donePage says what was done.
type donePage struct{ Unlocked bool }

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
		title, stage := "done.title", stages+1
		if view.Unlocked {
			title, stage = "unlocked.title", 0
		}
		s.render(w, r, http.StatusOK, "done", frame{Title: speech.T(title), Stage: stage, Content: donePage{Unlocked: view.Unlocked}})
	case recovery.StepSettling:
		s.render(w, r, http.StatusOK, "settling", frame{Title: speech.T("settling.title"), Refresh: refreshSettling})
	case recovery.StepSetPassword:
		seeOther(w, r, pathPassword+"?notice="+noticeNotSet)
	default:
		seeOther(w, r, pathOf(view.Step))
	}
	return nil
}
