package resetapi

import (
	"context"
	"net/http"

	"latchkey/resetapi/change"
	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
)

// Changes changes passwords that people know.
type Changes interface {
	Change(ctx context.Context, request change.Request) (change.Outcome, error)
}

// changeDocument tells what became of a change.
type changeDocument struct {
	Status change.Outcome `json:"status"`
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	if s.changes == nil {
		return &problem.RequestError{Type: problem.NotFound, Detail: "See the paths of the API."}
	}
	body, err := texts(r, "login", "current_password", "new_password")
	if err != nil {
		return err
	}
	outcome, err := s.changes.Change(r.Context(), change.Request{
		Login: body["login"], Current: body["current_password"], New: body["new_password"],
		Languages: r.Header.Get("Accept-Language"), Browser: recovery.BrowserName(r.UserAgent()), Address: Address(r),
	})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if outcome == change.Unknown {
		status = http.StatusAccepted
	}
	return answer(w, status, changeDocument{outcome})
}
