package directory

import (
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// noLock takes a lock away.
const noLock = "0"

// permissions: Reset Password is an extended right, which lets nobody write the
// attribute by itself. Change Password is everyone's, unless an administrator
// took it away: the old password is the proof.
func (activeDirectory) permissions() []Permission {
	const reset, own, write = "Reset Password", "Change Password", "write"
	return []Permission{
		{Operation: Reset, Attribute: unicodePwd, Change: "replace", Right: reset},
		{Operation: Reset, Attribute: lockoutTime, Change: "replace", Value: noLock, Right: write},
		{Operation: MustChange, Attribute: pwdLastSet, Change: "replace", Value: flaggedStamp, Right: write},
		{Operation: Unlock, Attribute: lockoutTime, Change: "replace", Value: noLock, Right: write},
		{Operation: OwnChange, Attribute: unicodePwd, Change: "delete", Right: own},
		{Operation: OwnChange, Attribute: unicodePwd, Change: "add", Right: own},
		{Operation: TemporaryThenChange, Attribute: unicodePwd, Change: "replace", Right: reset},
		{Operation: TemporaryThenChange, Attribute: pwdLastSet, Change: "replace", Value: flaggedStamp, Right: write},
	}
}

// atOnce: one Modify carries all.
func (activeDirectory) atOnce() bool { return true }

func (f activeDirectory) requireChange(l *ldap.Conn, _ string, id ID) error {
	return f.modify(l, id, change{operation: MustChange, attribute: pwdLastSet, kind: "replace", values: []string{flaggedStamp}})
}

// unlock needs no values of the lock: an administrator has no lock of that kind.
func (f activeDirectory) unlock(l *ldap.Conn, _ string, id ID, _ []string) error {
	return f.modify(l, id, change{operation: Unlock, attribute: lockoutTime, kind: "replace", values: []string{noLock}})
}

func (f activeDirectory) modify(l *ldap.Conn, id ID, c change) error {
	err := f.send(l, passwordWrite{id: id}, []change{c})
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return fmt.Errorf("%w: %s", ErrUnavailable, refused.Detail) // there was no password
	}
	return err
}
