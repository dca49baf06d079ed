package ratelimit

import (
	"testing"
	"time"
)

// TestDecisionsTellTheTime: whoever took a budget need not ask for the store's
// time again, whether it was given or refused.
func TestDecisionsTellTheTime(t *testing.T) {
	l, forward := turned(t, map[string]Limit{"a": {[]Rate{{1, time.Minute}}}, "free": {}})
	begun := time.Unix(1_800_000_000, 0)
	for i, allowed := range []bool{true, false} {
		d, err := l.Take(t.Context(), Budget{"a", "x"})
		if want := begun.Add(time.Duration(i) * time.Second); err != nil || d.Allowed != allowed || !d.At.Equal(want) {
			t.Errorf("take %d: %+v, %v; want the time %v", i, d, err, want)
		}
		forward(time.Second)
	}
	if d, err := l.Take(t.Context(), Budget{"free", "x"}); err != nil || !d.Allowed || !d.At.IsZero() {
		t.Errorf("a limit without rates: %+v, %v", d, err)
	}
}
