package directory

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

var (
	errInClear = errors.New("the connection is not encrypted, and a password is sent on no other")
	// errWantsTLS is the operator's to mend.
	errWantsTLS = errors.New("the domain controller wants a connection with stronger encryption for passwords: give it a certificate, and let it speak TLS 1.2")
)

// Codes of Windows that an answer begins with ([MS-ERREF] 2.2).
const (
	codeAccessDenied  = 0x5
	codeGenFailure    = 0x1f
	codeWrongPassword = 0x56
	codePolicy        = 0x52d
	codeNoRight       = 0x2098
)

// windowsCode reads the code before the text of an answer, such as
// "0000052D: …"; 0 where there is none.
func windowsCode(text string) uint64 {
	const length, hexadecimal, bits = 8, 16, 32
	digits, _, ok := strings.Cut(text, ":")
	if !ok || len(digits) != length {
		return 0
	}
	code, err := strconv.ParseUint(digits, hexadecimal, bits)
	if err != nil {
		return 0
	}
	return code
}

// judgeActiveDirectory turns the answer to a Modify into an outcome. Windows says
// both constraintViolation and unwillingToPerform of what a policy refuses; its
// code tells which it is. Errors without an answer go through.
func judgeActiveDirectory(err error, secrets ...string) error {
	a, ok := answerOf(err)
	if !ok {
		return err
	}
	for _, secret := range secrets {
		if secret != "" {
			a.text = strings.ReplaceAll(a.text, secret, "…")
		}
	}
	code := windowsCode(a.text)
	refusal := a.code == ldap.LDAPResultConstraintViolation || a.code == ldap.LDAPResultUnwillingToPerform
	switch {
	case refusal && code == codePolicy:
		return &RefusedError{Reasons: []Reason{reasonOf(a.text)}, Detail: a.String()}
	case refusal && code == codeWrongPassword:
		return fmt.Errorf("%w: %s", ErrWrongPassword, a)
	case refusal && code == codeGenFailure,
		a.code == ldap.LDAPResultStrongAuthRequired, a.code == ldap.LDAPResultConfidentialityRequired:
		return fmt.Errorf("%w: %w: %s", ErrNotAllowed, errWantsTLS, a)
	case refusal && (code == codeAccessDenied || code == codeNoRight), a.code == ldap.LDAPResultInsufficientAccessRights:
		return fmt.Errorf("%w: %s", ErrNotAllowed, a)
	case a.code == ldap.LDAPResultReferral:
		return fmt.Errorf("%w: %s", ErrReadOnly, a)
	case a.code == ldap.LDAPResultNoSuchObject:
		return fmt.Errorf("%w: %s", ErrNotFound, a)
	case a.code == ldap.LDAPResultConstraintViolation:
		return &RefusedError{Reasons: []Reason{DirectoryRefused}, Detail: a.String()}
	default:
		// Unwilling for another reason, busy: nothing was done.
		return fmt.Errorf("%w: %s", ErrUnavailable, a)
	}
}

// reasonOf refines what the code told. Only Samba names the rule; after the
// answer of Windows the policy is read.
func reasonOf(text string) Reason {
	for _, said := range []struct {
		words  string
		reason Reason
	}{
		{"the password is too short", TooShort},
		{"the password does not meet the complexity criteria", NotComplex},
		{"the password was already used", InHistory},
		{"password is too young", TooYoung},
	} {
		if strings.Contains(text, said.words) {
			return said.reason
		}
	}
	return DirectoryRefused
}

// signIn reads the code of a refused bind. All but that of a wrong password, and
// of a lock, are told only where the password was right; who is locked or off is
// not told apart from others.
func (activeDirectory) signIn(_ int, err error) signIn {
	if err == nil {
		return signInRight
	}
	a, ok := answerOf(err)
	if !ok || a.code != ldap.LDAPResultInvalidCredentials {
		return signInUnclear
	}
	switch bindCode(a.text) {
	case "52e":
		return signInWrong
	case "773":
		return signInMustChange
	case "532":
		return signInExpired
	default:
		return signInUnclear
	}
}

// stateInBind says why a domain lets an account not in whose password may well be
// right; empty where it was wrong.
func stateInBind(text string) string {
	return map[string]string{
		"530": "may not sign in at this hour: give it all hours",
		"531": "may not sign in from here: allow it all workstations",
		"532": "has a password that has expired: set a new one, and let it never expire",
		"533": "is disabled: enable it",
		"701": "has expired: let the account never expire",
		"773": "must change its password first: clear that it must be changed at the next sign-in",
		"775": "is locked: unlock it",
	}[bindCode(text)]
}

// bindCode finds 52e in "…, data 52e, v1db1".
func bindCode(text string) string {
	_, rest, ok := strings.Cut(text, ", data ")
	code, _, ended := strings.Cut(rest, ",")
	if !ok || !ended {
		return ""
	}
	return strings.ToLower(code)
}
