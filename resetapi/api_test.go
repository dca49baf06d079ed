package resetapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"latchkey/resetapi/change"
	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
)

const (
	site       = "https://reset.example.org"
	recoveryID = "UKBLZTWGZD5WUFAFM3UNIMR4LQ"
	firstToken = "AAAAAcPzw0WPwRKYxYjCBMvb2dJ3FBmKMWqd2o1RL3H9uGf0"
	nextToken  = "AAAAAQ7bTqXcNk1m-0VYfxHdRz5sLw2eJtGpUoKiBa93_CvE"
)

// scripted is a service that says what a test tells it, and remembers what it
// was asked.
type scripted struct {
	token string
	view  recovery.View
	rules recovery.PasswordRules
	// changed is what becomes of a change.
	changed change.Outcome
	err     error
	burst   any

	asked  string
	ticket recovery.Ticket
	start  recovery.StartRequest
	change change.Request
	texts  []string
}

func (s *scripted) ask(name string, t recovery.Ticket, texts ...string) error {
	s.asked, s.ticket, s.texts = name, t, texts
	if s.burst != nil {
		panic(s.burst)
	}
	return s.err
}

func (s *scripted) Start(_ context.Context, request recovery.StartRequest) (recovery.Ticket, recovery.View, error) {
	s.start = request
	return recovery.Ticket{Token: s.token}, s.view, s.ask("start", recovery.Ticket{})
}

func (s *scripted) View(_ context.Context, t recovery.Ticket) (recovery.View, error) {
	return s.view, s.ask("view", t)
}

func (s *scripted) GiveUp(_ context.Context, t recovery.Ticket) error { return s.ask("give up", t) }

func (s *scripted) Open(_ context.Context, t recovery.Ticket, m recovery.Method) (recovery.View, error) {
	return s.view, s.ask("open", t, string(m))
}

func (s *scripted) Prove(_ context.Context, t recovery.Ticket, m recovery.Method, code string) (recovery.Ticket, recovery.View, error) {
	return recovery.Ticket{Token: s.token}, s.view, s.ask("prove", t, string(m), code)
}

func (s *scripted) PasswordRules(_ context.Context, t recovery.Ticket) (recovery.PasswordRules, error) {
	return s.rules, s.ask("rules", t)
}

func (s *scripted) SetPassword(_ context.Context, t recovery.Ticket, password string) (recovery.View, error) {
	return s.view, s.ask("set", t, password)
}

func (s *scripted) Unlock(_ context.Context, t recovery.Ticket) (recovery.View, error) {
	return s.view, s.ask("unlock", t)
}

func (s *scripted) Change(_ context.Context, request change.Request) (change.Outcome, error) {
	s.change = request
	return s.changed, s.ask("change", recovery.Ticket{})
}

type noPages struct{}

func (noPages) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "a page", http.StatusOK)
}

func (noPages) Route(r *http.Request) string {
	return map[string]string{"/one/7": "/one/{n}"}[r.URL.Path]
}

func (noPages) Fail(w http.ResponseWriter, _ *http.Request, p problem.Problem) {
	http.Error(w, "a page", p.Status)
}

type noMeter struct{}

func (noMeter) Request(string, string, int, time.Duration) {}
func (noMeter) Connections(int)                            {}
func (noMeter) ConnectionRefused(string)                   {}

// api is the server before a scripted service. Every call to it is held against
// the contract.
type api struct {
	t       *testing.T
	service *scripted
	handler http.Handler
	log     *safeLog
	spec    *openapi3.T
	// server is what answers.
	server *Server
}

func newAPI(t *testing.T, spec *openapi3.T) *api {
	t.Helper()
	a := &api{t: t, service: new(scripted), log: new(safeLog), spec: spec}
	c := Defaults()
	c.PublicURL = site
	a.server = New(c, a.service, a.service, noPages{}, noMeter{}, slog.New(slog.NewTextHandler(a.log, nil)))
	a.handler = a.server.Handler()
	return a
}

// call is one request. A test changes what differs from a good one.
type call struct {
	method, path string
	header       http.Header
	body         string
	host         string
	// wrong tells that the contract must refuse the request as well.
	wrong bool
	// proxied tells that a proxy on this machine passes the request on.
	proxied bool
}

