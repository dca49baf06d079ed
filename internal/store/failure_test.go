package store_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// TestFailuresAreTold, and answers that are part of the work are not.
func TestFailuresAreTold(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s, failed := storetest.Open(t, r), 0
	s.OnFailure(func() { failed++ })
	ctx := t.Context()
	if err := s.Get(ctx, store.Hot("nothing")).Err(); err == nil {
		t.Fatal("there is something")
	}
	pipe := s.Pipeline()
	pipe.Get(ctx, store.Hot("nothing"))
	if _, err := pipe.Exec(ctx); err == nil {
		t.Fatal("there is something")
	}
	if err := redis.NewScript("return 1").Run(ctx, s, nil).Err(); err != nil {
		t.Fatal(err)
	}
	if failed != 0 {
		t.Errorf("%d failures of a store that works", failed)
	}
	if err := s.Get(ctx, "not ours").Err(); err == nil || failed != 1 {
		t.Errorf("without the right: %v, %d failures", err, failed)
	}
	r.Kill()
	if err := s.Get(ctx, store.Hot("nothing")).Err(); err == nil || failed != 2 {
		t.Errorf("without Redis: %v, %d failures", err, failed)
	}
	pipe = s.Pipeline()
	pipe.Get(ctx, store.Hot("nothing"))
	if _, err := pipe.Exec(ctx); err == nil || failed != 3 {
		t.Errorf("a pipeline without Redis: %v, %d failures", err, failed)
	}
}
