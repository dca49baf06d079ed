package benchmark

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, test := range []struct {
		samples []time.Duration
		p       int
		want    time.Duration
	}{
		{nil, 50, 0},
		{hundred[:1], 50, 1},
		{hundred[:1], 99, 1},
		{hundred[:2], 50, 1},
		{hundred[:3], 50, 2},
		{hundred[:10], 99, 10},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
	} {
		if got := percentile(test.samples, test.p); got != test.want {
			t.Errorf("p%d of %d samples is %d, want %d", test.p, len(test.samples), got, test.want)
		}
	}
}

func TestSpreadSorts(t *testing.T) {
	got := spreadOf([]time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond})
	if diff := cmp.Diff(Spread{P50: 2, P99: 3}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMedian(t *testing.T) {
	for want, numbers := range map[float64][]float64{0: nil, 5: {5}, 2: {3, 1, 2}, 2.5: {4, 1, 2, 3}} {
		if got := median(numbers); got != want {
			t.Errorf("the median of %v is %v, want %v", numbers, got, want)
		}
	}
}

func TestRatesOfNothing(t *testing.T) {
	if got := each(10, 0); got != 0 {
		t.Errorf("each of none is %v", got)
	}
	if got := rate(10, 0); got != 0 {
		t.Errorf("a rate without time is %v", got)
	}
	if got := rate(10, 2*time.Second); got != 5 {
		t.Errorf("10 in 2 s are %v a second", got)
	}
}

func TestUsageForOne(t *testing.T) {
	before := usage{latchkey: time.Second, directory: 2 * time.Second, redis: time.Second, generator: time.Second}
	after := usage{latchkey: 2 * time.Second, directory: 2500 * time.Millisecond, redis: time.Second, generator: 4 * time.Second}
	if diff := cmp.Diff(CPU{Latchkey: 10, Directory: 5, Generator: 30}, after.minus(before).each(100)); diff != "" {
		t.Error(diff)
	}
}
