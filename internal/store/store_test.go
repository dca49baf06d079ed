package store_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// TestCheck: nothing is served from a store that is not ready for it.
func TestCheck(t *testing.T) {
	testenv.Need(t, "redis-server")
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s, ctx := storetest.Open(t, r), t.Context()
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
	s := storetest.Open(t, r)
	if err := s.Init(t.Context(), "ring"); !errors.Is(err, store.ErrEviction) {
		t.Errorf("init: %v", err)
	}
	if err := s.Check(t.Context(), "ring"); !errors.Is(err, store.ErrEviction) {
		t.Errorf("check: %v", err)
	}
}

// TestWhatRedisMustBe: a server that would lose what it is given, or cannot be
// used, is refused, and the refusal says how to mend it.
func TestWhatRedisMustBe(t *testing.T) {
	for name, test := range map[string]struct {
		settings []string
		admin    []string
		want     error
		mend     string
	}{
		"no file": {settings: []string{"appendonly no"}, want: store.ErrVolatile, mend: "appendonly yes"},
		"replica": {admin: []string{"REPLICAOF", "127.0.0.1", "1"}, want: store.ErrReplica, mend: "master"},
		"no time": {admin: []string{"ACL", "SETUSER", "latchkey", "-time", "-xack"}, want: store.ErrCommands, mend: "XACK, TIME"},
		"no set":  {admin: []string{"ACL", "SETUSER", "latchkey", "-set"}, want: store.ErrCommands, mend: "SET"},
		"no eval": {admin: []string{"ACL", "SETUSER", "latchkey", "-eval"}, want: store.ErrCommands, mend: "eval"},
		"no keys": {admin: []string{"ACL", "SETUSER", "latchkey", "resetkeys", "~other:*"}, want: store.ErrCommands, mend: "rights"},
	} {
		t.Run(name, func(t *testing.T) {
			r := testenv.NewRedis(t, testenv.RedisOptions{Settings: test.settings})
			s := storetest.Open(t, r)
			if test.settings == nil {
				if err := s.Init(t.Context(), "ring"); err != nil {
					t.Fatal(err)
				}
				if err := s.Check(t.Context(), "ring"); err != nil {
					t.Fatalf("before: %v", err)
				}
			}
			if test.admin != nil {
				if _, err := r.Admin(t.Context(), test.admin...); err != nil {
					t.Fatal(err)
				}
			}
			err := s.Check(t.Context(), "ring")
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.mend) {
				t.Errorf("%v, want %v with %q", err, test.want, test.mend)
			}
		})
	}
}

// TestAReplicaCanBeRead: what Redis no longer takes does not keep what it holds
// from being shown.
func TestAReplicaCanBeRead(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, r)
	if err := s.CheckReading(t.Context(), "ring"); !errors.Is(err, store.ErrNotInitialized) {
		t.Errorf("before it is initialized: %v", err)
	}
	if err := s.Init(t.Context(), "ring"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Admin(t.Context(), "REPLICAOF", "127.0.0.1", "1"); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckReading(t.Context(), "ring"); err != nil {
		t.Errorf("as a replica: %v", err)
	}
	if err := s.CheckReading(t.Context(), "another ring"); !errors.Is(err, store.ErrOtherKeyring) {
		t.Errorf("with another keyring: %v", err)
	}
}

func TestVolatileIsAllowedWhereSaid(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{Settings: []string{"appendonly no"}})
	s := storetest.Open(t, r, func(c *store.Config) { c.AllowVolatile = true })
	if err := s.Init(t.Context(), "ring"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), "ring"); err != nil || !s.Volatile() {
		t.Errorf("check: %v, volatile %t", err, s.Volatile())
	}
}

// TestARedisThatForgetsIsNoticed: with a default user that is off and has no
// rights, Redis 7.0 drops at a restart whatever scripts wrote. With it goes the
// mark without which nothing is served.
func TestARedisThatForgetsIsNoticed(t *testing.T) {
	testenv.Need(t, "redis-server")
	for rights, want := range map[string]error{"resetkeys -@all": store.ErrNotInitialized, "~* &* +@all": nil} {
		t.Run(rights, func(t *testing.T) {
			r := testenv.NewRedis(t, testenv.RedisOptions{})
			command := append([]string{"ACL", "SETUSER", "default", "off"}, strings.Fields(rights)...)
			for _, c := range [][]string{command, {"CONFIG", "REWRITE"}} {
				if answer, err := r.Admin(t.Context(), c...); err != nil || answer != "OK" {
					t.Fatalf("%v: %s, %v", c, answer, err)
				}
			}
			s := storetest.Open(t, r)
			if err := s.Init(t.Context(), "ring"); err != nil {
				t.Fatal(err)
			}
			r.Stop()
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Check(t.Context(), "ring"); !errors.Is(err, want) {
				t.Errorf("after a restart: %v, want %v", err, want)
			}
		})
	}
}
