package main

import (
	"testing"
	"time"

	"latchkey/internal/store"
)

// openRedis is the embedded Redis, as the product's own store sees it.
func openRedis(t *testing.T, volatile bool) *store.Store {
	t.Helper()
	r, err := startRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c := store.Defaults()
	c.Addresses, c.AllowVolatile = []string{r.Addr()}, volatile
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestRedisPassesTheChecks of the product, which has none that are weaker for it.
func TestRedisPassesTheChecks(t *testing.T) {
	s := openRedis(t, true)
	if err := s.Init(t.Context(), "ring"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), "ring"); err != nil {
		t.Error(err)
	}
	if !s.Volatile() {
		t.Error("it claims to keep something on disk")
	}
	if err := openRedis(t, false).Init(t.Context(), "ring"); err == nil {
		t.Error("it is taken for one that keeps what it is given")
	}
}

// TestRedisForgets what has a time to live.
func TestRedisForgets(t *testing.T) {
	s := openRedis(t, true)
	if err := s.Set(t.Context(), store.Hot("short"), "1", 20*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	late := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := s.Exists(t.Context(), store.Hot("short")).Result()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("a key outlives its time")
		}
	}
}
