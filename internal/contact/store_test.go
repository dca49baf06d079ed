package contact

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

func newStore(t *testing.T) (*Store, *testenv.Redis) {
	t.Helper()
	server := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, server)
	return NewStore(s, keyring.Generate()), server
}

func card(person string, contacts ...string) Card {
	c := Card{Directory: "staff", Person: person}
	for _, value := range contacts {
		kind := Mobile
		if strings.Contains(value, "@") {
			kind = Email
		}
		c.Contacts = append(c.Contacts, Contact{Kind: kind, Value: value, Source: Imported, AddedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	}
	return c
}

func TestStore(t *testing.T) {
	s, server := newStore(t)
	ctx := t.Context()
	want := card("entryUUID:01", "alice@example.org", "+491701234567")
	if _, err := s.Get(ctx, "staff", "entryUUID:01"); !errors.Is(err, ErrNoCard) {
		t.Errorf("before: %v", err)
	}
	if err := s.Put(ctx, want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(ctx, "staff", "entryUUID:01")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := s.Get(ctx, "other", "entryUUID:01"); !errors.Is(err, ErrNoCard) {
		t.Errorf("in another directory: %v", err)
	}
	if err := s.Delete(ctx, "staff", "entryUUID:01"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(ctx, "staff", "entryUUID:01"); !errors.Is(err, ErrNoCard) {
		t.Errorf("after: %v", err)
	}
	server.Kill()
	if _, err := s.Get(ctx, "staff", "entryUUID:01"); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrNoCard) {
		t.Errorf("without Redis: %v", err)
	}
}

// Redis alone tells nobody's name and no contact, and hardly how many.
func TestS70_CardsAreSealed(t *testing.T) {
	s, server := newStore(t)
	ctx := t.Context()
	alice, bob := card("entryUUID:a1", "alice@example.org"), card("entryUUID:b0", "barbara@example.org", "+491701234567")
	if err := s.PutAll(ctx, []Card{alice, bob}); err != nil {
		t.Fatal(err)
	}
	a, b := s.key("staff", "entryUUID:a1"), s.key("staff", "entryUUID:b0")
	for _, key := range []string{a, b} {
		value, err := s.store.Get(ctx, key).Result()
		if err != nil || len(value)%cardPadding != 4+12+16 {
			t.Errorf("%d bytes, %v", len(value), err)
		}
		for _, secret := range []string{"alice@", "barbara", "example", "1234567", "staff", "entryUUID"} {
			if strings.Contains(value+key, secret) {
				t.Errorf("Redis holds %q", secret)
			}
		}
	}
	if _, err := server.Admin(ctx, "COPY", b, a, "REPLACE"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, "staff", "entryUUID:a1"); !errors.Is(err, ErrCardUnreadable) || errors.Is(err, ErrNoCard) {
		t.Errorf("moved card: %v, %v", got, err)
	}
	if err := s.Update(ctx, "staff", "entryUUID:a1", func(*Card) error { return nil }); !errors.Is(err, ErrCardUnreadable) {
		t.Errorf("update of a moved card: %v", err)
	}
	var seen []string
	err := s.Each(ctx, func(c Card) error { seen = append(seen, c.Person); return nil })
	if diff := cmp.Diff([]string{"entryUUID:b0"}, seen); !errors.Is(err, ErrCardUnreadable) || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	other := NewStore(s.store, keyring.Generate())
	if _, err := other.open(b, []byte(s.store.Get(ctx, b).Val())); !errors.Is(err, keyring.ErrNotOpened) {
		t.Errorf("with another keyring: %v", err)
	}
}

func TestNewerCardsAreRefused(t *testing.T) {
	s, _ := newStore(t)
	key := s.key("staff", "p")
	sealed := s.keys.Seal(keyring.Contacts, []byte(`{"schema":5,"directory":"staff","person":"p"}`), key)
	if err := s.store.Set(t.Context(), key, sealed, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "staff", "p"); !errors.Is(err, ErrNewerCard) {
		t.Error(err)
	}
}

// A contact that nobody verified is kept and not used, and a binary that does not
// know of such refuses the card instead of using it.
func TestUnverifiedContactsAreNotUsed(t *testing.T) {
	s, _ := newStore(t)
	verified := Card{Directory: "staff", Person: "p", Contacts: []Contact{{Kind: Email, Value: "a@b.example", Source: Synced}}}
	both := verified
	both.Contacts = append(both.Contacts, Contact{Kind: Email, Value: "c@d.example", Source: Synced, Unverified: true})
	if both.Version() != verified.Version() || len(both.Of(Email, time.Now())) != 1 || len(both.Usable(time.Now())) != 1 {
		t.Errorf("%+v is used", both)
	}
	written := verified
	written.Written = []Written{{Attribute: "mobile", Kind: Mobile, Value: "+491701234567", State: Placed}}
	resting := verified
	resting.Contacts = []Contact{{Kind: Email, Value: "a@b.example", Source: Staff, UsableFrom: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	for schema, card := range map[int]Card{1: verified, 2: both, 3: written, 4: resting} {
		key, sealed, err := s.seal(card)
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.keys.Open(keyring.Contacts, sealed, key)
		if err != nil || !strings.HasPrefix(string(text), fmt.Sprintf(`{"schema":%d,`, schema)) {
			t.Errorf("schema %d: %.30s, %v", schema, text, err)
		}
		if got, err := s.open(key, sealed); err != nil || !cmp.Equal(got, card) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestUpdateLosesNothing(t *testing.T) {
	s, _ := newStore(t)
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			err := s.Update(t.Context(), "staff", "p", func(c *Card) error {
				c.Contacts = append(c.Contacts, Contact{Kind: Email, Value: fmt.Sprintf("a%d@example.org", i), Source: Staff})
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, err := s.Get(t.Context(), "staff", "p"); len(got.Contacts) != 5 {
		t.Errorf("%d contacts, %v", len(got.Contacts), err)
	}
	errNo := errors.New("no")
	if err := s.Update(t.Context(), "staff", "p", func(*Card) error { return errNo }); !errors.Is(err, errNo) {
		t.Error(err)
	}
	if err := s.Update(t.Context(), "staff", "p", func(c *Card) error { c.Contacts = nil; return nil }); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), "staff", "p"); !errors.Is(err, ErrNoCard) {
		t.Errorf("without contacts: %v", err)
	}
}

func TestEachSeesAll(t *testing.T) {
	s, _ := newStore(t)
	const people = 2*batch + 7
	var cards []Card
	for i := range people {
		cards = append(cards, card(fmt.Sprint("p", i), "a@example.org"))
	}
	if err := s.PutAll(t.Context(), cards); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for c, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		seen[c.Person]++
	}
	for _, c := range cards {
		if seen[c.Person] != 1 {
			t.Fatalf("%s was seen %d times", c.Person, seen[c.Person])
		}
	}
	for range s.All(t.Context()) {
		break
	}
}
