// Package password owns Latchkey's own checks of a new password, made before
// the directory judges: length, characters that no directory can store safely,
// and the person's own login.
//
// There are no composition rules (NIST SP 800-63B-4 §3.1.1.2 item 5): what more
// a directory wants, it says itself. Every code point counts one. Nothing is
// trimmed, truncated or folded: the bytes that were typed are the password.
package password

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"latchkey/internal/setting"
)

// The reasons for which a candidate is refused here.
const (
	TooShort           = "too_short"
	TooLong            = "too_long"
	ForbiddenCharacter = "forbidden_character"
	ContainsLogin      = "contains_login"
	ContainsContext    = "contains_context_word"
)

// Floor is the shortest minimum length that can be configured, in characters
// (NIST SP 800-63B-4 §3.1.1.2 item 1).
const Floor = 8

const (
	// MaxBytes bounds a password before any hashing.
	MaxBytes = 1024
	// shortestWord is the shortest login or context word that is looked for:
	// shorter ones stand in innocent passwords.
	shortestWord = 4
)

// Config is the section [password].
type Config struct {
	// MinLength in characters; default 15, never below 8.
	MinLength int `toml:"min_length"`
	// MaxLength in characters; default and at most 256, at least 64.
	MaxLength int `toml:"max_length"`
	// ContextWords are refused as parts of a password: the organisation's name,
	// its products. Case does not matter; at least four characters.
	ContextWords []string `toml:"context_words"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config { return Config{MinLength: 15, MaxLength: 256} }

// Faults reports what is wrong with the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if c.MinLength < Floor || c.MinLength > 64 {
		faults = append(faults, setting.Fault{Key: "min_length", Problem: "is outside what a minimum length may be", Allowed: "8 to 64; 15 is advised where the password is the only factor"})
	}
	if c.MaxLength < 64 || c.MaxLength > 256 {
		faults = append(faults, setting.Fault{Key: "max_length", Problem: "is outside what a maximum length may be", Allowed: "64 to 256"})
	}
	for _, word := range c.ContextWords {
		if utf8.RuneCountInString(word) < shortestWord {
			faults = append(faults, setting.Fault{Key: "context_words", Problem: "has a word that is too short to look for", Allowed: "words of at least four characters"})
		}
	}
	return faults
}

// Check returns the reasons against a candidate; none means that the directory
// may judge.
func (c Config) Check(candidate, login string) []string {
	if len(candidate) > MaxBytes {
		return []string{TooLong}
	}
	var reasons []string
	length := utf8.RuneCountInString(candidate)
	if length < c.MinLength || strings.TrimSpace(candidate) == "" {
		reasons = append(reasons, TooShort)
	}
	if length > c.MaxLength {
		reasons = append(reasons, TooLong)
	}
	if !utf8.ValidString(candidate) || strings.ContainsFunc(candidate, unicode.IsControl) {
		reasons = append(reasons, ForbiddenCharacter)
	}
	lower := strings.ToLower(candidate)
	if utf8.RuneCountInString(login) >= shortestWord && strings.Contains(lower, strings.ToLower(login)) {
		reasons = append(reasons, ContainsLogin)
	}
	for _, word := range c.ContextWords {
		if strings.Contains(lower, strings.ToLower(word)) {
			return append(reasons, ContainsContext)
		}
	}
	return reasons
}
