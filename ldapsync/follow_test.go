package ldapsync_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/ldapsync"
)

// await waits for what is bound to come.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	const patience = 2 * time.Minute
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func (s *site) follower(keys *keyring.Ring) *ldapsync.Follower {
	c := s.Config
	c.FullEvery = setting.Duration(24 * time.Hour)
	return &ldapsync.Follower{
		Config: c, Rules: s.Rules, Source: ldapsync.NewStream(s.people, c), Cards: s.cards, Store: s.store, Keys: s.keys,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		// Which nobody on a busy machine loses: whoever does begins again.
		Lifetime: 20 * time.Second,
	}
}

// start runs a follower until stop is called, or the test ends.
func start(t testing.TB, f *ldapsync.Follower) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); f.Run(ctx) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func TestFollowOpenLDAP(t *testing.T) {
	s := newSite(t, crowd(50))
	start(t, s.follower(s.keys))
	ledger := ldapsync.NewLedger(s.store, s.keys)
	await(t, "in step", func() bool {
		status, err := ledger.Status(t.Context(), "staff")
		return err == nil && !status.FullAt.IsZero()
	})
	s.want(t, s.id(t, "crowd002"), "sync crowd2@home.example", "sync +4915100000002")
	s.remove(t, "crowd003")
	await(t, "gone", func() bool { return s.total(t) == 98 })
	status, _ := ledger.Status(t.Context(), "staff")
	t.Logf("%+v", status)
}

var _ = store.Hot

// soak reports whether the long run was asked for.
func soak() bool { return os.Getenv("SOAK") == "1" }
