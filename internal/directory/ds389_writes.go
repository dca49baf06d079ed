package directory

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// permissions: the server itself writes what must_change needs.
func (ds389) permissions() []Permission {
	return []Permission{
		{Operation: Reset, Attribute: "userPassword", Change: "exop", Right: "write"},
		{Operation: Unlock, Attribute: accountUnlockTime, Change: "delete", Right: "write"},
		{Operation: Unlock, Attribute: passwordRetryCount, Change: "replace", Value: "0", Right: "write"},
	}
}

// atOnce: whether the server did what must_change says has to be looked at.
func (ds389) atOnce() bool { return false }

var (
	// errNotDemanded is for operators.
	errNotDemanded = errors.New("the password policy of the person does not make people change a password that another account has set: set passwordMustChange to on there")
	// errMustChange and errSpent are why a person must change a password.
	errMustChange = errors.New("the password policy of the person makes people change a password that another account has set (passwordMustChange)")
	errSpent      = errors.New("FreeIPA let the password expire with the write, as it does with each that another account sets: add the service account to passSyncManagersDNs of the plugin ipa_pwd_extop")
)

// requireChange looks whether the server did so: nobody but the server writes
// pwdReset.
func (f ds389) requireChange(l *ldap.Conn, dn string, id ID) error {
	cause, err := f.demanded(l, dn, id)
	if err == nil && cause == nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, errNotDemanded)
	}
	return err
}

// demanded reads what the server wrote beside a password.
func (f ds389) demanded(l *ldap.Conn, dn string, id ID) (cause, err error) {
	filter, err := f.idFilter(id)
	if err != nil {
		return nil, err
	}
	request := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, filter, []string{pwdReset, krbPasswordExpires}, nil)
	result, err := l.Search(request)
	if err != nil {
		return nil, judgeChange(err)
	}
	if len(result.Entries) != 1 {
		return nil, fmt.Errorf("%w: the entry was moved or deleted a moment ago", ErrNotFound)
	}
	return demandsChange389(result.Entries[0], time.Now()), nil
}

// aMoment is for clocks that differ.
const aMoment = time.Minute

// demandsChange389 tells why a person must change the password, or nil. FreeIPA
// sets the time at which a password ends, to the very moment of the write where
// another account wrote it.
func demandsChange389(entry *ldap.Entry, now time.Time) error {
	if isTrue(entry, pwdReset) {
		return errMustChange
	}
	ends := entry.GetEqualFoldAttributeValues(krbPasswordExpires)
	if timeState(ends, Expired, func(t time.Time) bool { return t.Before(now.Add(aMoment)) }) != Active {
		return errSpent
	}
	return nil
}

// unlock takes away just the lock that was seen, and with it the count of wrong
// passwords, without which there is no lock. The server has no assertion control
// (RFC 4528), and needs none: it makes both changes or none, a lock that came in
// between has another time, and what an administrator switched off stays off.
func (f ds389) unlock(l *ldap.Conn, dn string, _ ID, lock []string) error {
	return modify(l, dn, f.permissions(),
		change{operation: Unlock, attribute: accountUnlockTime, kind: "delete", values: lock},
		change{operation: Unlock, attribute: passwordRetryCount, kind: "replace", values: []string{"0"}})
}
