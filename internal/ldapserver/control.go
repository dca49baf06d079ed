package ldapserver

import "math"

// The controls that this package knows how to read and write.
const (
	// OIDPaged is RFC 2696.
	OIDPaged = "1.2.840.113556.1.4.319"
	// OIDPolicy is draft-behera-ldap-password-policy-10 §6.
	OIDPolicy = "1.3.6.1.4.1.42.2.27.8.5.1"
	// OIDAssertion is RFC 4528; its value is a filter, see [ParseFilter].
	OIDAssertion = "1.3.6.1.1.12"
)

// Page is the value of the paged results control, of a request and of a result.
type Page struct {
	// Size is how many entries a page may have; in a result an estimate of all,
	// or 0.
	Size int
	// Cookie is where to go on; empty at the start and at the end.
	Cookie string
}

// ParsePage reads the control of a request.
func ParsePage(control Control) (Page, error) {
	outer := &reader{rest: []byte(control.Value)}
	inner := outer.inside(tagSequence)
	outer.end()
	page := Page{Size: inner.number(tagInteger, math.MaxInt32), Cookie: inner.text()}
	inner.end()
	if outer.err != nil {
		return Page{}, outer.err
	}
	return page, inner.err
}

// Control returns the control of a result.
func (p Page) Control() Control {
	value := appendNumber(nil, tagInteger, p.Size)
	value = appendText(value, tagOctetString, p.Cookie)
	return Control{OID: OIDPaged, Value: string(appendElement(nil, tagSequence, value)), HasValue: true}
}

// PolicyError is the error of the password policy control.
type PolicyError int

// The errors of the password policy control (draft-behera-10 §6.2).
// NoPolicyError is the zero value, so each is one more than on the wire.
const (
	NoPolicyError PolicyError = iota
	PolicyExpired
	PolicyLocked
	PolicyChangeAfterReset
	PolicyModNotAllowed
	PolicyMustSupplyOld
	PolicyInsufficientQuality
	PolicyTooShort
	PolicyTooYoung
	PolicyInHistory
	PolicyTooLong // OpenLDAP's own
)

// Policy is the value of the password policy control in a result. At most one
// of its warnings is sent: the logins that are left win.
type Policy struct {
	Error PolicyError
	// Expiring and ExpiresIn: the password expires in so many seconds.
	Expiring  bool
	ExpiresIn int
	// Grace and GraceLeft: it has expired, and so many logins are left.
	Grace     bool
	GraceLeft int
}

// Control returns the control of a result.
func (p Policy) Control() Control {
	const tagWarning = classContext | constructed
	var value []byte
	switch {
	case p.Grace:
		value = appendElement(value, tagWarning, appendNumber(nil, classContext|1, p.GraceLeft))
	case p.Expiring:
		value = appendElement(value, tagWarning, appendNumber(nil, classContext, p.ExpiresIn))
	}
	if p.Error != NoPolicyError {
		value = appendNumber(value, classContext|1, int(p.Error)-1)
	}
	return Control{OID: OIDPolicy, Value: string(appendElement(nil, tagSequence, value)), HasValue: true}
}
