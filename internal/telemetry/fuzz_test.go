package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"
)

// FuzzLog: a record is one line of JSON that a program reads as it was meant and
// a terminal only prints.
func FuzzLog(f *testing.F) {
	for _, s := range []string{
		"x", "a\r\n{\"level\":\"ERROR\"}", "\x1b[2J\x1b]0;x\x07", "\u009b31m", "\x7f", "\u202eecila", "\u2066x\u2069", "\ufeff", "\xff", "\x00", `"`, `\u001b`, "<script>", "\U000e0041", "ä€😀",
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, key, text string) {
		var out bytes.Buffer
		NewLogger(&out, slog.LevelInfo).Info(text, "k"+key, text, "error", errors.New(text), "list", []string{text})
		line, rest, _ := strings.Cut(out.String(), "\n")
		if rest != "" || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q does more than being read", out.String())
		}
		var read map[string]any
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if want := strings.ToValidUTF8(text, ""); strings.ReplaceAll(read["error"].(string), "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Errorf("%q is read as %q", text, read["error"])
		}
	})
}
