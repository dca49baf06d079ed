package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// reasoned finds, where a directory refused a password and gave no reason, or one
// that stands for several, those that its own rules show. Active Directory has
// one code for all of them, 389 Directory Server one for short and for simple. own
// tells a change by the person from a reset.
func (d *Directory) reasoned(ctx context.Context, p *Person, password string, err error, own bool) error {
	refused, ok := errors.AsType[*RefusedError](err)
	vague := ok && refused.only(NotComplex)
	if !ok || !vague && !refused.only(DirectoryRefused) {
		return err
	}
	policy, failure := d.Policy(ctx, p)
	if failure != nil {
		return err // the refusal stands, whatever its reason
	}
	broken := policy.broken(password)
	if vague {
		// An age that is in the way would have been told.
		broken = slices.DeleteFunc(broken, func(r Reason) bool { return r == TooYoung })
	}
	if policy.NoNames && !slices.Contains(broken, NotComplex) && holdsName(password, p.Login, p.DisplayName) {
		broken = append(broken, NotComplex)
	}
	if own && policy.OwnChangeAt.After(time.Now()) {
		broken = append(broken, TooYoung)
	}
	if len(broken) > 0 {
		return &RefusedError{Reasons: broken, Detail: refused.Detail}
	}
	return err
}

// broken returns the rules of a policy that a password can be seen to break.
func (p *PasswordPolicy) broken(password string) []Reason {
	var reasons []Reason
	length := utf8.RuneCountInString(password)
	if length < p.MinLength {
		reasons = append(reasons, TooShort)
	}
	if p.MaxLength > 0 && length > p.MaxLength {
		reasons = append(reasons, TooLong)
	}
	if p.Classes > countClasses(password) {
		reasons = append(reasons, NotComplex)
	}
	if !p.ChangeableAt.IsZero() {
		reasons = append(reasons, TooYoung)
	}
	return reasons
}

// holdsName applies the rule of Active Directory ([MS-SAMR] 3.1.1.7.2): neither
// the login nor a part of the name may be in the password, whatever the case,
// unless they are shorter than three characters.
func holdsName(password, login, name string) bool {
	const shortest = 3
	parts := append(strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(",.-_ #\t", r) }), login)
	return slices.ContainsFunc(parts, func(part string) bool {
		return utf8.RuneCountInString(part) >= shortest && strings.Contains(strings.ToLower(password), strings.ToLower(part))
	})
}

// countClasses counts the kinds of characters: upper-case letters, lower-case
// ones, letters without case, digits, and all others.
func countClasses(password string) int {
	classes := make(map[string]bool)
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			classes["upper"] = true
		case unicode.IsLower(r):
			classes["lower"] = true
		case unicode.IsLetter(r):
			classes["letter"] = true
		case r >= '0' && r <= '9':
			classes["digit"] = true
		default:
			classes["other"] = true
		}
	}
	return len(classes)
}
