package audit

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"latchkey/internal/keyring"
)

// FuzzSeal: whatever an event holds becomes one whole line without anything
// that acts on a terminal, and the line holds.
func FuzzSeal(f *testing.F) {
	for _, text := range []string{"wrong", "\x1b[2J", "a\r\nb", "\u202e", "\u009b31m", "\xff", `","hash":"`, strings.Repeat("ä", 200), "</script>", "\u2028"} {
		f.Add(text, "entryUUID:00")
	}
	keys, others := keyring.Generate(), keyring.Generate()
	f.Fuzz(func(t *testing.T, reason, person string) {
		writing, reading := chain{keys: keys, hash: beginning, instance: "one"}, chain{keys: keys, hash: beginning}
		e := Event{Kind: Guessed, Reason: reason, Person: person, RequestID: reason}.cleaned()
		if len(e.Reason) > maxText || len(e.Person) > maxText || !utf8.ValidString(e.Reason) {
			t.Errorf("%q is too long or no text", e.Reason)
		}
		text, err := writing.seal(Line{Time: time.Unix(1, 0).UTC(), Event: e})
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(string(text), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q does more than being read", text)
		}
		forged, err := (&chain{keys: others, hash: beginning, instance: "one"}).seal(Line{Time: time.Unix(1, 0).UTC(), Event: e})
		if err != nil {
			t.Fatal(err)
		}
		if _, problem := reading.check(forged); problem == "" {
			t.Errorf("%q was written with another keyring", forged)
		}
		line, problem := reading.check(text)
		if problem != "" || line.Event != e {
			t.Errorf("%q: %s", text, problem)
		}
	})
}

// FuzzAltered: no line holds that was changed after it was sealed, in one place
// or in several.
func FuzzAltered(f *testing.F) {
	keys := keyring.Generate()
	c := chain{keys: keys, hash: beginning, instance: "one"}
	text, err := c.seal(Line{Time: time.Unix(1, 0).UTC(), Event: Event{Kind: WriteEnded, Outcome: "done", Person: "entryUUID:00"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(3), uint16(1), []byte("x"))
	f.Add(uint16(0), uint16(0), []byte(`{"kind":"guessed"}`))
	f.Add(uint16(bytes.Index(text, []byte(`"done"`))), uint16(6), []byte(`"refused"`))
	f.Add(uint16(len(text)-3), uint16(0), []byte("=="))
	f.Add(uint16(len(text)), uint16(0), []byte(" "))
	f.Fuzz(func(t *testing.T, at, removed uint16, added []byte) {
		from := min(int(at), len(text))
		to := min(from+int(removed), len(text))
		altered := slices.Concat(text[:from], added, text[to:])
		reading := chain{keys: keys, hash: beginning, instance: "one"}
		if _, problem := reading.check(altered); (problem == "") != bytes.Equal(altered, text) {
			t.Errorf("%q: %q", altered, problem)
		}
		if reading.sequence > 0 && !bytes.Equal(altered, text) {
			t.Error("the chain moved on behind a line that does not hold")
		}
	})
}

// FuzzHead: a head is ours or none, and a line that names another key, sequence
// or hash is not.
func FuzzHead(f *testing.F) {
	keys := keyring.Generate()
	ours := head{sequence: 17, hash: strings.Repeat("ab", hashSize/2)}
	text := ours.encode(keys)
	f.Add(string(text))
	f.Add(string(head{sequence: 18, hash: ours.hash}.encode(keyring.Generate())))
	f.Add(strings.Replace(string(text), "17", "18", 1))
	f.Add("sequence 17\nhash \nmac \n")
	f.Add(string(text) + "x")
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := decodeHead([]byte(text), keys); ok && got != ours {
			t.Errorf("%q is a head: %+v", text, got)
		}
	})
}

// FuzzCSV: no cell of an export is a formula, or does more than being read.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"one", `=HYPERLINK("http://evil.example")`, "+1", " -1", "@x", "\t=1", "'=1", "＝1", "a\r\n=1", "\x1b[2J", "\u202e", `"`, ",", "\xff"} {
		f.Add(text, "guessed")
	}
	f.Fuzz(func(t *testing.T, text, kind string) {
		line := Line{Instance: text, Event: Event{Kind: kind, Recovery: text, Reason: kind, RequestID: text, Person: text}, Previous: text}
		var out bytes.Buffer
		if err := WriteCSV(&out, func(yield func(Line, error) bool) { yield(line, nil) }); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != len(columns) {
			t.Fatalf("%v: %v", rows, err)
		}
		for _, cell := range rows[1] {
			if strings.IndexAny(strings.TrimLeft(cell, " "), "=+-@＝＋－＠") == 0 || strings.ContainsFunc(cell, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q acts", cell)
			}
		}
	})
}
