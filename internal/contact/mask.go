package contact

import "strings"

// hidden stands for what a mask leaves out. Its length is fixed, so that it
// tells nothing about the length of the value.
const hidden = "•••"

// minMaskedDigits is the shortest number of which two digits are shown.
const minMaskedDigits = 8

// Mask shows so much of a contact that its owner recognizes it and a stranger
// learns little: the last two digits of a number, the first letters of the
// local part and of the domain of an address. What is not in normal form is
// hidden altogether.
func Mask(kind Kind, value string) string {
	switch kind {
	case Email:
		return maskEmail(value)
	case Mobile:
		return maskMobile(value)
	}
	return hidden
}

func maskEmail(value string) string {
	local, domain, ok := strings.Cut(value, "@")
	if !ok || local == "" || domain == "" || !plain(value) {
		return hidden
	}
	return local[:1] + hidden + "@" + domain[:1] + hidden
}

func maskMobile(value string) string {
	digits, ok := strings.CutPrefix(value, "+")
	if !ok || len(digits) < minMaskedDigits || strings.Trim(digits, "0123456789") != "" {
		return hidden
	}
	return hidden + digits[len(digits)-2:]
}

// plain reports whether a text is printable ASCII without spaces.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
