package ldapserver

import "latchkey/internal/setting"

// Kind is a kind of operation, by the tag of its request (RFC 4511 §4.2-4.12).
type Kind byte

// The kinds of operations.
const (
	KindBind     Kind = 0
	KindUnbind   Kind = 2
	KindSearch   Kind = 3
	KindModify   Kind = 6
	KindAdd      Kind = 8
	KindDelete   Kind = 10
	KindRename   Kind = 12
	KindCompare  Kind = 14
	KindAbandon  Kind = 16
	KindExtended Kind = 23
)

// BindRequest is a simple bind (RFC 4513 §5.1). Both empty is anonymous; a name
// without a password proves nothing and must not be let in.
type BindRequest struct {
	Name     string
	Password setting.Secret
	Controls Controls
}

// Scope is how deep a search goes.
type Scope int

// The scopes.
const (
	ScopeBase Scope = iota
	ScopeOne
	ScopeSubtree
	// scopeChildren is of RFC 4511's extension of the scopes by others; not
	// offered.
	scopes
)

// SearchRequest is RFC 4511 §4.5.1. The server itself holds to SizeLimit and
// TimeLimit; aliases are not followed.
type SearchRequest struct {
	Base       string
	Scope      Scope
	SizeLimit  int
	TimeLimit  int
	TypesOnly  bool
	Filter     Filter
	Attributes []string
	Controls   Controls
}

// CompareRequest is RFC 4511 §4.10.
type CompareRequest struct {
	DN, Attribute string
	Value         setting.Secret
	Controls      Controls
}

// ModifyRequest is RFC 4511 §4.6.
type ModifyRequest struct {
	DN       string
	Changes  []Change
	Controls Controls
}

// Change is one change of an attribute.
type Change struct {
	Operation ChangeOperation
	Attribute Attribute
}

// ChangeOperation is what a change does.
type ChangeOperation int

// The operations of a change; the last is RFC 4525's.
const (
	ChangeAdd ChangeOperation = iota
	ChangeDelete
	ChangeReplace
	ChangeIncrement
	changeOperations
)

// AddRequest is RFC 4511 §4.7.
type AddRequest struct {
	DN         string
	Attributes []Attribute
	Controls   Controls
}

// DeleteRequest is RFC 4511 §4.8.
type DeleteRequest struct {
	DN       string
	Controls Controls
}

// RenameRequest is the ModifyDN operation, RFC 4511 §4.9.
type RenameRequest struct {
	DN, NewRDN   string
	DeleteOldRDN bool
	// NewSuperior is where the entry moves to, if Moves.
	NewSuperior string
	Moves       bool
	Controls    Controls
}

// ExtendedRequest is RFC 4511 §4.12.
type ExtendedRequest struct {
	Name     string
	Value    string
	HasValue bool
	Controls Controls
}

// Attribute is a description of an attribute with values.
type Attribute struct {
	Name   string
	Values []string
}

// Entry is an entry as a search shows it.
type Entry struct {
	DN         string
	Attributes []Attribute
}

// Control is RFC 4511 §4.1.11.
type Control struct {
	OID      string
	Critical bool
	Value    string
	HasValue bool
}

// Controls are those of a request.
type Controls []Control

// Find returns the control with an OID.
func (c Controls) Find(oid string) (Control, bool) {
	for _, control := range c {
		if control.OID == oid {
			return control, true
		}
	}
	return Control{}, false
}
