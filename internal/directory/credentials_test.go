package directory

import (
	"log/slog"
	"testing"
	"time"

	"latchkey/internal/setting"
)

func TestF11_APasswordIsTriedOnceInHalfAMinute(t *testing.T) {
	fresh, before := setting.NewSecret("fresh"), setting.NewSecret("before")
	c := newCredentials(Config{BindPassword: fresh, BindPasswordOld: before}, slog.New(slog.DiscardHandler))
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var here, there server
	want := func(s *server, after time.Duration, want setting.Secret) {
		t.Helper()
		if got, ok := c.next(s, now.Add(after)); got != want || ok != (want != setting.Secret{}) {
			t.Errorf("after %s: %q, want %q", after, got.Reveal(), want.Reveal())
		}
	}
	want(&here, 0, fresh)
	c.refuse(&here, fresh, now)
	want(&here, 0, before)
	want(&there, 0, fresh)
	c.accept(&here, before)
	want(&here, 29*time.Second, before)
	want(&here, 30*time.Second, fresh)
	c.refuse(&here, fresh, now.Add(30*time.Second))
	// The password that held is refused: now the other one may hold.
	c.refuse(&here, before, now.Add(31*time.Second))
	want(&here, 31*time.Second, fresh)
	c.refuse(&here, fresh, now.Add(31*time.Second))
	want(&here, 32*time.Second, setting.Secret{})
	c.refuse(&here, before, now.Add(33*time.Second))
	want(&here, 33*time.Second, setting.Secret{})
}
