package telemetry

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what happens, for Prometheus. It has a registry of its own.
// No label ever holds what a person typed, or anything about one person. All
// methods may be called on a nil Metrics, which counts nothing.
type Metrics struct {
	registry   *prometheus.Registry
	recoveries *prometheus.CounterVec
	gates      *prometheus.CounterVec
	writes     *prometheus.CounterVec
	unlocks    *prometheus.CounterVec
	changes    *prometheus.CounterVec
	limited    *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	delivering *prometheus.HistogramVec
	requests   *prometheus.CounterVec
	answering  *prometheus.HistogramVec
	failures   *prometheus.CounterVec
	ready      *prometheus.GaugeVec
	frozen     prometheus.Gauge
	open       prometheus.Gauge
	refused    *prometheus.CounterVec
	smsCost    prometheus.Gauge
	smsPaused  *prometheus.CounterVec
	disowned   prometheus.Counter
	sync       syncMetrics
}

// NewMetrics returns metrics of the program in a version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		recoveries: counters("recoveries_total", "Recoveries by kind: started by anyone, decoy for a login that does not exist or may not reset.",
			"kind"),
		gates:      counters("gates_total", "Codes and other proofs that were compared, by method and result.", "method", "result"),
		writes:     counters("writes_total", "Password writes by outcome.", "outcome"),
		unlocks:    counters("unlocks_total", "Accounts that were to be unlocked without a new password, by outcome.", "outcome"),
		changes:    counters("changes_total", "Changes of a known password by outcome: wrong where the login or the password was not right.", "outcome"),
		limited:    counters("limited_total", "Requests and messages that a limit refused, by the limit's name.", "limit"),
		deliveries: counters("deliveries_total", "Attempts to send a message, by kind, method and outcome.", "kind", "method", "outcome"),
		delivering: histograms("delivery_seconds", "How long an attempt to send a message took.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "method"),
		requests: counters("http_requests_total", "HTTP requests by the pattern of the route, method and status.", "route", "method", "status"),
		answering: histograms("http_request_seconds", "How long HTTP requests took.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "route", "method"),
		failures:  counters("backend_errors_total", "Errors of what Latchkey relies on: redis, and each directory by name.", "backend"),
		ready:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "ready", Help: "1 for each check of /readyz that holds."}, []string{"check"}),
		frozen:    prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "frozen", Help: "1 while self-service is frozen."}),
		open:      prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "connections", Help: "Open connections of the public listener."}),
		refused:   counters("connections_refused_total", "Connections that were closed unread, by the limit's name.", "limit"),
		smsCost:   prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "sms_cost_today", Help: "What SMS cost today (UTC), in the configured currency, when the last one was sent."}),
		disowned:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "disowned_total", Help: "Accounts whose holder said that a reset was not theirs, so that self-service was stopped."}),
		smsPaused: counters("sms_paused_total", "Prefixes of numbers that began to pause because hardly any code was entered, by country.", "country"),
		sync:      newSyncMetrics(),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels tell what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.recoveries, m.gates, m.writes, m.unlocks, m.changes, m.limited, m.deliveries, m.delivering,
		m.requests, m.answering, m.failures, m.ready, m.frozen, m.open, m.refused, m.smsCost, m.smsPaused, m.disowned, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.sync.all()...)
	return m
}

const namespace = "latchkey"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Handler answers with all metrics in the form of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// RecoveryStarted counts a recovery that someone began.
func (m *Metrics) RecoveryStarted() { m.recovery("started") }

// RecoveryDecoy counts a recovery that the look-up made a decoy.
func (m *Metrics) RecoveryDecoy() { m.recovery("decoy") }

func (m *Metrics) recovery(kind string) {
	if m != nil {
		m.recoveries.WithLabelValues(kind).Inc()
	}
}

// Gate counts a proof that was compared.
func (m *Metrics) Gate(method string, passed bool) {
	if m == nil {
		return
	}
	result := "failed"
	if passed {
		result = "passed"
	}
	m.gates.WithLabelValues(method, result).Inc()
}

// Write counts a password write by its outcome: done, refused, not_allowed,
// unavailable, unknown.
func (m *Metrics) Write(outcome string) {
	if m != nil {
		m.writes.WithLabelValues(outcome).Inc()
	}
}

// Unlock counts an account that was to be unlocked, by the outcomes of a write.
func (m *Metrics) Unlock(outcome string) {
	if m != nil {
		m.unlocks.WithLabelValues(outcome).Inc()
	}
}

// Change counts a change of a known password by its outcome.
func (m *Metrics) Change(outcome string) {
	if m != nil {
		m.changes.WithLabelValues(outcome).Inc()
	}
}

// Disowned counts an account whose holder said that a reset was not theirs.
func (m *Metrics) Disowned() {
	if m != nil {
		m.disowned.Inc()
	}
}

// Limited counts what a limit refused, by the limit's name in the configuration.
func (m *Metrics) Limited(name string) {
	if m != nil {
		m.limited.WithLabelValues(name).Inc()
	}
}

// Delivered counts an attempt to send a message.
func (m *Metrics) Delivered(kind, method, outcome string, took time.Duration) {
	if m != nil {
		m.deliveries.WithLabelValues(kind, method, outcome).Inc()
		m.delivering.WithLabelValues(method).Observe(took.Seconds())
	}
}

// Request counts an HTTP request. The route is its pattern, never the path, and
// the method one that HTTP knows: both bound how many series there are.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	if m != nil {
		m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
		m.answering.WithLabelValues(route, method).Observe(took.Seconds())
	}
}

// BackendError counts an error of Redis or of a directory.
func (m *Metrics) BackendError(backend string) {
	if m != nil {
		m.failures.WithLabelValues(backend).Inc()
	}
}

// Ready notes what a check of /readyz found.
func (m *Metrics) Ready(check string, ok bool) {
	if m != nil {
		m.ready.WithLabelValues(check).Set(number(ok))
	}
}

// Connections notes how many connections the public listener holds.
func (m *Metrics) Connections(open int) {
	if m != nil {
		m.open.Set(float64(open))
	}
}

// ConnectionRefused counts a connection that a limit refused.
func (m *Metrics) ConnectionRefused(limit string) {
	if m != nil {
		m.refused.WithLabelValues(limit).Inc()
	}
}

// SMSCost notes what SMS cost today.
func (m *Metrics) SMSCost(spent float64) {
	if m != nil {
		m.smsCost.Set(spent)
	}
}

// SMSPaused counts a prefix that began to pause.
func (m *Metrics) SMSPaused(country string) {
	if m != nil {
		m.smsPaused.WithLabelValues(country).Inc()
	}
}

// Frozen notes whether self-service is frozen.
func (m *Metrics) Frozen(frozen bool) {
	if m != nil {
		m.frozen.Set(number(frozen))
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// QueueLength adds the length of the delivery queue, asked for at each scrape.
// When it cannot be asked, the value is NaN.
func (m *Metrics) QueueLength(length func(context.Context) (int, error)) {
	m.gauge("delivery_queue_length", "Messages that wait to be sent.", func(ctx context.Context) (float64, error) {
		n, err := length(ctx)
		return float64(n), err
	})
}

// CertificateExpiry adds the end of the server certificate's validity.
func (m *Metrics) CertificateExpiry(end func() time.Time) {
	m.gauge("tls_certificate_expiry_timestamp_seconds", "When the certificate of the public listener expires, in Unix time.",
		func(context.Context) (float64, error) { return float64(end().Unix()), nil })
}
