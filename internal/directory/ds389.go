package directory

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ds389 is 389 Directory Server, which is also what FreeIPA keeps its people in.
type ds389 struct{}

func is389(root *ldap.Entry) bool {
	return lists(root, "vendorName", "389 Project") || strings.HasPrefix(root.GetEqualFoldAttributeValue("vendorVersion"), "389-Directory")
}

const (
	nsUniqueID          = "nsUniqueId"
	accountUnlockTime   = "accountUnlockTime"
	passwordRetryCount  = "passwordRetryCount"
	krbPasswordExpires  = "krbPasswordExpiration"
	krbPrincipalExpires = "krbPrincipalExpiration"
)

// defaults: the policy of whoever has none of their own is in the configuration
// of the server.
func (ds389) defaults() defaults {
	return defaults{
		userFilter:      "(&(objectClass=person)(uid={login}))",
		loginAttribute:  "uid",
		defaultPolicyDN: "cn=config",
	}
}

func (ds389) filter(userFilter, login string) (string, bool) {
	return loginFilter(userFilter, login), true
}

func (ds389) accountAttributes() []string {
	return append(commonStateAttributes(), nsUniqueID, accountUnlockTime, passwordRetryCount, "passwordAllowChangeTime",
		"pwdUpdateTime", pwdReset, "pwdPolicySubentry", krbPasswordExpires, krbPrincipalExpires)
}

func (ds389) id(entry *ldap.Entry) (ID, error) {
	id, err := uniqueIDBytes(entry.GetEqualFoldAttributeValue(nsUniqueID))
	if err != nil {
		return ID{}, errors.New("the entry shows no nsUniqueId: give the service account read access to it")
	}
	return ID{Kind: nsUniqueID, Bytes: id}, nil
}

func (f ds389) account(entry *ldap.Entry, now time.Time) (account, error) {
	id, err := f.id(entry)
	if err != nil {
		return account{}, err
	}
	state := worst(append(commonStates(entry, now), lock389(entry, now),
		timeState(entry.GetEqualFoldAttributeValues(krbPrincipalExpires), Expired, func(t time.Time) bool { return !now.Before(t) })))
	a := account{
		id:           id,
		state:        state,
		changeStamp:  entry.GetEqualFoldAttributeValue("pwdUpdateTime"),
		policyDN:     entry.GetEqualFoldAttributeValue("pwdPolicySubentry"),
		mustChange:   demandsChange389(entry, now) != nil,
		changeableAt: latest(entry.GetEqualFoldAttributeValues("passwordAllowChangeTime")),
	}
	if state == Locked {
		a.lock = entry.GetEqualFoldAttributeValues(accountUnlockTime)
	}
	return a, nil
}

// lock389: the server locks until accountUnlockTime, or with passwordUnlock off
// until the year 1970, which is for good. A password that is written takes the
// count of wrong ones away and leaves the time, so that the time alone is no
// lock. From which count on it is one, the policy says; here each counts.
func lock389(entry *ldap.Entry, now time.Time) State {
	count := entry.GetEqualFoldAttributeValue(passwordRetryCount)
	if n, err := strconv.Atoi(count); err == nil && n == 0 || count == "" {
		return Active
	}
	for _, value := range entry.GetEqualFoldAttributeValues(accountUnlockTime) {
		until, err := generalizedTime(value)
		switch {
		case err != nil:
			return Disabled
		case until.Unix() <= 0:
			return LockedByAdministrator
		case now.Before(until):
			return Locked
		}
	}
	return Active
}

func (ds389) idFilter(id ID) (string, error) {
	if id.Kind != nsUniqueID || len(id.Bytes) != uniqueIDLength {
		return "", fmt.Errorf("%w: the id is of another kind of directory", ErrNotFound)
	}
	const group = uniqueIDLength / 4
	b := id.Bytes
	return fmt.Sprintf("(%s=%x-%x-%x-%x)", nsUniqueID, b[:group], b[group:2*group], b[2*group:3*group], b[3*group:]), nil
}

const uniqueIDLength = 16

// uniqueIDBytes reads the four groups of eight digits of an nsUniqueId.
func uniqueIDBytes(text string) (string, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil {
		return "", err
	}
	if len(b) != uniqueIDLength {
		return "", errors.New("not an nsUniqueId")
	}
	return string(b), nil
}

func (ds389) demands(root *ldap.Entry) error { return demandsPasswordModify(root) }

// demandsPasswordModify wants RFC 3062.
func demandsPasswordModify(root *ldap.Entry) error {
	if !lists(root, "supportedExtension", passwordModifyOID) {
		return errors.New("the directory does not offer the Password Modify operation (RFC 3062) to the service account: allow it to read supportedExtension in the root DSE")
	}
	return nil
}

// setPassword: the server has one error for passwords that are too short and for
// those that are too simple, so the reason may be told by the rules only.
func (ds389) setPassword(l *ldap.Conn, w passwordWrite) error {
	return judge(modifyPassword(l, w.dn, "", w.password), w.password)
}

// letsIn: whoever must change the password may do that and nothing else.
func (ds389) letsIn() bool { return true }

// changePassword: an expired password lets nobody in, so that the service account
// replaces it; the policy judges that too. The server tells nothing where the new
// password is the old one.
func (f ds389) changePassword(l *ldap.Conn, w passwordWrite, old string, letIn bool) error {
	if !letIn {
		old = ""
	}
	err := judgeProof(modifyPassword(l, w.dn, old, w.password), w.password)
	if refused, ok := errors.AsType[*RefusedError](err); ok && old == w.password && refused.only(DirectoryRefused) {
		return &RefusedError{Reasons: []Reason{Unchanged}, Detail: refused.Detail}
	}
	return err
}

// signIn: like slapd, the server tells that a password has expired only where it
// was right. A locked account is refused with another code.
func (ds389) signIn(policy int, err error) signIn { return signInByPolicy(policy, err) }
