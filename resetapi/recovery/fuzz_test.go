package recovery

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"

	"latchkey/internal/keyring"
)

// FuzzRecord: a record comes out of its envelope as it went in, under its own id
// and untouched only, and its size tells nothing of what was typed.
func FuzzRecord(f *testing.F) {
	for _, s := range []string{"alice", "", "\u202e\x1b", "<b>", strings.Repeat("ä", 128), "\x00"} {
		f.Add("ID", s, s, byte(3), byte(1))
	}
	s := &Store{keys: keyring.Generate()}
	f.Fuzz(func(t *testing.T, id, login, browser string, at, change byte) {
		if !utf8.ValidString(login) || !utf8.ValidString(browser) || !utf8.ValidString(id) {
			t.Skip("what is kept is text")
		}
		r := Record{ID: id, Login: login, Browser: browser, State: Gating, StartedAt: time.Unix(1_800_000_000, 0).UTC(), Subject: Subject{Person: "entryUUID:00"}}
		sealed := s.seal(r)
		got, err := s.open(id, sealed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Error(diff)
		}
		if len(login) <= MaxLogin/4 && len(browser) <= longestBrowser && len(id) <= idLength && len(sealed) != len(s.seal(Record{})) {
			t.Errorf("%d bytes", len(sealed))
		}
		if _, err := s.open(id+"x", sealed); err == nil {
			t.Error("it opens under another id")
		}
		altered := bytes.Clone(sealed)
		altered[int(at)*8%len(altered)] ^= change | 1
		if _, err := s.open(id, altered); err == nil {
			t.Error("it opens after it was changed")
		}
	})
}

// FuzzSealedByUs: no content of an envelope, of another version perhaps, makes a
// panic.
func FuzzSealedByUs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, '{'})
	f.Add([]byte{0, 0, 0})
	keys := keyring.Generate()
	s := &Store{keys: keys}
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := s.open("ID", keys.Seal(keyring.Records, content, "recovery ID"))
		if err == nil {
			s.seal(r)
		}
	})
}

// FuzzDevice: a mark that was not made here marks no device.
func FuzzDevice(f *testing.F) {
	s := &Service{Parts: Parts{Keys: keyring.Generate()}}
	mac := s.Keys.MAC(keyring.Devices, "ID", "PERSON")
	mark := "ID.PERSON." + base64.RawURLEncoding.EncodeToString(mac)
	for _, text := range []string{mark, mark + "=", mark + "\n", "ID.PERSON.", "..", "IDP.ERSON." + mark[10:], strings.ToLower(mark), mark + ".x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := s.device(text)
		if got == (Device{}) {
			return
		}
		// Line breaks in base64, and bits behind its end, are read over.
		id, rest, _ := strings.Cut(text, ".")
		person, sum, _ := strings.Cut(rest, ".")
		decoded, err := base64.RawURLEncoding.DecodeString(sum)
		if got != (Device{ID: "ID", Person: "PERSON"}) || id != "ID" || person != "PERSON" || err != nil || !bytes.Equal(decoded, mac) {
			t.Errorf("%q is %+v", text, got)
		}
	})
}

// FuzzBrowserName: whatever a browser says of itself, only words of ours are
// told to anybody.
func FuzzBrowserName(f *testing.F) {
	for _, s := range []string{"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Edg/1 Chrome/1 Safari/1 Windows", "curl/8", "<script>", "iPhone\r\nX: y", "\xff", strings.Repeat("Android ", 999)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		name := BrowserName(header)
		for word := range strings.FieldsSeq(name) {
			switch word {
			case "Edge", "Opera", "Firefox", "Chrome", "Safari", "curl", "on", "iPhone", "iPad", "Android", "Windows", "macOS", "ChromeOS", "Linux":
			default:
				t.Errorf("%q is called %q", header, name)
			}
		}
		if clip(name, longestBrowser) != name {
			t.Errorf("%q is too long", name)
		}
	})
}

// FuzzLanguage: a header names a language that there is, or English is meant.
func FuzzLanguage(f *testing.F) {
	for _, s := range []string{"de-DE,de;q=0.9", "", "*", "x-y", "en;q=\x00", "i-klingon", "\u202e", strings.Repeat("a-", 900), "zh-Hant-u-co-pinyin", "de;q=nan", "und"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := firstLanguage(header)
		if _, err := language.Parse(got); err != nil || len(got) > 8 {
			t.Errorf("%q is %q: %v", header, got, err)
		}
	})
}

// FuzzLogin: logins that a directory may take for one share a budget, and no
// login makes its budget's name grow out of bounds.
func FuzzLogin(f *testing.F) {
	for _, s := range []string{"alice", "ALICE", "alice.", "ﬁ", "Å", "\u202ealice", "ǅ", "\ufdfa", "İ", "K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, login string) {
		if len(login) > MaxLogin || !utf8.ValidString(login) {
			return
		}
		folded := FoldLogin(login)
		upper := strings.Map(func(r rune) rune {
			if r < unicode.MaxASCII {
				return unicode.ToUpper(r)
			}
			return r
		}, login)
		if FoldLogin(upper) != folded || len(folded) > 18*MaxLogin {
			t.Errorf("%q has the budget %q, and %q that of %q", login, folded, upper, FoldLogin(upper))
		}
	})
}
