package store_test

import (
	"errors"
	"testing"
	"time"

	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// One holds a lease at a time; the number grows with each, also after Redis
// lost the last one, and who was replaced can neither keep nor end it.
func TestLease(t *testing.T) {
	s := storetest.Open(t, testenv.NewRedis(t, testenv.RedisOptions{}))
	ctx, long := t.Context(), time.Minute
	first, err := s.TakeLease(ctx, "work", long)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.TakeLease(ctx, "work", long); !errors.Is(err, store.ErrLeaseHeld) {
		t.Errorf("taken twice: %v", err)
	}
	if _, err := s.TakeLease(ctx, "other work", long); err != nil {
		t.Errorf("other work: %v", err)
	}
	if err := s.KeepLease(ctx, "work", first, long); err != nil {
		t.Errorf("kept: %v", err)
	}
	if err := s.EndLease(ctx, "work", first); err != nil {
		t.Fatal(err)
	}
	second, err := s.TakeLease(ctx, "work", long)
	if err != nil || second <= first {
		t.Fatalf("%d after %d: %v", second, first, err)
	}
	if err := s.KeepLease(ctx, "work", first, long); !errors.Is(err, store.ErrFenced) {
		t.Errorf("kept by who was replaced: %v", err)
	}
	if err := s.EndLease(ctx, "work", first); err != nil {
		t.Error(err)
	}
	if held, err := s.LeaseHeld(ctx, "work"); err != nil || !held {
		t.Errorf("ended by who was replaced: %v", err)
	}
	if err := s.Del(ctx, store.LeaseKey("work"), store.FenceKey("work")).Err(); err != nil {
		t.Fatal(err)
	}
	if third, err := s.TakeLease(ctx, "work", long); err != nil || third <= second {
		t.Errorf("%d after %d was lost: %v", third, second, err)
	}
}

// Cards and marks change together and only for the latest holder; a card that
// somebody else changed is told and left alone.
func TestMembers(t *testing.T) {
	s := storetest.Open(t, testenv.NewRedis(t, testenv.RedisOptions{}))
	ctx := t.Context()
	change := func(m *store.Members, pass int64, c ...store.CardChange) []bool {
		t.Helper()
		done, err := m.Change(ctx, pass, c)
		if errors.Is(err, store.ErrAgain) {
			done, err = m.Change(ctx, pass, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	wantCount := func(m *store.Members, pass int64, older, all int) {
		t.Helper()
		if o, a, err := m.Count(ctx, pass); err != nil || o != older || a != all {
			t.Errorf("%d of %d, %v; want %d of %d", o, a, err, older, all)
		}
	}
	old := s.Members("dir", 1)
	change(old, 1, store.CardChange{Index: "a", Write: true, New: []byte("1"), Mark: store.Enter},
		store.CardChange{Index: "b", Write: true, New: []byte("1"), Mark: store.Enter}, store.CardChange{Index: "c", Mark: store.Keep})
	wantCount(old, 1, 0, 2)
	done := change(old, 2, store.CardChange{Index: "a", Write: true, Old: []byte("0"), New: []byte("2"), Mark: store.Enter}, store.CardChange{Index: "b", Mark: store.Keep})
	if done[0] || !done[1] {
		t.Errorf("done: %v", done)
	}
	wantCount(old, 2, 1, 2)
	current := s.Members("dir", 2)
	if err := current.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	if err := old.Claim(ctx); !errors.Is(err, store.ErrFenced) {
		t.Errorf("claimed by who was replaced: %v", err)
	}
	if _, err := old.Change(ctx, 3, []store.CardChange{{Index: "a", Write: true, Old: []byte("1")}}); !errors.Is(err, store.ErrFenced) {
		t.Errorf("written by who was replaced: %v", err)
	}
	change(current, 3, store.CardChange{Index: "a", Write: true, Old: []byte("1"), Mark: store.Leave})
	wantCount(current, 3, 1, 1)
	values, err := current.Cards(ctx, []string{"a", "b"})
	if err != nil || values[0] != nil || string(values[1]) != "1" {
		t.Errorf("%q, %v", values, err)
	}
	wantCount(s.Members("other", 1), 3, 0, 0)
}
