package blackbox

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// ask asks the private listener.
func (s *stack) ask(path string) (int, string) {
	s.t.Helper()
	request, _ := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.private+path, nil)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestHealthAndMetrics: the private listener tells what happened, in numbers and
// without names, and what is missing; the public one has nothing of it.
func TestHealthAndMetrics(t *testing.T) {
	s := start(t, options{limits: roomy(), observed: true})
	c := s.caller().verified("alice")
	c.want(http.StatusOK, c.set(newPassword))
	s.delivered()
	for _, path := range []string{"/livez", "/readyz"} {
		if status, text := s.ask(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	_, metrics := s.ask("/metrics")
	for _, line := range []string{
		`latchkey_recoveries_total{kind="started"} 1`, `latchkey_writes_total{outcome="done"} 1`,
		`latchkey_gates_total{method="email",result="passed"} 1`, "latchkey_deliveries_total{", "latchkey_http_requests_total{", "go_goroutines ",
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	for _, never := range []string{"alice", "home.test", c.id, newPassword} {
		if strings.Contains(metrics, never) {
			t.Errorf("%q is in the metrics", never)
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/"} {
		if b := s.browser().visit(path); b.status != http.StatusNotFound {
			t.Errorf("%s on the public listener: %d", path, b.status)
		}
	}
	s.slapd.Stop()
	eventually(t, "it is not ready without the directory", func() bool {
		status, text := s.ask("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(text, `"directory main"`)
	})
	if status, _ := s.ask("/livez"); status != http.StatusOK {
		t.Errorf("it lives without the directory, and says %d", status)
	}
	if err := s.slapd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is ready again", func() bool { status, _ := s.ask("/readyz"); return status == http.StatusOK })
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}
