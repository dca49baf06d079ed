package testenv

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
)

// SMSBehavior is how an SMS gateway treats requests that come after it was set.
type SMSBehavior struct {
	// Status is what it answers; 0 means 200. Below 300 it takes the message.
	Status int
	// Body is the text of the answer.
	Body string
	// Silent takes the message and never answers.
	Silent bool
	// Location goes into the header of the answer.
	Location string
}

// SMSRequest is one request that came to an SMS gateway.
type SMSRequest struct {
	Method string
	URL    *url.URL
	Header http.Header
	Body   string
	// To and Text are the message, from a body of JSON, of a form, or from the
	// query.
	To, Text string
	// Accepted says that the gateway took the message, and charges for it.
	Accepted bool
}

// SMSOptions change how an SMS gateway is started.
type SMSOptions struct {
	// Certificates make it speak TLS.
	Certificates *Certificates
	// OnMessage is called with every message that was accepted.
	OnMessage func(SMSRequest)
}

// SMSGateway stands in for a provider of SMS on the loopback: an HTTP server
// that keeps what it is sent.
type SMSGateway struct {
	// URL is where messages are sent to.
	URL string

	onMessage func(SMSRequest)
	server    *httptest.Server
	stopped   chan struct{}

	mu       sync.Mutex
	behavior SMSBehavior
	requests []SMSRequest
	changed  chan struct{}
}

// StartSMSGateway starts a gateway.
func StartSMSGateway(options SMSOptions) (*SMSGateway, error) {
	g := &SMSGateway{onMessage: options.OnMessage, changed: make(chan struct{}), stopped: make(chan struct{})}
	g.server = httptest.NewUnstartedServer(g)
	if options.Certificates == nil {
		g.server.Start()
	} else {
		pair, err := tls.LoadX509KeyPair(options.Certificates.CertFile, options.Certificates.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the SMS gateway's certificate: %w", err)
		}
		g.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		g.server.StartTLS()
	}
	g.URL = g.server.URL + "/messages"
	return g, nil
}

// NewSMSGateway starts a gateway for a test and stops it with the test.
func NewSMSGateway(tb TB, options SMSOptions) *SMSGateway {
	tb.Helper()
	g, err := StartSMSGateway(options)
	if err != nil {
		tb.Fatalf("start the SMS gateway: %v", err)
	}
	tb.Cleanup(g.Stop)
	return g
}

// Stop ends the gateway and all its connections.
func (g *SMSGateway) Stop() {
	close(g.stopped)
	g.server.CloseClientConnections()
	g.server.Close()
}

// Behave changes the behavior from now on.
func (g *SMSGateway) Behave(b SMSBehavior) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.behavior = b
}

// Requests returns all that came so far.
func (g *SMSGateway) Requests() []SMSRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

// Await returns the first accepted message that matches, as soon as there is
// one.
func (g *SMSGateway) Await(ctx context.Context, match func(SMSRequest) bool) (SMSRequest, error) {
	for seen := 0; ; {
		g.mu.Lock()
		requests, changed := g.requests, g.changed
		g.mu.Unlock()
		for ; seen < len(requests); seen++ {
			if requests[seen].Accepted && match(requests[seen]) {
				return requests[seen], nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return SMSRequest{}, fmt.Errorf("no such SMS among the %d requests that came: %w", seen, ctx.Err())
		}
	}
}

// ServeHTTP takes a request.
func (g *SMSGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	g.mu.Lock()
	behavior := g.behavior
	status := cmp.Or(behavior.Status, http.StatusOK)
	request := SMSRequest{Method: r.Method, URL: r.URL, Header: r.Header.Clone(), Body: string(body), Accepted: status < http.StatusMultipleChoices}
	request.read()
	g.requests = append(g.requests, request)
	close(g.changed)
	g.changed = make(chan struct{})
	g.mu.Unlock()
	if request.Accepted && g.onMessage != nil {
		g.onMessage(request)
	}
	if behavior.Silent {
		select {
		case <-r.Context().Done():
		case <-g.stopped:
		}
		return
	}
	if behavior.Location != "" {
		w.Header().Set("Location", behavior.Location)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, behavior.Body)
}

// read finds the message in whatever form it came.
func (r *SMSRequest) read() {
	var message struct{ To, Text string }
	if json.Unmarshal([]byte(r.Body), &message) == nil {
		r.To, r.Text = message.To, message.Text
		return
	}
	form := r.URL.Query()
	if values, err := url.ParseQuery(r.Body); err == nil && values.Has("to") {
		form = values
	}
	r.To, r.Text = form.Get("to"), form.Get("text")
}
