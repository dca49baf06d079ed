package block

import (
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

func open(t *testing.T) (*Blocks, *testenv.Redis) {
	t.Helper()
	testenv.Need(t, "redis-server")
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, r)
	return New(s, keyring.Generate()), r
}

// stopped asks by itself.
func stopped(t *testing.T, b *Blocks, directory, person string, begun time.Time) (bool, error) {
	t.Helper()
	batch := b.store.Batch()
	answer := b.Stopped(t.Context(), batch, directory, person, begun)
	batch.Send(t.Context())
	return answer()
}

func subject(age time.Duration) Subject {
	return Subject{Directory: "main", Person: "entryUUID:0b", Recovery: "R1", At: time.Now().Add(-age)}
}

func TestOneLinkBlocksOneAccountOnce(t *testing.T) {
	b, _ := open(t)
	link := b.Link(subject(time.Minute))
	if strings.ContainsAny(link, "/+=?&") || strings.Contains(link, "entryUUID") {
		t.Errorf("link %q", link)
	}
	if _, err := b.Read(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	blocked := func(person string) bool {
		t.Helper()
		is, err := stopped(t, b, "main", person, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if blocked("entryUUID:0b") {
		t.Error("reading a link blocks")
	}
	for want := range 2 {
		s, first, err := b.Block(t.Context(), link)
		if err != nil || first != (want == 0) || s.Recovery != "R1" {
			t.Errorf("block: %+v, %v, %v", s, first, err)
		}
	}
	if !blocked("entryUUID:0b") || blocked("entryUUID:0c") {
		t.Error("the wrong accounts are blocked")
	}
	all, err := b.List(t.Context())
	if err != nil || len(all) != 1 || all[0].Person != "entryUUID:0b" || time.Since(all[0].At) > time.Minute {
		t.Errorf("list: %+v, %v", all, err)
	}
}

func TestLiftingVoidsEarlierLinks(t *testing.T) {
	b, _ := open(t)
	old, other := b.Link(subject(time.Hour)), b.Link(subject(time.Minute))
	if _, _, err := b.Block(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Second)
	if was, err := b.Lift(t.Context(), "main", "entryUUID:0b"); err != nil || !was {
		t.Fatalf("lift: %v, %v", was, err)
	}
	for begun, want := range map[time.Time]bool{time.Now().Add(time.Second): false, before: true} {
		if is, err := stopped(t, b, "main", "entryUUID:0b", begun); err != nil || is != want {
			t.Errorf("begun at %v: stopped %v, %v", begun, is, err)
		}
	}
	for _, link := range []string{old, other} {
		if _, _, err := b.Block(t.Context(), link); !errors.Is(err, ErrLink) {
			t.Errorf("a link from before: %v", err)
		}
	}
	if _, first, err := b.Block(t.Context(), b.Link(subject(-time.Second))); err != nil || !first {
		t.Errorf("a link of a later notice: %v, %v", first, err)
	}
	if was, err := b.Lift(t.Context(), "main", "nobody"); err != nil || was {
		t.Errorf("lift of nobody: %v, %v", was, err)
	}
}

func TestBadLinks(t *testing.T) {
	b, _ := open(t)
	good := b.Link(subject(time.Minute))
	for name, link := range map[string]string{
		"empty": "", "noise": "abc", "no base64": "*", "cut": good[:len(good)-2],
		"changed": good[:40] + swapped(good[40:41]) + good[41:], "too old": b.Link(subject(LinkLifetime + time.Minute)),
		"another keyring": New(b.store, keyring.Generate()).Link(subject(0)),
	} {
		if _, _, err := b.Block(t.Context(), link); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := b.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("blocks: %v, %v", all, err)
	}
}

func swapped(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}

// TestKeysThatAreGone: who is blocked stays blocked when the key that sealed
// the record was retired.
func TestKeysThatAreGone(t *testing.T) {
	b, _ := open(t)
	if err := b.store.HSet(t.Context(), blocksKey(), b.index("main", "p"), "sealed with another key").Err(); err != nil {
		t.Fatal(err)
	}
	if is, err := stopped(t, b, "main", "p", time.Now()); err != nil || !is {
		t.Errorf("blocked: %v, %v", is, err)
	}
	if all, err := b.List(t.Context()); err != nil || len(all) != 1 || all[0] != (Record{}) {
		t.Errorf("list: %+v, %v", all, err)
	}
}

func TestWithoutRedisNobodyKnows(t *testing.T) {
	b, r := open(t)
	link := b.Link(subject(time.Minute))
	r.Kill()
	if _, err := stopped(t, b, "main", "x", time.Now()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("blocked: %v", err)
	}
	if _, _, err := b.Block(t.Context(), link); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("block: %v", err)
	}
}
