package resetapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
)

// Gates opens challenges and takes proofs.
type Gates interface {
	Open(ctx context.Context, t recovery.Ticket, m recovery.Method) (recovery.View, error)
	Prove(ctx context.Context, t recovery.Ticket, m recovery.Method, code string) (recovery.Ticket, recovery.View, error)
}

// Passwords tells the rules for a new password and sets it.
type Passwords interface {
	PasswordRules(ctx context.Context, t recovery.Ticket) (recovery.PasswordRules, error)
	SetPassword(ctx context.Context, t recovery.Ticket, password string) (recovery.View, error)
}

// Locks takes locks away.
type Locks interface {
	Unlock(ctx context.Context, t recovery.Ticket) (recovery.View, error)
}

// Recoveries is the service behind the API.
type Recoveries interface {
	Start(ctx context.Context, request recovery.StartRequest) (recovery.Ticket, recovery.View, error)
	View(ctx context.Context, t recovery.Ticket) (recovery.View, error)
	GiveUp(ctx context.Context, t recovery.Ticket) error
	Gates
	Passwords
	Locks
}

func (s *Server) routes(r chi.Router) {
	r.Post("/recoveries", s.api(s.start))
	r.Get("/recoveries/{id}", s.api(s.view))
	r.Delete("/recoveries/{id}", s.api(s.giveUp))
	r.Post("/recoveries/{id}/challenges", s.api(s.open))
	r.Post("/recoveries/{id}/proofs", s.api(s.prove))
	r.Get("/recoveries/{id}/password-policy", s.api(s.passwordPolicy))
	r.Put("/recoveries/{id}/password", s.api(s.setPassword))
	r.Post("/recoveries/{id}/unlock", s.api(s.unlock))
	r.Post("/password-changes", s.api(s.changePassword))
	s.describe(r)
	r.NotFound(s.api(func(http.ResponseWriter, *http.Request) error {
		return &problem.RequestError{Type: problem.NotFound, Detail: "See the paths of the API."}
	}))
	r.MethodNotAllowed(s.api(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", allowed(r))
		return &problem.RequestError{Type: problem.MethodNotAllow, Detail: "See the methods of this path."}
	}))
}

// allowed lists the methods of a request's path (RFC 9110 §10.2.1).
func allowed(r *http.Request) string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if chi.RouteContext(r.Context()).Routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, ", ")
}

// api turns a handler that fails into one that answers: the one place where the
// API's errors are answered and the operator's line is written.
func (s *Server) api(handle func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		if err == nil {
			return
		}
		p := problem.From(err)
		if p.Status >= http.StatusInternalServerError {
			s.logger.ErrorContext(r.Context(), "request failed", "request_id", RequestID(r.Context()), "error", err)
		}
		p.Write(w, RequestID(r.Context()))
	}
}

// recoveryDocument is a recovery as the API tells it.
type recoveryDocument struct {
	ID         string             `json:"id"`
	Token      string             `json:"token,omitempty"`
	State      recovery.Step      `json:"state"`
	End        recovery.End       `json:"end,omitempty"`
	Unlocked   bool               `json:"unlocked,omitempty"`
	MustFinish bool               `json:"must_finish,omitempty"`
	GatesLeft  int                `json:"gates_left"`
	Methods    []recovery.Method  `json:"methods"`
	Challenge  *challengeDocument `json:"challenge,omitempty"`
	ExpiresAt  time.Time          `json:"expires_at"`
}

type challengeDocument struct {
	Method    recovery.Method `json:"method"`
	ExpiresAt time.Time       `json:"expires_at"`
	// ResendAfter is in seconds; absent when no other code can be sent.
	ResendAfter *int `json:"resend_after,omitempty"`
}

func document(v recovery.View) recoveryDocument {
	d := recoveryDocument{
		ID: v.ID, State: v.Step, End: v.End, Unlocked: v.Unlocked, MustFinish: v.MustFinish, GatesLeft: v.GatesLeft,
		Methods: append([]recovery.Method{}, v.Methods...), ExpiresAt: v.ExpiresAt.UTC().Truncate(time.Second),
	}
	if c := v.Challenge; c != nil {
		d.Challenge = &challengeDocument{Method: c.Method, ExpiresAt: c.ExpiresAt.UTC().Truncate(time.Second)}
		if !c.ResendAt.IsZero() {
			wait := max(0, int(c.ResendAt.Sub(v.Now).Round(time.Second).Seconds()))
			d.Challenge.ResendAfter = &wait
		}
	}
	return d
}

