package setting

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

// FuzzDuration: what is read is written so that it reads the same.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"30s", "10m", "24h", "1h30m", "-1s", "1.5h", "30", "", "9223372036854775807ns", "1e3s", "1µs", "\x1b[2Js"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d, again Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q does more than being read", err.Error())
			}
			return
		}
		written, err := d.MarshalText()
		if err != nil || again.UnmarshalText(written) != nil || again != d {
			t.Errorf("%q was written as %q", text, written)
		}
	})
}

// FuzzSecret: no way to print a secret shows it.
func FuzzSecret(f *testing.F) {
	for _, s := range []string{"hunter2", "", " ", "%s", "[redacted", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s := NewSecret(value)
		if s.Reveal() != value || s.IsZero() != (value == "") {
			t.Errorf("%q is kept as %q", value, s.Reveal())
		}
		encoded, err := json.Marshal(struct{ S Secret }{s})
		if err != nil {
			t.Fatal(err)
		}
		want := Redacted
		if value == "" {
			want = ""
		}
		if got := fmt.Sprintf("%v|%s|%#v|%q", s, s, s, s.String()); got != fmt.Sprintf("%s|%s|%s|%q", want, want, want, want) || string(encoded) != fmt.Sprintf(`{"S":%q}`, want) {
			t.Errorf("%q shows as %q and %s", value, got, encoded)
		}
	})
}
