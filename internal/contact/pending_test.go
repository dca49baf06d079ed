package contact

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/internal/store"
)

func noted(t *testing.T, p *Pending) []Look {
	t.Helper()
	looks, err := p.Next(t.Context(), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return looks
}

func give(t *testing.T, s *Store, directory, person, value string) {
	t.Helper()
	err := s.Update(t.Context(), directory, person, func(c *Card) error {
		c.Contacts = []Contact{{Kind: Email, Value: value, Source: Registered}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A change is noted with the change itself, for the directories that are named; a
// note stays until the look is settled, and longer where the card changed since.
func TestPending(t *testing.T) {
	s, _ := newStore(t)
	s = s.Noting("staff")
	p := s.Pending("staff", 1)
	if err := p.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	give(t, s, "staff", "p1", "a@home.example")
	give(t, s, "other", "p1", "a@home.example")
	looks := noted(t, p)
	if len(looks) != 1 || looks[0].Person != "p1" {
		t.Fatalf("noted: %+v", looks)
	}
	if again := noted(t, p); len(again) != 1 {
		t.Error("a note is gone before the look was settled")
	}
	// The card changes while it is looked at.
	give(t, s, "staff", "p1", "b@home.example")
	if err := p.Settle(t.Context(), looks[0], 0); err != nil {
		t.Fatal(err)
	}
	again := noted(t, p)
	if len(again) != 1 {
		t.Fatal("a change during a look is lost")
	}
	// What the look itself changes is not noted.
	err := p.Update(t.Context(), again[0], func(c *Card) bool {
		c.Written = []Written{{Attribute: "mobile", Kind: Mobile, Value: "+491701234567", State: Placed}}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Settle(t.Context(), again[0], 0); err != nil {
		t.Fatal(err)
	}
	if left := noted(t, p); len(left) != 0 {
		t.Errorf("noted: %+v", left)
	}
	// Without contacts the card is there for what was written, and for nobody else.
	if err := s.Delete(t.Context(), "staff", "p1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "staff", "p1"); !errors.Is(err, ErrNoCard) {
		t.Errorf("a card without contacts is shown: %v", err)
	}
	if err := s.Each(t.Context(), func(c Card) error {
		if c.Directory == "staff" {
			return fmt.Errorf("a card without contacts is told of: %+v", c)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	last := noted(t, p)
	if len(last) != 1 || last[0].Person != "p1" {
		t.Fatalf("noted: %+v", last)
	}
	// Nothing is left of it in the end.
	if err := p.Update(t.Context(), last[0], func(c *Card) bool { c.Written = nil; return true }); err != nil {
		t.Fatal(err)
	}
	if err := p.Settle(t.Context(), last[0], time.Hour); err != nil {
		t.Fatal(err)
	}
	if now, all, err := p.Count(t.Context()); err != nil || now != 0 || all != 1 {
		t.Errorf("%d now, %d some time, %v", now, all, err)
	}
	if n, err := s.Count(t.Context()); err != nil || n != 1 {
		t.Errorf("%d cards, %v", n, err)
	}
}

// A change by many at once is noted as well, and so is one that somebody else was
// faster with.
func TestPendingNotesAll(t *testing.T) {
	s, _ := newStore(t)
	s = s.Noting("staff")
	var persons []string
	for i := range 30 {
		persons = append(persons, fmt.Sprintf("p%d", i))
	}
	err := s.UpdateAll(t.Context(), "staff", persons, func(i int, c *Card) bool {
		c.Contacts = []Contact{{Kind: Email, Value: fmt.Sprintf("a%d@home.example", i), Source: Imported}}
		return i != 7
	})
	if err != nil {
		t.Fatal(err)
	}
	p := s.Pending("staff", 1)
	if now, _, err := p.Count(t.Context()); err != nil || now != 29 {
		t.Errorf("%d are noted, %v", now, err)
	}
	if err := p.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, look := range noted(t, p) {
		if err := p.Settle(t.Context(), look, 0); err != nil {
			t.Fatal(err)
		}
	}
	n, err := p.NoteAll(t.Context(), func(c Card) bool { return c.Person == "p3" || c.Person == "p4" })
	if now, _, _ := p.Count(t.Context()); err != nil || n != 2 || now != 2 {
		t.Errorf("%d of 2 are noted, %d wait, %v", n, now, err)
	}
}

// Whoever was replaced changes and settles nothing.
func TestPendingIsFenced(t *testing.T) {
	s, _ := newStore(t)
	s = s.Noting("staff")
	first, second := s.Pending("staff", 1), s.Pending("staff", 2)
	if err := first.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	give(t, s, "staff", "p1", "a@home.example")
	look := noted(t, first)[0]
	if err := first.Holds(t.Context(), look); err != nil {
		t.Error(err)
	}
	if err := second.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"claim":  first.Claim(t.Context()),
		"holds":  first.Holds(t.Context(), look),
		"update": first.Update(t.Context(), look, func(c *Card) bool { c.Contacts = nil; return true }),
		"settle": first.Settle(t.Context(), look, 0),
	} {
		if !errors.Is(err, store.ErrFenced) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if card, err := s.Get(t.Context(), "staff", "p1"); err != nil || len(card.Contacts) != 1 || len(noted(t, second)) != 1 {
		t.Errorf("%+v, %v", card, err)
	}
}

// A synchronization that leaves a card without contacts leaves what was written: it
// would read it as the directory's own, and with that wake up what waits.
func TestFollowedKeepsWhatWasWritten(t *testing.T) {
	s, _ := newStore(t)
	mine := Written{Attribute: "mobile", Kind: Mobile, Value: "+491701234567", State: Placed}
	err := s.Update(t.Context(), "staff", "p1", func(c *Card) error {
		c.Contacts, c.Written = []Contact{{Kind: Email, Value: "a@home.example", Source: Synced}}, []Written{mine}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f := s.Followed("staff", 1)
	if err := f.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(t.Context(), 1, []string{"p1"}, func(_ int, c *Card) bool { c.Contacts = nil; return true }); err != nil {
		t.Fatal(err)
	}
	err = f.Update(t.Context(), 2, []string{"p1"}, func(_ int, c *Card) bool {
		if !c.Wrote(Mobile, mine.Value) {
			t.Errorf("forgotten: %+v", c)
		}
		return false
	})
	if err != nil {
		t.Error(err)
	}
}
