// Package storetest opens the store on a Redis that a test started.
package storetest

import (
	"testing"

	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/testenv"
)

// Open opens the store on a Redis, until the test ends.
func Open(t testing.TB, r *testenv.Redis) *store.Store {
	t.Helper()
	c := store.Defaults()
	c.Addresses, c.Username, c.Password = []string{r.Addr}, r.Username, setting.NewSecret(r.Password)
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
