package resetapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// checkedFor is how long the answer of a check is given again.
	checkedFor = 5 * time.Second
	// checkPatience bounds one check.
	checkPatience = 4 * time.Second
)

// Check is one thing that must hold for requests to be served. Its name is
// shown; its error is logged and not shown.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Gauges is told what each check found.
type Gauges interface {
	Ready(check string, ok bool)
}

// Operation serves the private listener: /livez, /readyz and /metrics. Nothing
// on it changes anything or tells about people.
type Operation struct {
	checks  []*watched
	gauges  Gauges
	metrics http.Handler
	logger  *slog.Logger
}

// watched is a check and what it found last.
type watched struct {
	Check

	mu  sync.Mutex
	at  time.Time
	err error
}

// NewOperation returns the private side of the server.
func NewOperation(checks []Check, gauges Gauges, metrics http.Handler, logger *slog.Logger) *Operation {
	o := &Operation{gauges: gauges, metrics: metrics, logger: logger}
	for _, check := range checks {
		o.checks = append(o.checks, &watched{Check: check})
	}
	return o
}

// Handler returns what the private listener serves.
func (o *Operation) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, http.StatusOK, readiness{Status: "alive"})
	})
	mux.HandleFunc("GET /readyz", o.readyz)
	mux.Handle("GET /metrics", o.metrics)
	return mux
}

// Serve listens until the context ends.
func (o *Operation) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: o.Handler(), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(o.logger.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	return nil
}

// readiness is the document of /livez and /readyz.
type readiness struct {
	Status string    `json:"status"`
	Checks []checked `json:"checks,omitempty"`
}

type checked struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}

// readyz makes all checks at once, so that a slow one holds up no other.
func (o *Operation) readyz(w http.ResponseWriter, r *http.Request) {
	document := readiness{Status: "ready", Checks: make([]checked, len(o.checks))}
	var running sync.WaitGroup
	for i, check := range o.checks {
		running.Go(func() {
			document.Checks[i] = checked{Name: check.Name, OK: o.ask(r.Context(), check) == nil}
		})
	}
	running.Wait()
	status := http.StatusOK
	for _, check := range document.Checks {
		if !check.OK {
			status, document.Status = http.StatusServiceUnavailable, "not ready"
		}
	}
	answerHealth(w, status, document)
}

// ask makes a check, or repeats what it found a moment ago. A change is logged.
// Who asks may go away meanwhile: the check goes on for the next.
func (o *Operation) ask(ctx context.Context, w *watched) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.at.IsZero() && time.Since(w.at) < checkedFor {
		return w.err
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkPatience)
	defer cancel()
	before, first := w.err, w.at.IsZero()
	w.err = w.Run(limit)
	w.at = time.Now()
	o.gauges.Ready(w.Name, w.err == nil)
	switch {
	case w.err != nil && (before == nil || first):
		o.logger.WarnContext(ctx, "a check of readiness fails", "check", w.Name, "error", w.err)
	case w.err == nil && before != nil:
		o.logger.InfoContext(ctx, "a check of readiness holds again", "check", w.Name)
	}
	return w.err
}

func answerHealth(w http.ResponseWriter, status int, document readiness) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // the peer went away
}
