package benchmark

import (
	"slices"
	"time"
)

// Spread tells how long something took, in milliseconds.
type Spread struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

// spreadOf sorts the samples.
func spreadOf(samples []time.Duration) Spread {
	slices.Sort(samples)
	return Spread{P50: milliseconds(percentile(samples, 50)), P99: milliseconds(percentile(samples, 99))}
}

// percentile is the smallest sample that p percent do not exceed (nearest
// rank); the samples are sorted.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

// median of numbers; zero of none.
func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// each is an amount for one of so many; zero for none.
func each(amount float64, of int) float64 {
	if of == 0 {
		return 0
	}
	return amount / float64(of)
}

// rate is how many there were in a second.
func rate(count int, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(count) / took.Seconds()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
