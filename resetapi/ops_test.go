package resetapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gauges remembers what it was told.
type gauges struct {
	mu    sync.Mutex
	found map[string]bool
}

func (g *gauges) Ready(check string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.found[check] = ok
}

var noMetrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metrics") })

func ask(t *testing.T, o *Operation, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// TestReadiness: one failing check is enough; its name is shown and its reason
// only logged, once; the answer is at most five seconds old.
func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, told := new(safeLog), &gauges{found: make(map[string]bool)}
		var broken error
		runs := 0
		o := NewOperation([]Check{
			{"redis", func(context.Context) error { runs++; return broken }},
			{"audit", func(context.Context) error { return nil }},
		}, told, noMetrics, slog.New(slog.NewTextHandler(log, nil)))
		want := func(status int, text string) {
			t.Helper()
			if code, body := ask(t, o, http.MethodGet, "/readyz"); code != status || body != text {
				t.Errorf("%d %s, want %d %s", code, body, status, text)
			}
		}
		const good = `{"status":"ready","checks":[{"name":"redis","ok":true},{"name":"audit","ok":true}]}`
		const bad = `{"status":"not ready","checks":[{"name":"redis","ok":false},{"name":"audit","ok":true}]}`
		want(200, good)
		broken = errors.New("the reason")
		want(200, good)
		time.Sleep(checkedFor)
		want(503, bad)
		if told.found["redis"] || !told.found["audit"] {
			t.Errorf("gauges: %v", told.found)
		}
		time.Sleep(checkedFor)
		want(503, bad)
		broken = nil
		time.Sleep(checkedFor)
		want(200, good)
		if runs != 4 {
			t.Errorf("%d runs, want 4", runs)
		}
		if strings.Count(log.String(), "the reason") != 1 || strings.Count(log.String(), "holds again") != 1 {
			t.Errorf("the log is\n%s", log.String())
		}
	})
}

// TestSlowChecksAreCutOff: a check that hangs is a failed one, and holds up
// neither the others nor the answer.
func TestSlowChecksAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		o := NewOperation([]Check{{"one", hang}, {"two", hang}, {"three", func(context.Context) error { return nil }}},
			onlyGauges{}, noMetrics, slog.New(slog.DiscardHandler))
		begun := time.Now()
		code, body := ask(t, o, http.MethodGet, "/readyz")
		if took := time.Since(begun); took > checkedFor || code != 503 || !strings.Contains(body, `"three","ok":true`) {
			t.Errorf("%d %s after %v", code, body, took)
		}
	})
}

type onlyGauges struct{}

func (onlyGauges) Ready(string, bool) {}

func TestPrivatePaths(t *testing.T) {
	o := NewOperation([]Check{{"broken", func(context.Context) error { return errors.New("x") }}}, onlyGauges{}, noMetrics, slog.New(slog.DiscardHandler))
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/livez", 200, `{"status":"alive"}`},
		{"HEAD", "/livez", 200, ""},
		{"GET", "/metrics", 200, "metrics"},
		{"POST", "/metrics", 405, "Method Not Allowed"},
		{"GET", "/", 404, "404 page not found"},
		{"GET", "/api/v1/recoveries/x", 404, "404 page not found"},
		{"GET", "/debug/pprof/", 404, "404 page not found"},
	} {
		status, body := ask(t, o, test.method, test.path)
		if status != test.status || test.method != "HEAD" && body != test.body {
			t.Errorf("%s %s: %d %q", test.method, test.path, status, body)
		}
	}
}

// TestOperationServes on a real listener until it is told to stop.
func TestOperationServes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := NewOperation(nil, onlyGauges{}, noMetrics, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Serve(ctx, listener) }()
	answer, err := http.Get("http://" + listener.Addr().String() + "/readyz")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	answer.Body.Close()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v", err)
	}
}
