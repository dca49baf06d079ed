package freeze

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

func want(t *testing.T, s *Switch, frozen bool, reason string) {
	t.Helper()
	s.forget()
	got, is, err := s.Frozen(t.Context())
	if err != nil || is != frozen || got != reason {
		t.Errorf("frozen %t (%q), %v; want %t (%q)", is, got, err, frozen, reason)
	}
}

// forget lets the next question be asked anew.
func (s *Switch) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Time{}
}

// TestFreezeIsSeenElsewhere: one server freezes and another is frozen.
func TestFreezeIsSeenElsewhere(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	var log bytes.Buffer
	here := New(storetest.Open(t, r), "", slog.New(slog.DiscardHandler))
	there := New(storetest.Open(t, r), "", slog.New(slog.NewTextHandler(&log, nil)))
	want(t, there, false, "")
	if everywhere, err := here.Freeze(t.Context(), Scope{}, "ann", "an attack"); err != nil || !everywhere {
		t.Fatalf("freeze: %t, %v", everywhere, err)
	}
	want(t, there, true, "an attack")
	records, err := there.Status(t.Context())
	if err != nil || len(records) != 1 || records[0].By != "ann" || time.Since(records[0].At) > time.Minute {
		t.Errorf("records %+v, %v", records, err)
	}
	if _, err := here.Unfreeze(t.Context(), Scope{}); err != nil {
		t.Fatal(err)
	}
	want(t, there, false, "")
	if strings.Count(log.String(), "is frozen") != 1 || strings.Count(log.String(), "not frozen any more") != 1 {
		t.Errorf("the log is\n%s", log.String())
	}
}

// TestAnswersAreASecondOld at most, and no older.
func TestAnswersAreASecondOld(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := New(storetest.Open(t, r), "", slog.New(slog.DiscardHandler))
	want(t, s, false, "")
	if _, err := s.Freeze(t.Context(), Scope{}, "", "x"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	asked := time.Now()
	for {
		_, frozen, err := s.Frozen(t.Context())
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("frozen %t, %v after %v", frozen, err, time.Since(asked))
		}
		if frozen {
			break
		}
	}
}

// TestFileWorksWithoutRedis: it freezes, whatever is in it; without it nobody
// knows, which is an error and no answer.
func TestFileWorksWithoutRedis(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	path := filepath.Join(t.TempDir(), "freeze")
	s := New(storetest.Open(t, r), path, slog.New(slog.DiscardHandler))
	want(t, s, false, "")
	r.Kill()
	s.forget()
	if _, _, err := s.Frozen(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without Redis and file: %v", err)
	}
	for text, reason := range map[string]string{"": "", "the reason\nmore": "the reason"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, s, true, reason)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	want(t, s, true, "")
}

// TestFreezeFallsBackToTheFile when Redis is away, and says so.
func TestFreezeFallsBackToTheFile(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	path := filepath.Join(t.TempDir(), "freeze")
	s := New(storetest.Open(t, r), path, slog.New(slog.DiscardHandler))
	r.Kill()
	if everywhere, err := s.Freeze(t.Context(), Scope{}, "ann", "no Redis"); err != nil || everywhere {
		t.Fatalf("freeze: %t, %v", everywhere, err)
	}
	want(t, s, true, "no Redis")
	if _, err := New(s.store, "", s.logger).Freeze(t.Context(), Scope{}, "", ""); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a file: %v", err)
	}
	if _, err := s.Unfreeze(t.Context(), Scope{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("unfreeze without Redis: %v", err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unfreeze(t.Context(), Scope{}); err != nil {
		t.Error(err)
	}
	want(t, s, false, "")
}

// TestBrokenRecordFreezes: when in doubt, nothing goes on.
func TestBrokenRecordFreezes(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := New(storetest.Open(t, r), "", slog.New(slog.DiscardHandler))
	if err := s.store.Set(t.Context(), key(), "{", 0).Err(); err != nil {
		t.Fatal(err)
	}
	want(t, s, true, "the record in Redis cannot be read")
}

// TestOneWhoLeavesSpoilsNothing: a question whose asker went away is answered
// for the others.
func TestOneWhoLeavesSpoilsNothing(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := New(storetest.Open(t, r), "", slog.New(slog.DiscardHandler))
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := s.Frozen(gone); err != nil {
		t.Errorf("gone: %v", err)
	}
}

// TestS74_PartsAreFrozenByThemselves: a channel and a subtree, and nothing else;
// each ends by itself.
func TestS74_PartsAreFrozenByThemselves(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := New(storetest.Open(t, r), "", slog.New(slog.DiscardHandler))
	sms, sales := Scope{Channel: "sms"}, Scope{Under: "ou=Sales,dc=example,dc=test"}
	for _, what := range []Scope{sms, sales} {
		if everywhere, err := s.Freeze(t.Context(), what, "ann", "why"); err != nil || !everywhere {
			t.Fatalf("freeze: %t, %v", everywhere, err)
		}
	}
	parts := func(channel bool, tops ...string) {
		t.Helper()
		want(t, s, false, "")
		by, err := s.FrozenChannel(t.Context(), "sms")
		other, otherErr := s.FrozenChannel(t.Context(), "email")
		under, underErr := s.FrozenSubtrees(t.Context())
		if err := errors.Join(err, otherErr, underErr); err != nil || by != channel || other || !slices.Equal(under, tops) {
			t.Errorf("sms %t, email %t, under %q: %v", by, other, under, err)
		}
	}
	parts(true, sales.Under)
	for _, what := range []Scope{sms, sales} {
		for _, was := range []bool{true, false} {
			if is, err := s.Unfreeze(t.Context(), what); err != nil || is != was {
				t.Errorf("unfreeze %+v: %t, %v", what, is, err)
			}
		}
		if what == sms {
			parts(false, sales.Under)
		}
	}
	parts(false)
	if err := s.store.HSet(t.Context(), partsKey(), "written by a later version", "{}").Err(); err != nil {
		t.Fatal(err)
	}
	want(t, s, true, "")
}
