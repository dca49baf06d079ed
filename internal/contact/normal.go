package contact

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"
)

// Lengths of RFC 5321 §4.5.3.1, of a number as people write it, and of one in
// E.164 with its +.
const (
	maxAddress = 254
	maxLocal   = 64
	maxNumber  = 32
	maxE164    = 16
)

// NormalEmail returns the normal form of one plain address (the addr-spec of
// RFC 5322 §3.4.1 without comments, quotes and literals): the local part as it
// is, the domain in lower-case ASCII. Nothing else is folded or mapped: a
// character that merely looks like another one is refused or stays different.
func NormalEmail(s string) (string, error) {
	if s == "" {
		return "", ErrNoContact
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || strings.Contains(domain, "@") || strings.ContainsFunc(s, foreignToAddress) {
		return "", ErrNotOneAddress
	}
	if !dotAtom(local) {
		return "", ErrLocalPart
	}
	domain, err := normalDomain(domain)
	if err != nil {
		return "", err
	}
	if len(local) > maxLocal || len(local)+1+len(domain) > maxAddress {
		return "", ErrAddressTooLong
	}
	return local + "@" + domain, nil
}

// foreignToAddress reports characters that hint at something else than one
// address: a list, a display name, a second header line.
func foreignToAddress(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(`,;:<>()[]"\`, r)
}

// dotAtom reports whether s is a dot-atom-text of RFC 5322 §3.2.3.
func dotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, notAtext) {
			return false
		}
	}
	return true
}

func notAtext(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// normalDomain holds a domain to IDNA2008 (RFC 5891) without the mappings that
// UTS 46 and RFC 5895 would allow, so that "ﬁ" does not become "fi". In the
// library only the profile for registration does so.
func normalDomain(s string) (string, error) {
	profile := idna.New(idna.ValidateForRegistration())
	ascii, err := profile.ToASCII(lowerASCII(s))
	if err != nil {
		return "", ErrDomain
	}
	last := strings.LastIndexByte(ascii, '.')
	if last < 0 || strings.Trim(ascii[last+1:], "0123456789") == "" {
		return "", ErrDomain // one label, a trailing dot, or an IP address
	}
	return ascii, nil
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// NormalMobile returns one telephone number in the form of E.164, such as
// +491701234567. A number that begins with + says its country itself; others
// are read as in defaultRegion, and refused where that is empty. A trunk zero
// in parentheses, as in "+44 (0)20", is understood.
func NormalMobile(s, defaultRegion string) (string, error) {
	if s == "" {
		return "", ErrNoContact
	}
	international := s[0] == '+'
	digits, ok := onlyDigits(strings.TrimPrefix(s, "+"))
	switch {
	case !ok || len(s) > maxNumber:
		return "", ErrNotANumber
	case international && digits[0] == '0':
		return "", ErrDoublePrefix
	case international:
		digits, defaultRegion = "+"+digits, "ZZ"
	case defaultRegion == "":
		return "", ErrNoRegion
	case !knownRegion(defaultRegion):
		return "", ErrRegion
	}
	number, err := phonenumbers.Parse(digits, defaultRegion)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", ErrNumberInvalid
	}
	if !personal(number) {
		return "", ErrSpecialNumber
	}
	normal := phonenumbers.Format(number, phonenumbers.E164)
	if len(normal) > maxE164 {
		return "", ErrNumberInvalid // some countries' plans reach beyond E.164
	}
	return normal, nil
}

// onlyDigits drops what people write between digits. Anything else, digits of
// other scripts included, is not a number.
func onlyDigits(s string) (string, bool) {
	var digits strings.Builder
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			digits.WriteRune(r)
		case strings.ContainsRune(" .-/()", r):
		default:
			return "", false
		}
	}
	return digits.String(), digits.Len() > 0
}

// personal reports whether a number belongs to a person in a country: not to a
// service, and not to one of the global networks (+881, +882, +883, +979, …),
// which are known for fraud by revenue share.
func personal(number *phonenumbers.PhoneNumber) bool {
	const global = "001"
	if phonenumbers.GetRegionCodeForNumber(number) == global {
		return false
	}
	switch phonenumbers.GetNumberType(number) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE, phonenumbers.FIXED_LINE_OR_MOBILE, phonenumbers.VOIP:
		return true
	}
	return false
}
