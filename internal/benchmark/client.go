package benchmark

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// The steps of a reset, as they are told in the report.
const (
	stepStart     = "start"
	stepChallenge = "challenge"
	stepCode      = "code"
	stepProof     = "proof"
	stepPassword  = "password"
	stepAll       = "all"
)

// steps are all of them in their order. Code is the wait for it after the
// challenge was answered; all is the whole reset.
var steps = []string{stepStart, stepChallenge, stepCode, stepProof, stepPassword, stepAll}

// laps are how long the steps of one operation took; with two gates a step may
// come twice.
type laps []lap

type lap struct {
	step string
	took time.Duration
}

// api is a client of the HTTP API for many workers.
type api struct {
	http  *http.Client
	base  string
	inbox *inbox
}

func newAPI(base string, parallel int, inbox *inbox) *api {
	return &api{base: base + "/api/v1/recoveries", inbox: inbox, http: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConns: parallel, MaxIdleConnsPerHost: parallel, MaxConnsPerHost: parallel, DisableCompression: true},
	}}
}

func (a *api) close() { a.http.CloseIdleConnections() }

// document is what is read of an answer.
type document struct {
	ID        string `json:"id"`
	Token     string `json:"token"`
	State     string `json:"state"`
	GatesLeft int    `json:"gates_left"`
}

// reset is one complete reset of a person to a new password.
func (a *api) reset(ctx context.Context, p *person) (laps, error) {
	r := &reset{api: a, begun: time.Now()}
	d := r.call(ctx, stepStart, http.MethodPost, "", map[string]string{"login": p.uid})
	r.path, r.token = "/"+d.ID, d.Token
	for _, gate := range []struct{ method, to string }{{"email", p.email}, {"sms", p.mobile}}[:p.gates] {
		waits := a.inbox.expect(gate.method, gate.to)
		r.call(ctx, stepChallenge, http.MethodPost, "/challenges", map[string]string{"method": gate.method})
		code := r.await(ctx, waits)
		d = r.call(ctx, stepProof, http.MethodPost, "/proofs", map[string]string{"method": gate.method, "code": code})
		r.token = d.Token
	}
	password := freshPassword()
	d = r.call(ctx, stepPassword, http.MethodPut, "/password", map[string]string{"password": password})
	if r.err == nil && d.State != "done" {
		r.err = fmt.Errorf("the reset ended in the state %q", d.State)
	}
	if r.err != nil {
		return nil, r.err
	}
	p.password = password
	return append(r.laps, lap{stepAll, time.Since(r.begun)}), nil
}

// reset is one reset under way. After an error nothing more is called.
type reset struct {
	*api
	begun       time.Time
	path, token string
	laps        laps
	err         error
}

// await waits for a code.
func (r *reset) await(ctx context.Context, code <-chan string) string {
	if r.err != nil {
		return ""
	}
	begun := time.Now()
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	select {
	case text := <-code:
		r.laps = append(r.laps, lap{stepCode, time.Since(begun)})
		return text
	case <-patience.C:
		r.err = fmt.Errorf("no code came")
	case <-ctx.Done():
		r.err = context.Cause(ctx)
	}
	return ""
}

// call makes one request and takes its time.
func (r *reset) call(ctx context.Context, step, method, path string, body map[string]string) (d document) {
	if r.err != nil {
		return d
	}
	begun := time.Now()
	defer func() { r.laps = append(r.laps, lap{step, time.Since(begun)}) }()
	var text []byte
	if text, r.err = json.Marshal(body); r.err != nil {
		return d
	}
	request, err := http.NewRequestWithContext(ctx, method, r.base+r.path+path, bytes.NewReader(text))
	if err != nil {
		r.err = err
		return d
	}
	request.Header.Set("Content-Type", "application/json")
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	answer, err := r.http.Do(request)
	if err != nil {
		r.err = err
		return d
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		r.err = err
	case answer.StatusCode >= http.StatusBadRequest:
		r.err = fmt.Errorf("%s: status %d: %s", step, answer.StatusCode, said)
	default:
		r.err = json.Unmarshal(said, &d)
	}
	return d
}
