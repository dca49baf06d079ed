package web

import (
	"net/http"

	"latchkey/resetapi/recovery"
)

// unlock takes the lock of the account away and leaves the password. The page of
// the new password offers it.
func (s *Site) unlock(w http.ResponseWriter, r *http.Request) error {
	ticket, ok := s.ticket(r)
	if !ok {
		return recovery.ErrNoRecovery
	}
	if _, err := form(w, r); err != nil {
		return err
	}
	view, err := s.recoveries.Unlock(r.Context(), ticket)
	if err != nil {
		return err
	}
	s.leadOn(w, r, ticket, view)
	return nil
}
