package delivery

import (
	"bytes"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/keyring"
)

// FuzzJob: a job comes out of its envelope as it went in, under its own id only,
// and all envelopes of usual jobs are of one size.
func FuzzJob(f *testing.F) {
	for _, s := range []string{"alice", "", "a\r\nb", "\u202e<b>", "\x00", "\xff"} {
		f.Add("ID", KindSupport, s, s, int64(1_800_000_000), byte(0))
	}
	f.Add("ID", KindCode, "12345678", "", int64(-62135596800), byte(1))
	q := &Queue{keys: keyring.Generate()}
	f.Fuzz(func(t *testing.T, id, kind, text, message string, at int64, change byte) {
		if !utf8.ValidString(id) || !utf8.ValidString(kind) || !utf8.ValidString(text) || !utf8.ValidString(message) {
			t.Skip("what is queued is text")
		}
		job := Job{
			ID: id, Kind: kind, Method: "email", Code: text, Language: "en", Device: text, Caller: Caller{Name: text, Message: message},
			At: time.Unix(at%2e11, 0).UTC(), ExpiresAt: time.Unix(at%2e11, 0).UTC(), Progress: Progress{Sent: []string{text}},
		}
		named, sealed := q.Seal(job)
		if named == "" || id != "" && named != id {
			t.Fatalf("%q was named %q", id, named)
		}
		job.ID = named
		got, err := q.open(named, string(sealed))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(job, got); diff != "" {
			t.Error(diff)
		}
		if len(text)+len(message) < 100 && len(kind)+len(named) < 100 && len(sealed) > jobSize+64 {
			t.Errorf("%d bytes", len(sealed))
		}
		if _, other := q.Seal(Job{ID: named, Kind: KindCode}); len(text)+len(message)+len(kind)+len(named) < 100 && len(other) != len(sealed) {
			t.Errorf("%d bytes, and %d for another", len(sealed), len(other))
		}
		if _, err := q.open(named+"x", string(sealed)); err == nil {
			t.Error("it opens under another id")
		}
		altered := bytes.Clone(sealed)
		altered[int(change)%len(altered)] ^= change | 1
		if _, err := q.open(named, string(altered)); err == nil {
			t.Error("it opens after it was changed")
		}
	})
}

// FuzzOpen: what was not sealed here is no job.
func FuzzOpen(f *testing.F) {
	keys := keyring.Generate()
	f.Add("ID", keys.Seal(keyring.Records, []byte("{}"), "ID"))
	f.Add("", []byte{})
	f.Add("ID", []byte{0, 0, 0, 1})
	q := &Queue{keys: keys}
	f.Fuzz(func(t *testing.T, id string, sealed []byte) {
		if job, err := q.open(id, string(sealed)); err == nil {
			t.Errorf("%+v", job)
		}
		// With the right key, but by another version.
		if _, err := q.open(id, string(keys.Seal(keyring.Jobs, sealed, id))); err != nil && bytes.Contains([]byte(err.Error()), sealed) && len(sealed) > 8 {
			t.Errorf("the error shows the job: %v", err)
		}
	})
}
