package web

import (
	"log/slog"
	"net/http"

	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
)

// handler answers one page. An error that it returns goes to failed.
type handler func(w http.ResponseWriter, r *http.Request) error

func (s *Site) page(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			s.failed(w, r, err)
		}
	})
}

// failed answers an error. What was wrong with a form is said by its page, and
// what only means that the page is the wrong one leads to the right one.
func (s *Site) failed(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.From(err)
	s.log(r, p, err)
	keys, number := s.sentences(p)
	switch {
	case p.Type == problem.NoRecovery:
		seeOther(w, r, pathStart+"?notice="+noticeNoRecovery)
	case r.Method == http.MethodPost && len(keys) > 0:
		s.again(w, r, number, keys...)
	case p.Type == problem.NotNow, p.Type == problem.Ended, p.Type == problem.NotAllowed:
		s.resume(w, r, p)
	default:
		s.Fail(w, r, p)
	}
}

// resume sends the browser to the page on which its recovery goes on. Where
// that is the very page that failed, the problem is shown instead.
func (s *Site) resume(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	_, view, err := s.current(r)
	if err != nil {
		other := problem.From(err)
		s.log(r, other, err)
		s.Fail(w, r, other)
		return
	}
	path := pathOf(view.Step)
	if path == r.URL.Path && r.Method != http.MethodPost {
		s.Fail(w, r, p)
		return
	}
	seeOther(w, r, path)
}

// log names the cause of what is our fault, beside the id that the page shows.
func (s *Site) log(r *http.Request, p problem.Problem, err error) {
	level := slog.LevelDebug
	switch {
	case r.Context().Err() != nil: // the browser went away
	case p.Type == problem.Internal:
		level = slog.LevelError
	case p.Type == problem.Unavailable:
		level = slog.LevelWarn
	}
	s.logger.Log(r.Context(), level, "a page failed", "problem", string(p.Type),
		"request_id", s.options.RequestID(r.Context()), "error", err)
}

type failurePage struct {
	Text      string
	Wait      string
	Reference string
	// Again is the page to try once more when it is only for now that it fails.
	Again string
	// Restart tells that another try from the start makes sense.
	Restart bool
}

// Fail answers with the page of a problem, for the server around the pages as
// well as for the pages themselves.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	speech := s.speech(r)
	key := "problem." + string(p.Type)
	if p.End != "" {
		key = "end." + string(p.End)
	}
	content := failurePage{
		Text: speech.T(key + ".text"), Reference: s.options.RequestID(r.Context()),
		Restart: p.End != recovery.NotAllowed,
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", p.RetrySeconds())
	}
	switch {
	case p.Type == problem.Unavailable && r.Method != http.MethodPost:
		content.Again = r.URL.Path
	case p.RetryAfter > 0:
		content.Wait = speech.T("failure.wait", "wait", speech.Wait(p.RetryAfter))
	}
	s.render(w, r, p.Status, "failure", frame{Title: speech.T(key + ".title"), Content: content})
}

func (s *Site) nothingHere(http.ResponseWriter, *http.Request) error {
	return &problem.RequestError{Type: problem.NotFound}
}

// otherMethod answers the methods that a path does not have.
func (s *Site) otherMethod(allowed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowed)
		s.Fail(w, r, problem.Of(problem.MethodNotAllow, ""))
	})
}
