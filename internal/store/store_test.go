package store_test

import (
	"errors"
	"testing"

	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/testenv"
)

func open(t *testing.T, r *testenv.Redis) *store.Store {
	t.Helper()
	c := store.Defaults()
	c.Addresses, c.Username, c.Password = []string{r.Addr}, r.Username, setting.NewSecret(r.Password)
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestCheck: nothing is served from a store that is not ready for it.
func TestCheck(t *testing.T) {
	testenv.Need(t, "redis-server")
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s, ctx := open(t, r), t.Context()
	if err := s.Check(ctx, "ring"); !errors.Is(err, store.ErrNotInitialized) {
		t.Errorf("before init: %v", err)
	}
	if err := s.Init(ctx, "ring"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx, "ring"); err != nil {
		t.Errorf("after init: %v", err)
	}
	if err := s.Init(ctx, "ring"); !errors.Is(err, store.ErrInitialized) {
		t.Errorf("a second init: %v", err)
	}
	if err := s.Check(ctx, "another ring"); !errors.Is(err, store.ErrOtherKeyring) {
		t.Errorf("with another keyring: %v", err)
	}
	if _, err := r.Admin(ctx, "FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx, "ring"); !errors.Is(err, store.ErrNotInitialized) {
		t.Errorf("after losing its content: %v", err)
	}
	r.Kill()
	if err := s.Check(ctx, "ring"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without Redis: %v", err)
	}
}

func TestEvictionIsRefused(t *testing.T) {
	testenv.Need(t, "redis-server")
	r := testenv.NewRedis(t, testenv.RedisOptions{Settings: []string{"maxmemory 100mb", "maxmemory-policy volatile-ttl"}})
	s := open(t, r)
	if err := s.Init(t.Context(), "ring"); !errors.Is(err, store.ErrEviction) {
		t.Errorf("init: %v", err)
	}
	if err := s.Check(t.Context(), "ring"); !errors.Is(err, store.ErrEviction) {
		t.Errorf("check: %v", err)
	}
}
