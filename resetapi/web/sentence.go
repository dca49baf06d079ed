package web

import (
	"net/http"

	"latchkey/resetapi/problem"
)

// sentence is the alert of a problem, about a field where the problem is with
// what was typed. It sets Retry-After where waiting helps.
func (s *Site) sentence(w http.ResponseWriter, r *http.Request, p problem.Problem, field string) alert {
	speech := s.speech(r)
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", p.RetrySeconds())
	}
	switch {
	case p.Type == problem.WrongCode && p.TriesLeft < 0:
		return alert{speech.T("verify.code_missing"), field}
	case p.Type == problem.WrongCode && p.TriesLeft == 0:
		return alert{speech.T("verify.no_tries"), field}
	case p.Type == problem.WrongCode:
		return alert{speech.T("verify.wrong_code", "n", p.TriesLeft), field}
	case p.Type == problem.Limited && p.RetryAfter > 0:
		return alert{Text: speech.T("problem.limited.text") + " " + speech.T("failure.wait", "wait", speech.Wait(p.RetryAfter))}
	default:
		return alert{Text: speech.T("problem." + string(p.Type) + ".text")}
	}
}

// reasons says why a password was refused and what to do about it.
func (s *Site) reasons(r *http.Request, reasons []string) []alert {
	if len(reasons) == 0 {
		reasons = []string{"directory_refused"}
	}
	speech := s.speech(r)
	alerts := make([]alert, 0, len(reasons))
	for _, reason := range reasons {
		key := "reason." + reason
		if !speech.Has(key) {
			key = "reason.directory_refused"
		}
		alerts = append(alerts, alert{speech.T(key), "password"})
	}
	return alerts
}
