package support

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"latchkey/internal/contact"
)

// FuzzClean: what is left of a request can only be read, and is cleaned already.
func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"Alice", "a\r\nBcc: x", "a\rb\u2028c\u2029d\u0085e\vf\fg", "\u202ex\u2066", "\x1b[2J", "\x00", "\xff", " \u00a0\u3000x ", "\t", "\u200b", "\ufeff", strings.Repeat("x", 1001), "٣", "\u0300",
		"+49 (30) 1", "a@b.example", "a@b.example, c@d.example", "\U000e0041",
	} {
		f.Add(s, s, s, s)
	}
	f.Fuzz(func(t *testing.T, name, phone, email, message string) {
		r := Request{Name: name, Phone: phone, Email: email, Message: message}.clean()
		if r.clean() != r {
			t.Errorf("%+v can be cleaned again: %+v", r, r.clean())
		}
		for _, line := range []string{r.Name, r.Phone, r.Email} {
			if strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) }) || !utf8.ValidString(line) {
				t.Errorf("%q does more than being read", line)
			}
		}
		if strings.ContainsFunc(r.Message, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }) || len(r.Message) > len(message) || len(r.Name) > len(name) {
			t.Errorf("%q does more than being read, or grew", r.Message)
		}
		if len(r.faults()) > 0 {
			return
		}
		c := r.caller()
		normal, err := contact.NormalEmail(c.Email)
		if c.Email != "" && (err != nil || normal != c.Email) || c.Name == "" || c.Email == "" && c.Phone == "" || strings.Trim(c.Phone, "+-/() 0123456789") != "" {
			t.Errorf("%+v was taken", c)
		}
	})
}

// FuzzReference: what is shown as a number is one of ours or as it came.
func FuzzReference(f *testing.F) {
	f.Add("K7MP2XQ4")
	f.Add("K7MP 2XQ4")
	f.Add("k7mp2xq4")
	f.Add("K7MP2XQ\n")
	f.Fuzz(func(t *testing.T, s string) {
		spoken := Spoken(s)
		if IsReference(s) != (len(s) == 8 && !strings.ContainsFunc(s, func(r rune) bool { return !slices.Contains([]rune(signs), r) })) {
			t.Errorf("%q is a reference: %v", s, IsReference(s))
		}
		if strings.ReplaceAll(spoken, " ", "") != strings.ReplaceAll(s, " ", "") || !IsReference(s) && spoken != s {
			t.Errorf("%q is spoken as %q", s, spoken)
		}
	})
}
