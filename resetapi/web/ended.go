package web

import (
	"net/http"

	"latchkey/resetapi/recovery"
)

type endedPage struct {
	Text string
	// Restart tells that another try makes sense.
	Restart bool
}

// showEnded tells why a recovery is over and what can be done now.
func (s *Site) showEnded(w http.ResponseWriter, r *http.Request) error {
	_, view, err := s.current(r)
	if err != nil {
		return err
	}
	if view.Step != recovery.StepEnded {
		seeOther(w, r, pathOf(view.Step))
		return nil
	}
	speech, key := s.speech(r), "end."+string(view.End)
	text := key + ".text"
	if view.MustFinish {
		text = "ended.must_finish" // the others say that the old password still works
	}
	s.render(w, r, http.StatusOK, "ended", frame{
		Title: speech.T(key + ".title"), Help: true,
		Content: endedPage{
			Text: speech.T(text), Restart: view.End != recovery.NotAllowed,
		},
	})
	return nil
}

// giveUp ends the recovery at the person's wish.
func (s *Site) giveUp(w http.ResponseWriter, r *http.Request) error {
	ticket, ok := s.ticket(r)
	if !ok {
		return recovery.ErrNoRecovery
	}
	if _, err := form(w, r); err != nil {
		return err
	}
	if err := s.recoveries.GiveUp(r.Context(), ticket); err != nil {
		return err
	}
	s.lead(w, r, pathEnded, 0)
	return nil
}