func (s *Server) start(w http.ResponseWriter, r *http.Request) error {
	body, err := texts(r, "login")
	if err != nil {
		return err
	}
	t, v, err := s.recoveries.Start(r.Context(), recovery.StartRequest{
		Login: body["login"], Languages: r.Header.Get("Accept-Language"), Origin: recovery.API, Address: Address(r),
		Browser: recovery.BrowserName(r.UserAgent()),
	})
	if err != nil {
		return err
	}
	d := document(v)
	d.Token = t.Token
	w.Header().Set("Location", "/api/v1/recoveries/"+v.ID)
	return answer(w, http.StatusAccepted, d)
}

func (s *Server) view(w http.ResponseWriter, r *http.Request) error {
	v, err := s.recoveries.View(r.Context(), ticket(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, document(v))
}

func (s *Server) giveUp(w http.ResponseWriter, r *http.Request) error {
	if err := s.recoveries.GiveUp(r.Context(), ticket(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) open(w http.ResponseWriter, r *http.Request) error {
	body, err := texts(r, "method")
	if err != nil {
		return err
	}
	v, err := s.recoveries.Open(r.Context(), ticket(r), recovery.Method(body["method"]))
	if err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, document(v))
}

func (s *Server) prove(w http.ResponseWriter, r *http.Request) error {
	body, err := texts(r, "method", "code")
	if err != nil {
		return err
	}
	t, v, err := s.recoveries.Prove(r.Context(), ticket(r), recovery.Method(body["method"]), body["code"])
	if err != nil {
		return err
	}
	d := document(v)
	d.Token = t.Token
	return answer(w, http.StatusOK, d)
}

// policyDocument is what a new password must satisfy. Zero means no such rule.
type policyDocument struct {
	MinLength      int        `json:"min_length"`
	MaxLength      int        `json:"max_length"`
	History        int        `json:"history"`
	Classes        int        `json:"classes"`
	NoNames        bool       `json:"no_names"`
	Dictionary     bool       `json:"dictionary"`
	ChangeableAt   *time.Time `json:"changeable_at,omitempty"`
	QualityChecked bool       `json:"quality_checked"`
	Locked         bool       `json:"locked"`
}

func (s *Server) passwordPolicy(w http.ResponseWriter, r *http.Request) error {
	rules, err := s.recoveries.PasswordRules(r.Context(), ticket(r))
	if err != nil {
		return err
	}
	d := policyDocument{
		MinLength: rules.MinLength, MaxLength: rules.MaxLength, History: rules.History, Classes: rules.Classes,
		NoNames: rules.NoNames, Dictionary: rules.Dictionary, QualityChecked: rules.QualityChecked, Locked: rules.Locked,
	}
	if !rules.ChangeableAt.IsZero() {
		at := rules.ChangeableAt.UTC()
		d.ChangeableAt = &at
	}
	return answer(w, http.StatusOK, d)
}

func (s *Server) setPassword(w http.ResponseWriter, r *http.Request) error {
	body, err := texts(r, "password")
	if err != nil {
		return err
	}
	v, err := s.recoveries.SetPassword(r.Context(), ticket(r), body["password"])
	if err != nil {
		return err
	}
	status := http.StatusOK
	if v.Step == recovery.StepSettling {
		status = http.StatusAccepted
	}
	return answer(w, status, document(v))
}

func (s *Server) unlock(w http.ResponseWriter, r *http.Request) error {
	v, err := s.recoveries.Unlock(r.Context(), ticket(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, document(v))
}

// ticket reads the recovery's id from the path and its token from the header.
func ticket(r *http.Request) recovery.Ticket {
	const scheme = "bearer "
	t := recovery.Ticket{ID: chi.URLParam(r, "id"), Origin: recovery.API, Address: Address(r)}
	if h := r.Header.Get("Authorization"); len(h) > len(scheme) && strings.EqualFold(h[:len(scheme)], scheme) {
		t.Token = h[len(scheme):]
	}
	return t
}

func answer(w http.ResponseWriter, status int, document any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(document)
}
