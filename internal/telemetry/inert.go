package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
)

// Inert returns a writer of JSON to a place that may be a terminal: characters
// that steer one, or turn a line around, become escapes, which JSON reads as the
// same text. encoding/json escapes the controls below U+0020 only. Each Write
// holds whole characters.
func Inert(w io.Writer) io.Writer { return inert{w} }

type inert struct{ w io.Writer }

func (i inert) Write(text []byte) (int, error) {
	if !bytes.ContainsFunc(text, acts) {
		return i.w.Write(text)
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		switch high, low := utf16.EncodeRune(r); {
		case !acts(r):
			out.WriteRune(r)
		case high == unicode.ReplacementChar:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	if _, err := i.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// acts reports characters that do more than being read. JSON has line breaks
// between its values only.
func acts(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
