package password

import (
	"slices"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	c := New(Config{MinLength: 8, MaxLength: 256, ContextWords: []string{"Example"}})
	for candidate, want := range map[string][]string{
		"correct horse battery":   nil,
		" leading and trailing ":  nil,
		`quote " and \ backslash`: nil,
		"e\u0301 decomposed":      nil,
		strings.Repeat("😀 ", 32):  nil,
		"passwörd":                nil,
		"pässwor":                 {TooShort},
		"":                        {TooShort},
		"          ":              {TooShort},
		"nul\x00in the middle":    {ForbiddenCharacter},
		"escape\x1bin the middle": {ForbiddenCharacter},
		"c1 control \u0085 in it": {ForbiddenCharacter},
		"not utf-8 \xff at all":   {ForbiddenCharacter},
		"I am ALICE the first":    {ContainsLogin},
		"our-example-password":    {ContainsContext},
		strings.Repeat("x", 256):  {TooCommon},
		strings.Repeat("qpw", 85): nil,
		strings.Repeat("x", 257):  {TooLong},
		strings.Repeat("x", 2000): {TooLong},
		strings.Repeat("😀", 257):  {TooLong},
		"alice\x01":               {TooShort, ForbiddenCharacter, ContainsLogin},
	} {
		if got := c.Check(candidate, "alice"); !slices.Equal(got, want) {
			t.Errorf("%.30q: %v, want %v", candidate, got, want)
		}
	}
	if got := c.Check("a short login is fine", "sh"); got != nil {
		t.Errorf("a login of two letters: %v", got)
	}
}

func TestFloor(t *testing.T) {
	for length, faults := range map[int]int{7: 1, 8: 0, 15: 0, 65: 1} {
		if got := (Config{MinLength: length, MaxLength: 256}).Faults(); len(got) != faults {
			t.Errorf("min_length %d: %v", length, got)
		}
	}
}
