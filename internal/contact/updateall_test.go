package contact

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Cards are changed in batches, and a change by somebody else in between is
// neither lost nor undone.
func TestUpdateAll(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	const people = batch + 3
	persons := make([]string, people)
	for i := range persons {
		persons[i] = fmt.Sprint("p", i)
	}
	if err := s.PutAll(ctx, []Card{card("p1", "old@example.org"), card("p2", "old@example.org")}); err != nil {
		t.Fatal(err)
	}
	calls := make(map[int]int)
	added := Contact{Kind: Email, Value: "new@example.org", Source: Synced}
	err := s.UpdateAll(ctx, "staff", persons, func(i int, c *Card) bool {
		if calls[i]++; i == 1 && calls[i] == 1 {
			if err := s.Put(ctx, card("p1", "between@example.org")); err != nil {
				t.Error(err)
			}
		}
		c.Contacts = append(c.Contacts, added)
		return i != 2
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int][]string{0: {"new@example.org"}, 1: {"between@example.org", "new@example.org"}, 2: {"old@example.org"}, people - 1: {"new@example.org"}} {
		got, err := s.Get(ctx, "staff", persons[i])
		var values []string
		for _, c := range got.Contacts {
			values = append(values, c.Value)
		}
		if diff := cmp.Diff(want, values); err != nil || diff != "" || got.Person != persons[i] {
			t.Errorf("%s: %v (-want +got):\n%s", persons[i], err, diff)
		}
	}
	if calls[0] != 1 || calls[1] != 2 {
		t.Errorf("change was called %d and %d times, want 1 and 2", calls[0], calls[1])
	}
	// A card that is left without contacts goes.
	if err := s.UpdateAll(ctx, "staff", persons[:1], func(_ int, c *Card) bool { c.Contacts = nil; return true }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, "staff", "p0"); !errors.Is(err, ErrNoCard) {
		t.Errorf("without contacts: %v", err)
	}
}

// One card that does not open keeps nobody else back, and is not overwritten.
func TestUpdateAllPassesOverUnreadableCards(t *testing.T) {
	s, server := newStore(t)
	ctx := t.Context()
	if err := s.PutAll(ctx, []Card{card("a", "a@example.org"), card("b", "b@example.org")}); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Admin(ctx, "COPY", s.key("staff", "b"), s.key("staff", "a"), "REPLACE"); err != nil {
		t.Fatal(err)
	}
	var changed []int
	err := s.UpdateAll(ctx, "staff", []string{"a", "b"}, func(i int, c *Card) bool {
		changed = append(changed, i)
		c.Contacts = nil
		return true
	})
	if diff := cmp.Diff([]int{1}, changed); !errors.Is(err, ErrCardUnreadable) || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := s.Get(ctx, "staff", "a"); !errors.Is(err, ErrCardUnreadable) {
		t.Errorf("the unreadable card: %v", err)
	}
}