// good is a request as the contract wants it; without a body none is sent.
func good(method, path, body string) *call {
	c := &call{method: method, path: path, body: body, header: make(http.Header)}
	if body != "" {
		c.header.Set("Content-Type", "application/json")
	}
	if strings.Contains(path, recoveryID) {
		c.header.Set("Authorization", "Bearer "+firstToken)
	}
	return c
}

func (c *call) request(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, c.method, site+"/api/v1"+c.path, strings.NewReader(c.body))
	r.Header = c.header.Clone()
	if c.host != "" {
		r.Host = c.host
	}
	if c.proxied {
		r.RemoteAddr = "127.0.0.1:40000"
	}
	return r
}

// send makes a call and holds both sides of it against the contract.
func (a *api) send(c *call) *http.Response {
	a.t.Helper()
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, c.request(a.t.Context()))
	answer := w.Result()
	input := a.input(c, answer.StatusCode)
	err := errors.New("no such operation")
	if len(input.Route.Operation.OperationID) > 0 {
		err = openapi3filter.ValidateRequest(a.t.Context(), input)
	}
	if (err != nil) != c.wrong {
		a.t.Errorf("%s %s %.80q: wrong %v, but the contract says of the request: %v", c.method, c.path, c.body, c.wrong, err)
	}
	if err := answered(input, answer); err != nil {
		a.t.Errorf("%s %s: %v", c.method, c.path, err)
	}
	return answer
}

// input finds the operation of a call. What is none gets one that has nothing
// but the answer for it.
func (a *api) input(c *call, status int) *openapi3filter.RequestValidationInput {
	a.t.Helper()
	in := &openapi3filter.RequestValidationInput{
		Request: c.request(a.t.Context()), PathParams: make(map[string]string),
		Route: &routers.Route{Spec: a.spec, Method: c.method},
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, AuthenticationFunc: bearer,
		},
	}
	for path, item := range a.spec.Paths.Map() {
		operation := item.GetOperation(c.method)
		if params, ok := match(path, c.path); ok && operation != nil {
			in.PathParams, in.Route.Path, in.Route.PathItem, in.Route.Operation = params, path, item, operation
			return in
		}
	}
	responses := openapi3.NewResponses()
	name := map[int]string{http.StatusNotFound: "NotFound", http.StatusMethodNotAllowed: "MethodNotAllowed"}[status]
	if response := a.spec.Components.Responses[name]; response != nil {
		responses = openapi3.NewResponses(openapi3.WithStatus(status, response))
	}
	in.Route.PathItem, in.Route.Operation = new(openapi3.PathItem), &openapi3.Operation{Responses: responses}
	return in
}

// match holds a path against one of the contract's.
func match(template, path string) (params map[string]string, ok bool) {
	wanted, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(wanted) != len(got) {
		return nil, false
	}
	params = make(map[string]string)
	for i, segment := range wanted {
		if name, variable := strings.CutPrefix(segment, "{"); variable && got[i] != "" {
			params[strings.TrimSuffix(name, "}")] = got[i]
		} else if segment != got[i] {
			return nil, false
		}
	}
	return params, true
}

func bearer(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if in.SecurityScheme.Scheme != "bearer" || !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
		return errors.New("no bearer token")
	}
	return nil
}

// answered holds an answer against the operation: status, headers and body. A
// header that says what to do next must be described wherever it comes.
func answered(input *openapi3filter.RequestValidationInput, answer *http.Response) error {
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: input.Options,
	})
	if err != nil {
		return fmt.Errorf("status %d: %w\n%s", answer.StatusCode, err, body)
	}
	response := input.Route.Operation.Responses.Status(answer.StatusCode)
	if response == nil {
		return fmt.Errorf("status %d is not described", answer.StatusCode)
	}
	if len(response.Value.Content) == 0 && len(body) > 0 && input.Request.Method != http.MethodHead {
		return fmt.Errorf("status %d has a body that is not described: %s", answer.StatusCode, body)
	}
	for _, name := range []string{"X-Request-Id", "Location", "Retry-After", "WWW-Authenticate", "Allow", "Set-Cookie", "Link"} {
		if answer.Header.Get(name) != "" && response.Value.Headers[name] == nil {
			return fmt.Errorf("status %d has the header %s, which is not described", answer.StatusCode, name)
		}
	}
	return nil
}
