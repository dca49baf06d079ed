package contact

import (
	"encoding/json"
	"testing"
	"time"
)

// FuzzRecord: a card is written to the byte as encoding/json would.
func FuzzRecord(f *testing.F) {
	f.Add("staff", "entryUUID:a1", "a@example.org", int64(1_700_000_000), int64(0), true, uint8(2))
	f.Add("st\"aff", "<\\>", "a&\u2028\xff\x00é", int64(-1), int64(5), false, uint8(1))
	f.Add("a<b", "a>b", "a&b", int64(0), int64(0), true, uint8(1))
	f.Add("staff", "entryUUID:a1", "a@example.org", int64(1_700_000_000), int64(0), true, uint8(6))
	f.Add("staff", "entryUUID:a1", "a@example.org", int64(1_700_000_000), int64(0), true, uint8(5))
	f.Add("", "", "", int64(1<<40), int64(0), false, uint8(0))
	f.Fuzz(func(t *testing.T, directory, person, value string, seconds, nanoseconds int64, unverified bool, n uint8) {
		at := time.Unix(seconds, nanoseconds)
		if unverified {
			at = at.UTC()
		}
		r := record{int(n % 3), Card{Directory: directory, Person: person}}
		for range n % 4 {
			r.Contacts = append(r.Contacts, Contact{Kind: Kind(value), Value: value, Source: Source(person), AddedAt: at, Unverified: unverified})
		}
		if n > 3 && n%2 == 0 {
			r.Written = []Written{{Attribute: directory, Kind: Email, Value: value, State: Placed, At: at, Fence: seconds}}
		}
		if n > 3 && n%4 == 1 {
			r.Contacts[0].UsableFrom, r.Contacts[0].Confirmation = at, Confirmation{ID: value, MAC: person, ExpiresAt: at, Guesses: int(n)}
		}
		want, wantErr := json.Marshal(r)
		got, err := r.append(nil)
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != string(want) {
			t.Errorf("%s, %v\nwant %s, %v", got, err, want, wantErr)
		}
	})
}
