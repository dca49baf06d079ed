package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// TestWatch: what is lost while serving is told once, and so is its return.
func TestWatch(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, r)
	if err := s.Init(t.Context(), "ring"); err != nil {
		t.Fatal(err)
	}
	reports := make(chan error, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Watch(ctx, "ring", 5*time.Millisecond, func(err error) { reports <- err })
	}()
	defer func() { cancel(); <-ended }()
	admin := func(args ...string) {
		t.Helper()
		if _, err := r.Admin(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	next := func(want error) {
		t.Helper()
		select {
		case err := <-reports:
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Fatalf("reported %v, want %v", err, want)
			}
			if healthy := s.Healthy(); !errors.Is(healthy, want) || want == nil && healthy != nil {
				t.Fatalf("healthy says %v, want %v", healthy, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing is reported, want %v", want)
		}
	}
	admin("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	next(store.ErrEviction)
	admin("CONFIG", "SET", "maxmemory-policy", "noeviction")
	next(nil)
	admin("REPLICAOF", "127.0.0.1", "1")
	next(store.ErrReplica)
	admin("REPLICAOF", "NO", "ONE")
	next(nil)
	admin("CONFIG", "SET", "maxmemory", "1mb")
	next(store.ErrUnavailable)
	admin("CONFIG", "SET", "maxmemory", "0")
	next(nil)
	admin("FLUSHALL")
	next(store.ErrNotInitialized)
	r.Kill()
	next(store.ErrUnavailable)
}
