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
	ascii := lowerASCII(s)
	if !plainDomain(ascii) {
		profile := idna.New(idna.ValidateForRegistration())
		var err error
		if ascii, err = profile.ToASCII(ascii); err != nil {
			return "", ErrDomain
		}
	}
	last := strings.LastIndexByte(ascii, '.')
	if last < 0 || strings.Trim(ascii[last+1:], "0123456789") == "" {
		return "", ErrDomain // one label, a trailing dot, or an IP address
	}
	return ascii, nil
}

// plainDomain reports names of which IDNA says nothing that is not here: labels of
// small letters, digits and single hyphens between them.
func plainDomain(s string) bool {
	const longest, longestLabel = 253, 63
	if s == "" || len(s) > longest {
		return false
	}
	length, last := 0, byte('-')
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && last != '-':
		case c == '.' && length > 0 && last != '-':
			length, last = 0, '-'
			continue
		default:
			return false
		}
		if length++; length > longestLabel {
			return false
		}
		last = s[i]
	}
	return length > 0 && last != '-'
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
		return byPlan(digits)
	case defaultRegion == "":
		return "", ErrNoRegion
	case !knownRegion(defaultRegion):
		return "", ErrRegion
	}
	if normal, kind, ok := numbering.national(digits, defaultRegion); ok {
		return taken(normal, kind, ofPeople(kind))
	}
	return byLibrary(digits, defaultRegion)
}

// byPlan reads the digits behind a +.
func byPlan(digits string) (string, error) {
	if normal, kind, ok := numbering.international(digits); ok {
		return taken(normal, kind, ofPeople(kind))
	}
	return byLibrary("+"+digits, "ZZ")
}

// byLibrary reads any number.
func byLibrary(digits, region string) (string, error) {
	number, err := phonenumbers.Parse(digits, region)
	if err != nil {
		return "", ErrNumberInvalid
	}
	// A number of no type is not valid; asking for that by itself would match it
	// against the plan of its country once more.
	kind := phonenumbers.GetNumberType(number)
	return taken(phonenumbers.Format(number, phonenumbers.E164), kind, personal(number, kind))
}

func taken(normal string, kind phonenumbers.PhoneNumberType, personal bool) (string, error) {
	switch {
	case kind == phonenumbers.UNKNOWN:
		return "", ErrNumberInvalid
	case !personal:
		return "", ErrSpecialNumber
	case len(normal) > maxE164:
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
func personal(number *phonenumbers.PhoneNumber, kind phonenumbers.PhoneNumberType) bool {
	const global = "001"
	if phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode())) == global {
		return false
	}
	return ofPeople(kind)
}

func ofPeople(kind phonenumbers.PhoneNumberType) bool {
	switch kind {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE, phonenumbers.FIXED_LINE_OR_MOBILE, phonenumbers.VOIP:
		return true
	}
	return false
}
