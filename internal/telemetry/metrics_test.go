package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func use(m *Metrics) {
	m.RecoveryStarted()
	m.RecoveryStarted()
	m.RecoveryDecoy()
	m.Gate("email", true)
	m.Gate("sms", false)
	m.Write("done")
	m.Limited("starts_per_login")
	m.Delivered("code", "email", "sent", 300*time.Millisecond)
	m.Request("/api/v1/recoveries/{id}", "GET", 200, 20*time.Millisecond)
	m.BackendError("redis")
	m.Ready("redis", true)
	m.Ready("audit", false)
	m.Frozen(true)
	m.SMSCost(1.5)
	m.SMSPaused("DE")
	m.Connections(12)
	m.ConnectionRefused("max_connections")
	m.SyncBatch("main", map[string]int64{"written": 2, "rejected": 0}, 3*time.Millisecond)
	m.SyncState("main", true, 1500*time.Millisecond)
	m.SyncState("other", true, time.Second)
	m.SyncShared("main", 3, 1)
	m.SyncShared("other", 3, 1)
	m.SyncState("other", false, 0)
}

// TestMetrics: whatever happened stands in the scrape, by name and label.
func TestMetrics(t *testing.T) {
	m := NewMetrics("v1.2.3")
	m.QueueLength(func(context.Context) (int, error) { return 7, nil })
	m.CertificateExpiry(func() time.Time { return time.Unix(1234, 0) })
	use(m)
	text := scrape(t, m)
	for _, want := range []string{
		`latchkey_recoveries_total{kind="started"} 2`,
		`latchkey_recoveries_total{kind="decoy"} 1`,
		`latchkey_gates_total{method="email",result="passed"} 1`,
		`latchkey_gates_total{method="sms",result="failed"} 1`,
		`latchkey_writes_total{outcome="done"} 1`,
		`latchkey_limited_total{limit="starts_per_login"} 1`,
		`latchkey_deliveries_total{kind="code",method="email",outcome="sent"} 1`,
		`latchkey_delivery_seconds_bucket{method="email",le="0.5"} 1`,
		`latchkey_http_requests_total{method="GET",route="/api/v1/recoveries/{id}",status="200"} 1`,
		`latchkey_http_request_seconds_bucket{method="GET",route="/api/v1/recoveries/{id}",le="0.01"} 0`,
		`latchkey_http_request_seconds_bucket{method="GET",route="/api/v1/recoveries/{id}",le="0.025"} 1`,
		`latchkey_backend_errors_total{backend="redis"} 1`,
		`latchkey_ready{check="redis"} 1`,
		`latchkey_ready{check="audit"} 0`,
		`latchkey_frozen 1`,
		`latchkey_sms_cost_today 1.5`, `latchkey_sms_paused_total{country="DE"} 1`,
		`latchkey_connections 12`,
		`latchkey_connections_refused_total{limit="max_connections"} 1`,
		`latchkey_sync_changes_total{directory="main",kind="written"} 2`,
		`latchkey_sync_batch_seconds_bucket{directory="main",le="0.005"} 1`,
		`latchkey_sync_lag_seconds{directory="main"} 1.5`,
		`latchkey_sync_leader{directory="main"} 1`,
		`latchkey_sync_shared_contacts{directory="main",people="several"} 3`,
		`latchkey_sync_shared_contacts{directory="main",people="many"} 1`,
		`latchkey_sync_leader{directory="other"} 0`,
		`latchkey_delivery_queue_length 7`,
		`latchkey_tls_certificate_expiry_timestamp_seconds 1234`,
		`version="v1.2.3"`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

// TestOnlyTheLeaderTellsTheLag: an old one would stand there for ever.
func TestOnlyTheLeaderTellsTheLag(t *testing.T) {
	m := NewMetrics("v")
	use(m)
	text := scrape(t, m)
	for _, old := range []string{`latchkey_sync_lag_seconds{directory="other"}`, `latchkey_sync_shared_contacts{directory="other"`} {
		if strings.Contains(text, old) {
			t.Errorf("an instance that does not lead tells %s", old)
		}
	}
}

// TestAQueueThatCannotBeAskedHidesNothing: the other metrics are there.
func TestAQueueThatCannotBeAskedHidesNothing(t *testing.T) {
	m := NewMetrics("v")
	m.QueueLength(func(context.Context) (int, error) { return 0, errors.New("away") })
	if text := scrape(t, m); !strings.Contains(text, "latchkey_delivery_queue_length NaN") || !strings.Contains(text, "latchkey_build_info") {
		t.Errorf("scrape:\n%s", text)
	}
}

func TestNilMetricsCountNothing(*testing.T) {
	var none *Metrics
	use(none)
	none.QueueLength(func(context.Context) (int, error) { return 0, nil })
}

// TestLevelChanges: what a level hides is logged once it is changed.
func TestLevelChanges(t *testing.T) {
	var out strings.Builder
	level := new(slog.LevelVar)
	log := NewLogger(&out, level)
	log.Debug("hidden")
	level.Set(Config{Level: "debug"}.Minimum())
	log.Debug("shown")
	if strings.Contains(out.String(), "hidden") || !strings.Contains(out.String(), "shown") {
		t.Errorf("the log is:\n%s", out.String())
	}
	if faults := (Config{Level: "loud"}).Faults(); len(faults) != 1 || Defaults().Faults() != nil {
		t.Errorf("faults: %v", faults)
	}
}
