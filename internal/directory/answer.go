package directory

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// answer is a refusal that the server itself sent. An error without one means
// that no answer came.
type answer struct {
	code uint16
	text string
	// policy is the error of the password policy control, or noPolicyError.
	policy int
}

// noPolicyError stands where the answer had no password policy error; 0 is one.
const noPolicyError = -1

// The errors of the password policy control (draft-behera-ldap-password-policy
// §6.2; 9 is OpenLDAP's).
const (
	policyExpired             = 0
	policyLocked              = 1
	policyChangeAfterReset    = 2
	policyModNotAllowed       = 3
	policyMustSupplyOld       = 4
	policyInsufficientQuality = 5
	policyTooShort            = 6
	policyTooYoung            = 7
	policyInHistory           = 8
	policyTooLong             = 9
)

// answerOf returns what the server answered. go-ldap uses result codes from 200
// on for its own errors, and plain errors for some of a broken connection.
func answerOf(err error) (answer, bool) {
	e, ok := errors.AsType[*ldap.Error](err)
	if !ok || e.ResultCode >= ldap.ErrorNetwork || e.Packet == nil {
		return answer{}, false
	}
	return answer{code: e.ResultCode, text: e.Err.Error(), policy: policyErrorIn(e.Packet)}, true
}

// answered reports whether the server itself refused.
func answered(err error) bool {
	_, ok := answerOf(err)
	return ok
}

// String is for operators: codes, and the directory's text without the part in
// which it may name an entry.
func (a answer) String() string {
	detail := fmt.Sprintf("code %d (%s)", a.code, ldap.LDAPResultCodeMap[a.code])
	if a.policy != noPolicyError {
		detail += fmt.Sprintf(", password policy error %d", a.policy)
	}
	if text := withoutNames(a.text); text != "" {
		detail += ": " + text
	}
	return detail
}

const maxTextLength = 200

// withoutNames cuts a server's text before the first word that may be a part
// of a DN, and makes it one printable line.
func withoutNames(text string) string {
	if i := strings.IndexByte(text, '='); i >= 0 {
		text = text[:strings.LastIndexAny(text[:i], " \t\n")+1] + "…"
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxTextLength {
		text = string(runes[:maxTextLength]) + "…"
	}
	return strings.TrimSpace(text)
}

// policyErrorIn looks for the password policy control in a whole response.
// go-ldap's decoder knows the errors up to 8 only and drops the control with
// anything else.
func policyErrorIn(response *ber.Packet) int {
	if len(response.Children) < 3 {
		return noPolicyError
	}
	for _, control := range response.Children[2].Children {
		if control == nil || len(control.Children) < 2 || octets(control.Children[0]) != ldap.ControlTypeBeheraPasswordPolicy {
			continue
		}
		return policyErrorOf(octets(control.Children[len(control.Children)-1]))
	}
	return noPolicyError
}

// policyErrorOf decodes PasswordPolicyResponseValue: SEQUENCE { warning [0]
// CHOICE OPTIONAL, error [1] ENUMERATED OPTIONAL }.
func policyErrorOf(value string) int {
	sequence, err := ber.DecodePacketErr([]byte(value))
	if err != nil || sequence == nil {
		return noPolicyError
	}
	for _, child := range sequence.Children {
		if child == nil || child.ClassType != ber.ClassContext || child.Tag != 1 {
			continue
		}
		if bytes := octets(child); len(bytes) == 1 {
			return int(bytes[0])
		}
	}
	return noPolicyError
}

// octets returns the content of a primitive element.
func octets(packet *ber.Packet) string {
	if packet == nil || packet.Data == nil {
		return ""
	}
	return packet.Data.String()
}

// unavailable is the error of everything but a write that did not work.
func unavailable(doing string, err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	if a, ok := answerOf(err); ok {
		return fmt.Errorf("%w: %s: %s", ErrUnavailable, doing, a)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
