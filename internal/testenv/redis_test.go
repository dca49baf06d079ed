package testenv_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// What the service does must pass with its rights, and the rest must not.
func TestRedisRights(t *testing.T) {
	s := storetest.Open(t, testenv.NewRedis(t, testenv.RedisOptions{}))
	ctx := t.Context()
	fingerprint := keyring.Generate().Fingerprint()
	if err := s.Init(ctx, fingerprint); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx, fingerprint); err != nil {
		t.Fatal(err)
	}
	key := store.Hot("test")
	script := redis.NewScript(`redis.call('SET', KEYS[1], redis.call('TIME')[1]) return redis.call('GET', KEYS[1])`)
	for name, run := range map[string]func() error{
		"script": func() error { return script.Run(ctx, s, []string{key}).Err() },
		"load":   func() error { return script.Load(ctx, s).Err() },
		"stream": func() error {
			return s.XGroupCreateMkStream(ctx, store.Hot("stream"), "group", "0").Err()
		},
		"scan":  func() error { return s.Scan(ctx, 0, store.CardPattern, 10).Err() },
		"watch": func() error { return s.UniversalClient.Watch(ctx, func(*redis.Tx) error { return nil }, key) },
	} {
		if err := run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, command := range [][]any{
		{"FLUSHALL"},
		{"KEYS", "*"},
		{"CONFIG", "GET", "*"},
		{"GET", "other"},
		{"SCRIPT", "FLUSH"},
		{"ACL", "LIST"},
		{"DEBUG", "SLEEP", "0"},
		{"EVAL", "return redis.call('FLUSHALL')", "0"},
		{"FUNCTION", "FLUSH"},
		{"PUBLISH", "other", "x"},
	} {
		err := s.Do(ctx, command...).Err()
		if err == nil || !strings.Contains(err.Error(), "permission") && !strings.Contains(err.Error(), "can't run this command") {
			t.Errorf("%v: %v, want it to be refused", command, err)
		}
	}
}

func TestRedisKeepsItsData(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, r)
	ctx := t.Context()
	for name, end := range map[string]func(){"stop": r.Stop, "kill": r.Kill} {
		if err := s.Set(ctx, store.Hot(name), "here", 0).Err(); err != nil {
			t.Fatal(err)
		}
		end()
		if err := s.Ping(ctx).Err(); err == nil {
			t.Errorf("after %s: it still answers", name)
		}
		if err := r.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Admin(ctx, "GET", store.Hot(name)); got != "here" || err != nil {
			t.Errorf("after %s: %q, %v", name, got, err)
		}
	}
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	brief, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.Ping(brief).Err(); err == nil {
		t.Error("paused: it still answers")
	}
	if err := r.Continue(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(ctx).Err(); err != nil {
		t.Errorf("continued: %v", err)
	}
}

func TestRedisWithTLS(t *testing.T) {
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := testenv.NewRedis(t, testenv.RedisOptions{TLS: certificates})
	s := storetest.Open(t, r, func(c *store.Config) { c.TLS, c.CAFile = true, certificates.CAFile })
	if err := s.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	untrusting := storetest.Open(t, r, func(c *store.Config) { c.TLS = true })
	if err := untrusting.Ping(t.Context()).Err(); err == nil {
		t.Error("connected to a server whose certificate nobody vouches for")
	}
}
