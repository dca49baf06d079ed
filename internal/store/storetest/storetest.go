// Package storetest opens the store on a Redis that a test started.
package storetest

import (
	"testing"
	"time"

	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/testenv"
)

// Patience is how long a test waits for Redis: a machine that stands still for a
// moment is no Redis that is away.
const Patience = 20 * time.Second

// Hasty waits no longer than the product does, for tests in which Redis hangs.
func Hasty(c *store.Config) { c.Timeout = store.Defaults().Timeout }

// Open opens the store on a Redis, until the test ends.
func Open(t testing.TB, r *testenv.Redis, change ...func(*store.Config)) *store.Store {
	t.Helper()
	c := store.Defaults()
	c.Timeout = setting.Duration(Patience)
	c.Addresses, c.Username, c.Password = []string{r.Addr}, r.Username, setting.NewSecret(r.Password)
	for _, f := range change {
		f(&c)
	}
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
