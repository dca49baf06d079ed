package directory

import (
	"errors"
	"fmt"
	"slices"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Operation is a reason for which the service account writes.
type Operation string

// The operations. A flavor may have no need of some of them.
const (
	// Reset is the password itself.
	Reset Operation = "reset"
	// MustChange is must_change: the person has to choose another password at
	// the next sign-in.
	MustChange Operation = "must_change"
	// MustChangeFirst is write_strategy = "must-change-first".
	MustChangeFirst Operation = "must-change-first"
	// Unlock is [Directory.Unlock].
	Unlock Operation = "unlock"
	// OwnChange is [Directory.Change] where the service account sends it.
	OwnChange Operation = "change"
	// TemporaryThenChange is the first half of write_strategy =
	// "temporary-then-change"; the second is an OwnChange.
	TemporaryThenChange Operation = "temporary-then-change"
	// WriteBackContacts is what [WriteBack] does, as another identity.
	WriteBackContacts Operation = "write_back"
)

// Permission is one change that the service account makes.
type Permission struct {
	Flavor    string
	Operation Operation
	// Attribute is what changes.
	Attribute string
	// Change is how: exop (Password Modify, RFC 3062), replace, add or delete.
	Change string
	// Value is all that may be written; empty stands for the password, or for
	// the value that is taken away.
	Value string
	// Right is what the access rules have to give the service account.
	Right string
}

// Writes lists all that the service accounts ever write (S31). What is not in
// the list is not sent: the changes beside the password are made from it.
func Writes() []Permission {
	var all []Permission
	for _, k := range kinds() {
		for _, p := range k.flavor.permissions() {
			p.Flavor = k.name
			all = append(all, p)
		}
	}
	return all
}

var (
	// errAbsent means that what was to be taken away is not there.
	errAbsent = errors.New("the value is not there")
	// errUnmet means that the entry is not as the change demands it.
	errUnmet = errors.New("the entry is not as it was")
	// errNotListed is a fault of this program.
	errNotListed = errors.New("not in the list of what may be written")
)

// change is one Modify with a condition on the entry (RFC 4528), so that
// nothing can come between looking and writing; without one for a directory that
// has no such control, where the change is right whatever came between.
type change struct {
	operation Operation
	attribute string
	kind      string
	values    []string
	condition string
}

// modify sends changes that the list permits, as one. Like a password write it returns
// one of the outcomes of this package where the server answered, errAbsent and
// errUnmet among them; other errors mean that no answer came.
func modify(l *ldap.Conn, dn string, permitted []Permission, changes ...change) error {
	request, err := permittedRequest(dn, permitted, changes...)
	if err != nil {
		return err
	}
	return judgeChange(l.Modify(request))
}

// permittedRequest makes one Modify of changes that the list permits.
func permittedRequest(dn string, permitted []Permission, changes ...change) (*ldap.ModifyRequest, error) {
	request := ldap.NewModifyRequest(dn, nil)
	for _, c := range changes {
		if dn == "" || !c.isIn(permitted) {
			return nil, fmt.Errorf("%w: %w", ErrNotAllowed, errNotListed)
		}
		if c.condition != "" {
			condition, err := ldap.CompileFilter(c.condition)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrNotAllowed, errNotListed)
			}
			request.Controls = append(request.Controls, assertion{condition})
		}
		c.addTo(request)
	}
	return request, nil
}

// addTo makes the change one of a request.
func (c change) addTo(request *ldap.ModifyRequest) {
	switch c.kind {
	case "delete":
		request.Delete(c.attribute, c.values)
	case "add":
		request.Add(c.attribute, c.values)
	default:
		request.Replace(c.attribute, c.values)
	}
}

func (c change) isIn(permitted []Permission) bool {
	return len(c.values) > 0 && slices.ContainsFunc(permitted, func(p Permission) bool {
		return p.Operation == c.operation && p.Attribute == c.attribute && p.Change == c.kind &&
			(p.Value == "" && (c.kind == "delete" || c.attribute == unicodePwd || p.Operation == WriteBackContacts) || slices.Equal(c.values, []string{p.Value}))
	})
}

func judgeChange(err error) error {
	a, ok := answerOf(err)
	if !ok {
		return err
	}
	switch a.code {
	case ldap.LDAPResultNoSuchAttribute:
		return fmt.Errorf("%w: %w: %s", ErrUnavailable, errAbsent, a)
	case ldap.LDAPResultAssertionFailed:
		return fmt.Errorf("%w: %w: %s", ErrUnavailable, errUnmet, a)
	case ldap.LDAPResultConstraintViolation:
		return fmt.Errorf("%w: %s", ErrUnavailable, a)
	}
	return judge(err, "")
}

// assertionOID is the assertion control (RFC 4528).
const assertionOID = "1.3.6.1.1.12"

// assertion makes a change depend on a filter.
type assertion struct{ filter *ber.Packet }

// GetControlType is part of ldap.Control.
func (assertion) GetControlType() string { return assertionOID }

// Encode builds the control, which is critical.
func (a assertion) Encode() *ber.Packet {
	return ldap.NewControlString(assertionOID, true, string(a.filter.Bytes())).Encode()
}

// String is for go-ldap's own debugging; the filter stays out.
func (assertion) String() string { return "assertion" }
