package password

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzCheck: what is taken can be stored anywhere, has the length that was asked
// for and holds no login; and no answer depends on case or on what came before.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		"purple Elephants 42 times", "P@ssw0rdP@ssw0rd", "aaaaaaaaaaaaaaaaaaaa", "qwertzuiopasdfghjkl", "1234567890123456789", "               ", "alice is so great 77", "ALICEALICEALICEALICE",
		"\x00purple Elephants 42 times", "purple Elephants\u009b 42 times", "\u202etext that is turned", "\xff\xfe\xfd aaaaaaaaaaaaaaaa", strings.Repeat("\ufdfa", 256), strings.Repeat("ab", 512), strings.Repeat("é", 256), "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301",
		"Example2026!Example2026!", "\u00a0\u2003\u3000\u00a0\u2003\u3000\u00a0\u2003\u3000\u00a0\u2003\u3000\u00a0\u2003\u3000", "", strings.Repeat("p@ssw0rd", 32), strings.Repeat("a1", 128),
	} {
		f.Add(s, "alice")
	}
	f.Add("xxxxxxxxxxxxxxxxxxİ", "İ")
	r := New(Config{MinLength: 15, MaxLength: 256, ContextWords: []string{"Example"}}, "Example Corporation")
	known := []string{TooShort, TooLong, ForbiddenCharacter, ContainsLogin, ContainsContext, TooCommon}
	f.Fuzz(func(t *testing.T, candidate, login string) {
		reasons := r.Check(candidate, login)
		if !slices.Equal(reasons, r.Check(candidate, login)) {
			t.Errorf("%q is judged in two ways", candidate)
		}
		for _, reason := range reasons {
			if !slices.Contains(known, reason) {
				t.Errorf("%q is refused for %q", candidate, reason)
			}
		}
		if len(reasons) > 0 {
			return
		}
		length := utf8.RuneCountInString(candidate)
		switch {
		case length < 15 || length > 256 || len(candidate) > MaxBytes:
			t.Errorf("%q has %d characters", candidate, length)
		case !utf8.ValidString(candidate) || strings.ContainsFunc(candidate, unicode.IsControl) || strings.TrimSpace(candidate) == "":
			t.Errorf("%q cannot be stored or typed", candidate)
		case utf8.RuneCountInString(login) >= shortestWord && strings.Contains(candidate, login):
			t.Errorf("%q holds the login %q", candidate, login)
		case strings.Contains(strings.ToLower(candidate), "example"):
			t.Errorf("%q holds the name of the organisation", candidate)
		}
	})
}
