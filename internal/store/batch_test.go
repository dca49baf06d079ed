package store_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// TestABatch: questions share a round trip, scripts that the server has forgotten
// are sent whole, and without Redis no answer looks like one.
func TestABatch(t *testing.T) {
	testenv.Need(t, "redis-server")
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s, ctx := storetest.Open(t, r), t.Context()
	count := redis.NewScript(`return redis.call('INCR', KEYS[1])`)
	key, other := store.Hot("batch"), store.Hot("other")
	ask := func() (n int64, err error, set bool, setErr error) {
		b := s.Batch()
		counted, exists := b.Script(ctx, count, []string{key}), b.Commands().HExists(ctx, other, "f")
		b.Send(ctx)
		n, err = counted.Int64()
		set, setErr = exists.Result()
		return n, err, set, setErr
	}
	for want := range int64(3) {
		if want == 2 {
			if _, err := r.Admin(ctx, "SCRIPT", "FLUSH"); err != nil {
				t.Fatal(err)
			}
		}
		if n, err, set, setErr := ask(); n != want+1 || err != nil || set || setErr != nil {
			t.Errorf("number %d: %d, %v; %v, %v", want+1, n, err, set, setErr)
		}
	}
	if before, after := reads(t, r), reads(t, r); after-before != 3 {
		t.Fatalf("a question of the test costs %d reads", after-before)
	}
	before := reads(t, r)
	ask()
	if after := reads(t, r); after-before != 4 {
		t.Errorf("a batch costs %d round trips", after-before-3)
	}
	s.Batch().Send(ctx) // asks nothing, and does not fail
	r.Kill()
	if _, err, _, setErr := ask(); err == nil || setErr == nil {
		t.Errorf("without Redis: %v, %v", err, setErr)
	}
}

// reads is how often Redis has read from a socket.
func reads(t *testing.T, r *testenv.Redis) int {
	t.Helper()
	text, err := r.Admin(t.Context(), "INFO", "stats")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "total_reads_processed:"); ok {
			n := 0
			for _, digit := range count {
				n = n*10 + int(digit-'0')
			}
			return n
		}
	}
	t.Fatal("INFO does not tell")
	return 0
}
