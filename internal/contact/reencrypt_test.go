package contact_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// rotated returns n cards sealed with version 1 of a keyring that has two.
func rotated(t *testing.T, n int) (*contact.Store, *store.Store, *keyring.Ring) {
	t.Helper()
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, r)
	path := filepath.Join(t.TempDir(), "keys")
	keys, err := keyring.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	cards := contact.NewStore(s, keys)
	var all []contact.Card
	for i := range n {
		all = append(all, contact.Card{Directory: "main", Person: fmt.Sprint(i), Contacts: []contact.Contact{{Kind: contact.Email, Value: "a@b.example"}}})
	}
	if err := cards.PutAll(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Rotate(path); err != nil {
		t.Fatal(err)
	}
	if err := keys.Reload(); err != nil {
		t.Fatal(err)
	}
	return cards, s, keys
}

func wantUse(t *testing.T, cards *contact.Store, want contact.KeyUse) {
	t.Helper()
	use, err := cards.KeyUse(t.Context())
	if err != nil || fmt.Sprint(use) != fmt.Sprint(want) {
		t.Errorf("cards by version: %v, %v; want %v", use, err, want)
	}
}

// TestReencrypt: stopped and begun again, it ends with every card readable and
// sealed with the newest version.
func TestReencrypt(t *testing.T) {
	const n = 1200
	cards, _, _ := rotated(t, n)
	wantUse(t, cards, contact.KeyUse{1: n})
	ctx, stop := context.WithCancel(t.Context())
	first, err := cards.Reencrypt(ctx, func(done contact.Reencryption) {
		if done.Sealed == 700 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || first.Sealed != 700 {
		t.Fatalf("stopped: %+v, %v", first, err)
	}
	wantUse(t, cards, contact.KeyUse{1: n - 700, 2: 700})
	second, err := cards.Reencrypt(t.Context(), func(contact.Reencryption) {})
	if err != nil || second != (contact.Reencryption{Seen: n, Sealed: n - 700}) {
		t.Fatalf("begun again: %+v, %v", second, err)
	}
	wantUse(t, cards, contact.KeyUse{2: n})
	for _, person := range []string{"0", "699", "1199"} {
		if card, err := cards.Get(t.Context(), "main", person); err != nil || card.Contacts[0].Value != "a@b.example" {
			t.Errorf("card %s: %+v, %v", person, card, err)
		}
	}
}

// TestReencryptLosesNoChange: a card that is changed or removed meanwhile stays
// as it was left.
func TestReencryptLosesNoChange(t *testing.T) {
	cards, _, _ := rotated(t, 2)
	changed := false
	done, err := cards.Reencrypt(t.Context(), func(contact.Reencryption) {
		if changed {
			return
		}
		changed = true
		for _, person := range []string{"0", "1"} {
			if err := cards.Update(t.Context(), "main", person, func(c *contact.Card) error {
				c.Contacts[0].Value = "new@b.example"
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || done.Seen != 2 || done.Sealed != 1 || done.Changed != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	for _, person := range []string{"0", "1"} {
		if card, err := cards.Get(t.Context(), "main", person); err != nil || card.Contacts[0].Value != "new@b.example" {
			t.Errorf("card %s: %+v, %v", person, card, err)
		}
	}
}

// TestReencryptLeavesWhatItCannotRead: a damaged card is told and kept.
func TestReencryptLeavesWhatItCannotRead(t *testing.T) {
	cards, s, keys := rotated(t, 3)
	key := store.Card(keys.Index("card", "main", "1"))
	if err := s.SetRange(t.Context(), key, 40, "damage").Err(); err != nil {
		t.Fatal(err)
	}
	before := s.Get(t.Context(), key).Val()
	done, err := cards.Reencrypt(t.Context(), func(contact.Reencryption) {})
	if !errors.Is(err, contact.ErrCardUnreadable) || done.Sealed != 2 || done.Unreadable != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if s.Get(t.Context(), key).Val() != before {
		t.Error("the damaged card changed")
	}
}
