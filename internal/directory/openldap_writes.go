package directory

import (
	"errors"

	"github.com/go-ldap/ldap/v3"
)

const (
	pwdReset             = "pwdReset"
	pwdAccountLockedTime = "pwdAccountLockedTime"
)

// permissions: a Password Modify alone also takes a temporary lock away, so
// that a reset with unlock needs no second right.
func (openLDAP) permissions() []Permission {
	return []Permission{
		{Operation: Reset, Attribute: "userPassword", Change: "exop", Right: "=w"},
		{Operation: MustChange, Attribute: pwdReset, Change: "replace", Value: "TRUE", Right: "write"},
		{Operation: MustChangeFirst, Attribute: pwdReset, Change: "replace", Value: "TRUE", Right: "write"},
		{Operation: MustChangeFirst, Attribute: pwdReset, Change: "delete", Value: "TRUE", Right: "write"},
		{Operation: Unlock, Attribute: pwdAccountLockedTime, Change: "delete", Right: "write"},
	}
}

// atOnce: a Password Modify carries nothing else.
func (openLDAP) atOnce() bool { return false }

func (f openLDAP) requireChange(l *ldap.Conn, dn string, id ID) error {
	return f.modify(l, dn, id, "", change{operation: MustChange, attribute: pwdReset, kind: "replace", values: []string{"TRUE"}})
}

// waiveAge: a password that must be changed may be changed at any age.
func (f openLDAP) waiveAge(l *ldap.Conn, dn string, id ID) (bool, error) {
	err := f.modify(l, dn, id, "(!("+pwdReset+"=TRUE))",
		change{operation: MustChangeFirst, attribute: pwdReset, kind: "replace", values: []string{"TRUE"}})
	if errors.Is(err, errUnmet) {
		return false, nil
	}
	return err == nil, err
}

// demandAge takes back what waiveAge wrote, as long as the password is the one
// from before: a later flag is somebody else's.
func (f openLDAP) demandAge(l *ldap.Conn, dn string, id ID, changeStamp string) error {
	condition := "(" + pwdReset + "=TRUE)"
	if changeStamp == "" {
		condition += "(!(pwdChangedTime=*))"
	} else {
		condition += "(pwdChangedTime=" + ldap.EscapeFilter(changeStamp) + ")"
	}
	err := f.modify(l, dn, id, condition,
		change{operation: MustChangeFirst, attribute: pwdReset, kind: "delete", values: []string{"TRUE"}})
	if errors.Is(err, errUnmet) || errors.Is(err, errAbsent) {
		return nil
	}
	return err
}

// unlock takes away just the lock that was seen, so that one that an
// administrator puts in its place stays.
func (f openLDAP) unlock(l *ldap.Conn, dn string, id ID, lock []string) error {
	return f.modify(l, dn, id, "",
		change{operation: Unlock, attribute: pwdAccountLockedTime, kind: "delete", values: lock})
}

func (f openLDAP) modify(l *ldap.Conn, dn string, id ID, condition string, c change) error {
	same, err := f.idFilter(id)
	if err != nil {
		return err
	}
	c.condition = "(&" + same + condition + ")"
	return modify(l, dn, f.permissions(), c)
}
