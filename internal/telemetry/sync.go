package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// syncMetrics are those of the synchronization, by the directory's name.
type syncMetrics struct {
	changes *prometheus.CounterVec
	writing *prometheus.HistogramVec
	lag     *prometheus.GaugeVec
	leader  *prometheus.GaugeVec
	shared  *prometheus.GaugeVec

	wroteBack   *prometheus.CounterVec
	waiting     *prometheus.GaugeVec
	writeLeader *prometheus.GaugeVec
}

func newSyncMetrics() syncMetrics {
	return syncMetrics{
		changes: counters("sync_changes_total", "What came of changes in the directory, by kind.", "directory", "kind"),
		writing: histograms("sync_batch_seconds", "How long it took to write a batch of changes.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}, "directory"),
		lag:    gauges("sync_lag_seconds", "How long ago contacts were last known to be as in the directory. Only the leader tells.", "directory"),
		leader: gauges("sync_leader", "1 where this instance leads the synchronization.", "directory"),
		shared: gauges("sync_shared_contacts", "Contacts that several people, or many, had when everyone was read last. Only the leader tells.", "directory", "people"),

		wroteBack:   counters("write_back_total", "Contacts that were to be written into the directory or taken away there, by outcome.", "directory", "outcome"),
		waiting:     gauges("write_back_waiting", "People whose contacts wait to be written into the directory. Only the leader tells.", "directory"),
		writeLeader: gauges("write_back_leader", "1 where this instance writes contacts into the directory.", "directory"),
	}
}

func (m syncMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.changes, m.writing, m.lag, m.leader, m.shared, m.wroteBack, m.waiting, m.writeLeader}
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// SyncBatch counts what a batch of changes brought.
func (m *Metrics) SyncBatch(directory string, changes map[string]int64, took time.Duration) {
	if m == nil {
		return
	}
	for kind, n := range changes {
		if n > 0 {
			m.sync.changes.WithLabelValues(directory, kind).Add(float64(n))
		}
	}
	m.sync.writing.WithLabelValues(directory).Observe(took.Seconds())
}

// SyncState notes whether this instance leads, and how far behind it is.
func (m *Metrics) SyncState(directory string, leads bool, lag time.Duration) {
	if m == nil {
		return
	}
	m.sync.leader.WithLabelValues(directory).Set(number(leads))
	if !leads {
		m.sync.lag.DeleteLabelValues(directory)
		m.sync.shared.DeletePartialMatch(prometheus.Labels{"directory": directory})
		return
	}
	m.sync.lag.WithLabelValues(directory).Set(lag.Seconds())
}

// SyncShared notes how many contacts several people have, and how many of them
// more than five.
func (m *Metrics) SyncShared(directory string, several, many int) {
	if m == nil {
		return
	}
	m.sync.shared.WithLabelValues(directory, "several").Set(float64(several))
	m.sync.shared.WithLabelValues(directory, "many").Set(float64(many))
}

// WroteBack counts what became of a contact that was to be written into the
// directory, or taken away there.
func (m *Metrics) WroteBack(directory, outcome string) {
	if m != nil {
		m.sync.wroteBack.WithLabelValues(directory, outcome).Inc()
	}
}

// WriteBackState notes whether this instance writes contacts back, and how many
// people wait for it.
func (m *Metrics) WriteBackState(directory string, leads bool, waiting int64) {
	if m == nil {
		return
	}
	m.sync.writeLeader.WithLabelValues(directory).Set(number(leads))
	if !leads {
		m.sync.waiting.DeleteLabelValues(directory)
		return
	}
	m.sync.waiting.WithLabelValues(directory).Set(float64(waiting))
}
