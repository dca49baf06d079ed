package contact

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is new rests and awaits its code; what was there is as far as it was.
func TestEntered(t *testing.T) {
	now := time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	before, soon, later := now.Add(-time.Hour), now.Add(time.Hour), now.Add(24*time.Hour)
	mobile := Contact{Kind: Mobile, Value: "+491701234567", Source: Imported, AddedAt: before}
	email := func(value string, source Source, at time.Time, more ...func(*Contact)) Contact {
		c := Contact{Kind: Email, Value: value, Source: source, AddedAt: at}
		for _, m := range more {
			m(&c)
		}
		return c
	}
	open := func(c *Contact) { c.Unverified = true }
	from := func(t time.Time) func(*Contact) { return func(c *Contact) { c.UsableFrom = t } }
	card := Card{Contacts: []Contact{
		email("good@x.example", Synced, before), email("unverified@x.example", Synced, before, open),
		email("resting@x.example", Staff, before, from(soon)), email("open@x.example", Registered, before, from(soon), open), mobile,
	}}
	e := Entry{Source: Staff, At: now, Rest: 24 * time.Hour}
	for _, value := range []string{"new@x.example", "good@x.example", "unverified@x.example", "resting@x.example", "open@x.example", "new@x.example"} {
		e.Addresses = append(e.Addresses, Address{Kind: Email, Value: value})
	}
	want := []Contact{
		email("new@x.example", Staff, now, from(later), open), email("good@x.example", Staff, now), email("unverified@x.example", Staff, now, from(later), open),
		email("resting@x.example", Staff, now, from(soon)), email("open@x.example", Staff, now, from(soon), open), mobile,
	}
	if diff := cmp.Diff(want, card.Entered(e)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// All of another kind stay.
	number := Contact{Kind: Mobile, Value: "+491707654321", Source: Staff, AddedAt: now, UsableFrom: later, Unverified: true}
	e.Addresses = []Address{{Kind: Mobile, Value: number.Value}}
	if diff := cmp.Diff(append([]Contact{number}, card.Contacts[:4]...), card.Entered(e)); diff != "" {
		t.Errorf("of another kind (-want +got):\n%s", diff)
	}
	e.Addresses, e.AtOnce = []Address{{Kind: Email, Value: "open@x.example"}}, true
	if diff := cmp.Diff([]Contact{email("open@x.example", Staff, now), mobile}, card.Entered(e)); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
}

// Whoever had a contact hears of a new one when it is entered, and once.
func TestAlteredByWhatWasEntered(t *testing.T) {
	now := time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	old := Contact{Kind: Email, Value: "old@x.example", Source: Imported}
	entered := Contact{Kind: Email, Value: "new@x.example", Source: Staff, Unverified: true, UsableFrom: now.Add(time.Hour)}
	confirmed, unverified := entered, entered
	confirmed.Unverified = false
	unverified.Source = Synced
	with := func(all ...Contact) Card { return Card{Directory: "staff", Person: "p", Contacts: all} }
	for name, test := range map[string]struct {
		before, after Card
		told          []Contact
	}{
		"entered":             {with(old), with(old, entered), []Contact{old}},
		"confirmed":           {with(old, entered), with(old, confirmed), nil},
		"nobody had one":      {with(entered), with(old), nil},
		"read and unverified": {with(old), with(old, unverified), nil},
		"one that rested":     {with(confirmed), with(old), []Contact{confirmed}},
	} {
		a := Altered("staff", test.before, test.after)
		if (a != nil) != (test.told != nil) || a != nil && !cmp.Equal(a.Before, test.told) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
