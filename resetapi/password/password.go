// Package password owns Latchkey's own checks of a new password, made before
// the directory judges: length, characters that no directory can store safely,
// the person's own login, and passwords that are the first to be guessed.
//
// What is easy to guess is found by rules that are built in, and in a file of the
// operator. Both judge the password as a whole, folded: without regard to case
// and to how Unicode writes a character. Nothing of a candidate leaves the
// process (NIST SP 800-63B-4 §3.1.1.2; OWASP ASVS 6.2.4, 6.2.12).
//
// There are no composition rules (NIST SP 800-63B-4 §3.1.1.2 item 5): what more
// a directory wants, it says itself. Every code point counts one. Nothing is
// trimmed, truncated or folded: the bytes that were typed are the password, but
// where the operator says that all that sign in compose characters (UAX #15, NFC).
package password

import (
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"latchkey/internal/setting"
)

// The reasons for which a candidate is refused here.
const (
	TooShort           = "too_short"
	TooLong            = "too_long"
	ForbiddenCharacter = "forbidden_character"
	ContainsLogin      = "contains_login"
	ContainsContext    = "contains_context_word"
	TooCommon          = "too_common"
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
	// BlocklistFile names a file with one refused password a line, in UTF-8;
	// SIGHUP reads it again.
	BlocklistFile string `toml:"blocklist_file"`
	// UnicodeForm is "none", the default, or "nfc": what is typed is composed first,
	// once, as everything else that passwords are typed into must do then too.
	UnicodeForm string `toml:"unicode_form"`
}

// The forms that a password can be brought into.
const (
	formNone = "none"
	formNFC  = "nfc"
)

// Defaults returns the section as it is when nothing is written.
func Defaults() Config { return Config{MinLength: 15, MaxLength: 256, UnicodeForm: formNone} }

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
	if c.UnicodeForm != formNone && c.UnicodeForm != formNFC && c.UnicodeForm != "" {
		faults = append(faults, setting.Fault{Key: "unicode_form", Problem: "is no form of Unicode that passwords are brought into", Allowed: `"none" or "nfc"`})
	}
	return append(faults, setting.Unreadable("blocklist_file", c.BlocklistFile)...)
}

// Rules are the checks of one installation. They are safe for concurrent use.
type Rules struct {
	Config

	names []string
	list  atomic.Pointer[blocklist]
}

// New returns the checks; names are those of the organisation and its products,
// of which a password must not consist. The blocklist is not read yet.
func New(c Config, names ...string) *Rules {
	r := &Rules{Config: c}
	for _, name := range names {
		r.names = append(r.names, parts(name)...)
	}
	return r
}

// Load reads the blocklist, if there is one, and returns how many passwords it
// has. When it cannot be read, the one from before stays in use.
func (r *Rules) Load() (passwords int, err error) {
	if r.BlocklistFile == "" {
		return 0, nil
	}
	list, err := readBlocklist(r.BlocklistFile, r.MinLength)
	if err != nil {
		return 0, err
	}
	r.list.Store(list)
	return len(list.hashes), nil
}

// fold is the form in which passwords are compared with those that are common.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// Form is the password that somebody means who typed this: the same bytes, or as
// [Config.UnicodeForm] says. What is too long for a password stays as it is.
func (r *Rules) Form(typed string) string {
	if r.UnicodeForm != formNFC || len(typed) > MaxBytes {
		return typed
	}
	return norm.NFC.String(typed)
}

// Check returns the reasons against a candidate; none means that the directory
// may judge.
func (r *Rules) Check(candidate, login string) []string {
	if len(candidate) > MaxBytes {
		return []string{TooLong}
	}
	var reasons []string
	length := utf8.RuneCountInString(candidate)
	if length < r.MinLength || strings.TrimSpace(candidate) == "" {
		reasons = append(reasons, TooShort)
	}
	if length > r.MaxLength {
		reasons = append(reasons, TooLong)
	}
	if !utf8.ValidString(candidate) || strings.ContainsFunc(candidate, unicode.IsControl) {
		reasons = append(reasons, ForbiddenCharacter)
	}
	lower := strings.ToLower(candidate)
	contains := func(word string) bool {
		return utf8.RuneCountInString(word) >= shortestWord && strings.Contains(lower, strings.ToLower(word))
	}
	held := len(reasons)
	if contains(login) {
		reasons = append(reasons, ContainsLogin)
	}
	if slices.ContainsFunc(r.ContextWords, contains) {
		reasons = append(reasons, ContainsContext)
	}
	if len(reasons) == held && length <= r.MaxLength {
		reasons = append(reasons, r.guessable(fold(candidate), login)...)
	}
	return reasons
}

// guessable returns why a password is among the first that are guessed: it is
// common, or nothing but the login or a name with common things around it.
func (r *Rules) guessable(folded, login string) []string {
	person := parts(login)
	switch {
	case r.list.Load().has(folded):
		return []string{TooCommon}
	case !predictable(folded, slices.Concat(person, r.names)...): // by fewer words neither
		return nil
	case predictable(folded):
		return []string{TooCommon}
	case predictable(folded, person...):
		return []string{ContainsLogin}
	}
	return []string{ContainsContext}
}
