package directory

import (
	"errors"
	"fmt"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// errGenerated means that the server set a password of its own making. Its
// value is read by nobody.
var errGenerated = errors.New("the directory answered with a password of its own making")

// modifyPassword sends Password Modify, without the old password where it is
// empty. go-ldap's own PasswordModify carries no controls, and without the control
// slapd gives no reasons.
func modifyPassword(l *ldap.Conn, dn, old, password string) error {
	if dn == "" || password == "" {
		// Without a userIdentity the server changes our own password, without a
		// password it makes one up (RFC 3062 §2).
		return fmt.Errorf("%w: neither the name nor the password may be empty", ErrNotAllowed)
	}
	response, err := l.Extended(&ldap.ExtendedRequest{
		Name:     passwordModifyOID,
		Value:    encodePasswordModify(dn, old, password),
		Controls: []ldap.Control{ldap.NewControlBeheraPasswordPolicy()},
	})
	if err != nil {
		return err
	}
	if generated(response.Value) {
		return errGenerated
	}
	return nil
}

// encodePasswordModify builds PasswdModifyRequestValue: SEQUENCE { userIdentity
// [0], oldPasswd [1] OPTIONAL, newPasswd [2] }.
func encodePasswordModify(dn, old, password string) *ber.Packet {
	value := ber.NewSequence("PasswdModifyRequestValue")
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, dn, "userIdentity"))
	if old != "" {
		value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, old, "oldPasswd"))
	}
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 2, password, "newPasswd"))
	return value
}

// generated reports whether PasswdModifyResponseValue, SEQUENCE { genPasswd [0]
// OPTIONAL }, holds anything. What cannot be read counts as a password.
func generated(value *ber.Packet) bool {
	content := octets(value)
	if content == "" {
		return false
	}
	sequence, err := ber.DecodePacketErr([]byte(content))
	return err != nil || sequence == nil || len(sequence.Children) > 0
}

// signInByPolicy reads the answer to a bind of a directory that tells by the
// password policy control what it makes of a right password.
func signInByPolicy(policy int, err error) signIn {
	a, ok := answerOf(err)
	switch {
	case err == nil && policy == policyChangeAfterReset:
		return signInMustChange
	case err == nil:
		return signInRight
	case !ok || a.code != ldap.LDAPResultInvalidCredentials:
		return signInUnclear
	case policy == policyExpired:
		return signInExpired
	case policy == noPolicyError:
		return signInWrong
	default:
		return signInUnclear
	}
}

// errSafeModify is for operators.
var errSafeModify = errors.New("the password policy wants the old password with each change (pwdSafeModify), so nobody under it can be reset: set pwdSafeModify to FALSE")

// unchangedText is what slapd says when the new password is the current one;
// the control has the same error as for one of the history.
const unchangedText = "Password is not being changed from existing value"

// judge turns the server's answer into an outcome. Errors without an answer go
// through.
func judge(err error, password string) error {
	a, ok := answerOf(err)
	if !ok {
		return err
	}
	if password != "" {
		a.text = strings.ReplaceAll(a.text, password, "…")
	}
	if a.policy == policyMustSupplyOld {
		return fmt.Errorf("%w: %w: %s", ErrNotAllowed, errSafeModify, a)
	}
	switch a.code {
	case ldap.LDAPResultConstraintViolation:
		return judgeRefusal(a)
	case ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired:
		return fmt.Errorf("%w: %s", ErrNotAllowed, a)
	case ldap.LDAPResultNoSuchObject:
		return fmt.Errorf("%w: %s", ErrNotFound, a)
	default:
		if a.refusesWrites() {
			return fmt.Errorf("%w: %s", ErrReadOnly, a)
		}
		// Busy, unavailable, other and whatever else: the server did nothing.
		return fmt.Errorf("%w: %s", ErrUnavailable, a)
	}
}

// unverifiedText is what slapd says where the old password of a request is not the
// one in force. Without it, it would say that it takes no writes.
const unverifiedText = "unwilling to verify old password"

// judgeProof is judge for a request with an old password: another change may have
// come since it was proved.
func judgeProof(err error, password string) error {
	if a, ok := answerOf(err); ok && (a.code == ldap.LDAPResultInvalidCredentials || a.text == unverifiedText) {
		return fmt.Errorf("%w: %s", ErrWrongPassword, a)
	}
	return judge(err, password)
}

func judgeRefusal(a answer) error {
	reason := DirectoryRefused
	switch a.policy {
	case policyModNotAllowed:
		return fmt.Errorf("%w: %s", ErrNotAllowed, a)
	case policyInsufficientQuality:
		reason = NotComplex
	case policyTooShort:
		reason = TooShort
	case policyTooYoung:
		reason = TooYoung
	case policyTooLong:
		reason = TooLong
	case policyInHistory:
		reason = InHistory
		if a.text == unchangedText {
			reason = Unchanged
		}
	}
	return &RefusedError{Reasons: []Reason{reason}, Detail: a.String()}
}
