package directory

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
)

// openLDAP is slapd with the ppolicy overlay (slapo-ppolicy(5)).
type openLDAP struct{}

func isOpenLDAP(root *ldap.Entry) bool { return lists(root, "objectClass", "OpenLDAProotDSE") }

const entryUUID = "entryUUID"

func (openLDAP) accountAttributes() []string {
	return []string{
		entryUUID, pwdAccountLockedTime, pwdReset, "pwdChangedTime", "pwdStartTime", "pwdEndTime", "pwdPolicySubentry",
		"nsAccountLock", "loginDisabled", "shadowExpire",
	}
}

func (openLDAP) account(entry *ldap.Entry, now time.Time) (account, error) {
	id, err := uuid.Parse(entry.GetEqualFoldAttributeValue(entryUUID))
	if err != nil || id == uuid.Nil {
		return account{}, errors.New("the entry shows no entryUUID: give the service account read access to it")
	}
	lock := entry.GetEqualFoldAttributeValues(pwdAccountLockedTime)
	return account{
		id:          ID{Kind: entryUUID, Bytes: string(id[:])},
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
	states := []State{
		lockedState(entry.GetEqualFoldAttributeValues(pwdAccountLockedTime)),
		flagState(entry.GetEqualFoldAttributeValues("nsAccountLock")),
		flagState(entry.GetEqualFoldAttributeValues("loginDisabled")),
		timeState(entry.GetEqualFoldAttributeValues("pwdStartTime"), Disabled, now.Before),
		timeState(entry.GetEqualFoldAttributeValues("pwdEndTime"), Expired, func(t time.Time) bool { return !now.Before(t) }),
		shadowState(entry.GetEqualFoldAttributeValues("shadowExpire"), now),
	}
	for _, worst := range []State{LockedByAdministrator, Disabled, Expired, Locked} {
		if slices.Contains(states, worst) {
			return worst
		}
	}
	return Active
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

func flagState(values []string) State {
	for _, value := range values {
		if !strings.EqualFold(value, "FALSE") {
			return Disabled
		}
	}
	return Active
}

func timeState(values []string, state State, holds func(time.Time) bool) State {
	for _, value := range values {
		t, err := generalizedTime(value)
		if err != nil {
			return Disabled
		}
		if holds(t) {
			return state
		}
	}
	return Active
}

// shadowState reads the day on which the account expires, counted from 1970;
// -1 and 0 stand for none.
func shadowState(values []string, now time.Time) State {
	for _, value := range values {
		day, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return Disabled
		}
		if day > 0 && now.Unix()/int64((24*time.Hour).Seconds()) >= day {
			return Expired
		}
	}
	return Active
}

// latest returns the last of some times; zero where there is none.
func latest(values []string) time.Time {
	var last time.Time
	for _, value := range values {
		if t, err := generalizedTime(value); err == nil && t.After(last) {
			last = t
		}
	}
	return last
}

// generalizedTime reads RFC 4517 §3.3.13.
func generalizedTime(value string) (time.Time, error) {
	return ber.ParseGeneralizedTime([]byte(value))
}

const (
	passwordModifyOID = "1.3.6.1.4.1.4203.1.11.1"
	policyControlOID  = ldap.ControlTypeBeheraPasswordPolicy
)

func (openLDAP) demands(root *ldap.Entry) error {
	if !lists(root, "supportedExtension", passwordModifyOID) {
		return errors.New("the directory does not offer the Password Modify operation (RFC 3062) to the service account: allow it to read supportedExtension in the root DSE")
	}
	if !lists(root, "supportedControl", policyControlOID) {
		return errors.New("the directory has no password policy control: load and configure the ppolicy overlay")
	}
	return nil
}

func (openLDAP) setPassword(l *ldap.Conn, dn, password string) error {
	return judge(modifyPassword(l, dn, password), password)
}
