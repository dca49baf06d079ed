package benchmark

import (
	"fmt"
	"io"
	"strings"
)

// Goals of a synchronization.
const (
	goalStream      = 0.6
	goalSyncMiB     = 100
	goalLatency     = 1000 // ms
	goalSecondStart = 2    // s
)

// WriteMarkdown writes the report as it stands in docs/performance.md.
func (r *SyncReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Measured on %s with %d people: %s, %d processors, Linux %s, %s, slapd %s, Redis %s; load before the run %s.\n\n",
		r.At.Format("2006-01-02 15:04 UTC"), r.People, m.Processor, m.Processors, m.Kernel, m.Go, m.Slapd, m.Redis, m.Load)
	b.WriteString("| what | seconds (each round) | entries /s | of go-ldap's streaming search | its own CPU s | peak RSS MiB |\n|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		name string
		t    Timing
	}{
		{"`ldapsearch` to /dev/null", r.Tool},
		{"go-ldap, streaming search, nothing behind it", r.Library},
		{fmt.Sprintf("go-redis, pipelines of 1000 writes of %d bytes", r.CardBytes), r.Writes},
		{"**`latchkey sync --once`, everything new**", r.Once},
		{"`latchkey sync --once`, nothing new", r.Again},
		{"**`latchkey serve`, first load by following**", r.Serve},
	} {
		fmt.Fprintf(&b, "| %s | %s | %.0f | %.2f | %s | %s |\n", row.name, seconds(row.t.Seconds), row.t.PerSecond, row.t.PerSecond/r.Library.PerSecond, orNone("%.2f", row.t.CPU), orNone("%.0f", row.t.PeakMiB))
	}
	fmt.Fprintf(&b, "\nRedis holds %.0f bytes a person, %d of them the sealed card.\n\n| goal | wanted | measured |\n|---|---|---|\n", r.RedisBytes, r.CardBytes)
	fmt.Fprintf(&b, "| first load by following, of go-ldap's streaming search | ≥ %.1f | %.2f |\n", goalStream, r.Serve.PerSecond/r.Library.PerSecond)
	fmt.Fprintf(&b, "| peak RSS of `latchkey serve` | < %d MiB | %.0f MiB |\n", goalSyncMiB, r.Serve.PeakMiB)
	fmt.Fprintf(&b, "| change → Redis, p50 / p99 of %d | p99 < %d ms | %s ms |\n", r.Changes, goalLatency, r.Latency)
	fmt.Fprintf(&b, "| second start with nothing changed, until in step | < %d s | %.2f s |\n", goalSecondStart, r.SecondStart)
	_, err := io.WriteString(w, b.String())
	return err
}

func seconds(all []float64) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = fmt.Sprintf("%.2f", one)
	}
	return strings.Join(texts, ", ")
}

func orNone(format string, value float64) string {
	if value == 0 {
		return "–"
	}
	return fmt.Sprintf(format, value)
}
