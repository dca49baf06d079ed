package benchmark

import (
	"fmt"
	"io"
	"strings"

	"latchkey/internal/testenv"
)

// WriteMarkdown writes the report as it stands in docs/performance.md.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	r.setting(&b)
	r.rates(&b)
	r.work(&b)
	r.times(&b)
	r.goals(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) setting(b *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(b, "Measured on %s: %s, %d processors, Linux %s, %s, slapd %s, 389 DS %s, Samba %s, Redis %s; load before the run %s; ",
		r.At.Format("2006-01-02 15:04 UTC"), m.Processor, m.Processors, m.Kernel, m.Go, m.Slapd, m.DS389, m.Samba, m.Redis, m.Load)
	fmt.Fprintf(b, "a write of 4 KiB that lasts takes %.2f ms (p99 %.2f). %d rounds of %g s for each side and row.\n\n", m.Sync.P50, m.Sync.P99, r.Rounds, r.Slice)
	if r.Profiled {
		b.WriteString("**The profiler ran meanwhile**, so the figures of Latchkey are worse than without.\n\n")
	}
	b.WriteString("Not as by default: " + strings.Join(r.Raised, "; ") + ".\n\n")
}

// rates is the comparison.
func (r *Report) rates(b *strings.Builder) {
	b.WriteString("| passwords | gates | in parallel | bare writes /s (p50 / p99 ms) | complete resets /s (p50 / p99 ms) | ratio (by round) |\n|---|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		var rounds []string
		for _, ratio := range row.Ratios {
			rounds = append(rounds, fmt.Sprintf("%.2f", ratio))
		}
		fmt.Fprintf(b, "| %s | %d | %d | %.0f (%s) | %.0f (%s) | **%.2f** (%s) |\n", row.Scheme, row.Gates, row.Parallel,
			row.Raw.PerSecond, row.Raw.All, row.Reset.PerSecond, row.Reset.All, row.Ratio, strings.Join(rounds, ", "))
	}
	b.WriteString("\n")
}

// work is what a reset costs.
func (r *Report) work(b *strings.Builder) {
	b.WriteString("| passwords | gates | in parallel | own CPU ms a reset | directory (bare write) | Redis | load generator (bare write) | Redis: round trips, commands, KiB a reset | peak RSS MiB |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		cpu, bare := row.Reset.CPU, row.Raw.CPU
		fmt.Fprintf(b, "| %s | %d | %d | **%.2f** | %.2f (%.2f) | %.2f | %.2f (%.2f) | %.1f, %.0f, %.1f | %.0f |\n", row.Scheme, row.Gates, row.Parallel,
			cpu.Latchkey, cpu.Directory, bare.Directory, cpu.Redis, cpu.Generator, bare.Generator,
			row.Redis.RoundTrips, row.Redis.Commands, row.Redis.Bytes/1024, row.PeakMiB)
	}
	b.WriteString("\n")
}

// times are the steps.
func (r *Report) times(b *strings.Builder) {
	b.WriteString("p50 / p99 ms of each step; \"code\" is the wait for it after the challenge was answered:\n\n")
	b.WriteString("| passwords | gates | in parallel |")
	for _, step := range steps {
		b.WriteString(" " + step + " |")
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(steps)) + "\n")
	for _, row := range r.Rows {
		fmt.Fprintf(b, "| %s | %d | %d |", row.Scheme, row.Gates, row.Parallel)
		for _, step := range steps {
			fmt.Fprintf(b, " %s |", row.Steps[step])
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// goals holds the figures against what is wanted.
func (r *Report) goals(b *strings.Builder) {
	verified, done := 0, 0
	for _, row := range r.Rows {
		verified += row.Verified
		done += row.Reset.Done
	}
	fmt.Fprintf(b, "%d resets counted; after the rows %d people signed in with their last password.\n\n", done, verified)
	b.WriteString("| goal | wanted | measured |\n|---|---|---|\n")
	lowest := map[string]float64{}
	highestCPU := 0.0
	for _, row := range r.Rows {
		if row.Gates > 1 {
			continue
		}
		if low, ok := lowest[row.Scheme]; (!ok || row.Ratio < low) && (row.Scheme != DS389 || row.Parallel >= 8) {
			lowest[row.Scheme] = row.Ratio
		}
		if row.Scheme == testenv.SchemeSSHA {
			highestCPU = max(highestCPU, row.Reset.CPU.Latchkey)
		}
	}
	fmt.Fprintf(b, "| lowest ratio with {ARGON2} | ≥ %.1f | %.2f |\n", goalArgon2, lowest[testenv.SchemeArgon2])
	fmt.Fprintf(b, "| lowest ratio with {SSHA} | ≥ %.1f | %.2f |\n", goalSSHA, lowest[testenv.SchemeSSHA])
	fmt.Fprintf(b, "| lowest ratio on 389 DS with 8 and more in parallel | ≥ %.2f | %.2f |\n", goal389, lowest[DS389])
	fmt.Fprintf(b, "| highest own CPU a reset with one gate, {SSHA} | ≤ %.1f ms | %.2f ms |\n", goalCPU, highestCPU)
	fmt.Fprintf(b, "| memory when idle | < %d MiB | %.1f MiB |\n", goalIdle, r.Start.IdleMiB)
	fmt.Fprintf(b, "| start to ready, median of %d | < %d ms | %.0f ms |\n", len(r.Start.Ready), goalReady, r.Start.Median)
}

// String is the form in tables.
func (s Spread) String() string { return short(s.P50) + " / " + short(s.P99) }

// short shows three digits at most.
func short(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f", ms)
	default:
		return fmt.Sprintf("%.0f", ms)
	}
}
