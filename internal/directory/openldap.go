package directory

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
)

// openLDAP is slapd with the ppolicy overlay (slapo-ppolicy(5)).
type openLDAP struct{}

func isOpenLDAP(root *ldap.Entry) bool { return lists(root, "objectClass", "OpenLDAProotDSE") }

const entryUUID = "entryUUID"

func (openLDAP) defaults() defaults {
	return defaults{userFilter: "(&(objectClass=person)(uid={login}))", loginAttribute: "uid"}
}

func (openLDAP) filter(userFilter, login string) (string, bool) {
	return loginFilter(userFilter, login), true
}

func (openLDAP) accountAttributes() []string {
	return append(commonStateAttributes(), entryUUID, pwdAccountLockedTime, pwdReset, "pwdChangedTime", "pwdPolicySubentry")
}

func (openLDAP) id(entry *ldap.Entry) (ID, error) {
	id, err := uuid.Parse(entry.GetEqualFoldAttributeValue(entryUUID))
	if err != nil || id == uuid.Nil {
		return ID{}, errors.New("the entry shows no entryUUID: give the service account read access to it")
	}
	return ID{Kind: entryUUID, Bytes: string(id[:])}, nil
}

func (f openLDAP) account(entry *ldap.Entry, now time.Time) (account, error) {
	id, err := f.id(entry)
	if err != nil {
		return account{}, err
	}
	lock := entry.GetEqualFoldAttributeValues(pwdAccountLockedTime)
	return account{
		id:          id,
		state:       openLDAPState(entry, now),
		changeStamp: entry.GetEqualFoldAttributeValue("pwdChangedTime"),
		policyDN:    entry.GetEqualFoldAttributeValue("pwdPolicySubentry"),
		lock:        lock,
		lockedAt:    latest(lock),
		mustChange:  isTrue(entry, pwdReset),
	}, nil
}

func (openLDAP) idFilter(id ID) (string, error) {
	parsed, err := uuid.FromBytes([]byte(id.Bytes))
	if err != nil || id.Kind != entryUUID {
		return "", fmt.Errorf("%w: the id is of another kind of directory", ErrNotFound)
	}
	return "(" + entryUUID + "=" + parsed.String() + ")", nil
}

// openLDAPState takes the worst of what the attributes say. A value that cannot
// be read makes the account disabled.
func openLDAPState(entry *ldap.Entry, now time.Time) State {
	return worst(append(commonStates(entry, now), lockedState(entry.GetEqualFoldAttributeValues(pwdAccountLockedTime))))
}

// lockedState: the year 0 stands for a lock that only an administrator takes
// away. A lock that has run out is still there until the next bind; both may be
// reset.
func lockedState(values []string) State {
	if len(values) == 0 {
		return Active
	}
	for _, value := range values {
		if strings.HasPrefix(value, "0000") {
			return LockedByAdministrator
		}
		if _, err := generalizedTime(value); err != nil {
			return Disabled
		}
	}
	return Locked
}

const (
	passwordModifyOID = "1.3.6.1.4.1.4203.1.11.1"
	policyControlOID  = ldap.ControlTypeBeheraPasswordPolicy
)

func (openLDAP) demands(root *ldap.Entry) error {
	if err := demandsPasswordModify(root); err != nil {
		return err
	}
	if !lists(root, "supportedControl", policyControlOID) {
		return errors.New("the directory has no password policy control: load and configure the ppolicy overlay")
	}
	return nil
}

func (openLDAP) setPassword(l *ldap.Conn, w passwordWrite) error {
	return judge(modifyPassword(l, w.dn, "", w.password), w.password)
}

// letsIn: whoever must change the password may do that and nothing else.
func (openLDAP) letsIn() bool { return true }

// changePassword: an expired password lets nobody in, so that the service account
// replaces it; with =w the policy judges that too.
func (f openLDAP) changePassword(l *ldap.Conn, w passwordWrite, old string, letIn bool) error {
	if !letIn {
		return f.setPassword(l, w)
	}
	return judgeProof(modifyPassword(l, w.dn, old, w.password), w.password)
}

// signIn: an expired password is told by the control only where it was right,
// since slapd compares first.
func (openLDAP) signIn(policy int, err error) signIn { return signInByPolicy(policy, err) }
