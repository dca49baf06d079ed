package memory

import (
	"slices"

	"latchkey/internal/ldapserver"
)

// special returns the root DSE (RFC 4512 §5.1) and the subschema entry, which
// are outside of the tree and open to all.
func (d *Directory) special(n name, peer *ldapserver.Peer) *entry {
	switch {
	case n.isRoot():
		return d.rootDSE(peer)
	case n.key == "cn=subschema":
		e := newEntry(n)
		e.add(objectClass, "top", "subentry", "subschema", "extensibleObject")
		e.add("cn", "Subschema")
		e.add("structuralObjectClass", "subentry")
		e.add("entryDN", subschemaDN)
		e.add("subschemaSubentry", subschemaDN)
		return e
	}
	return nil
}

func (d *Directory) rootDSE(peer *ldapserver.Peer) *entry {
	e := newEntry(name{})
	// Clients tell the kind of a server by this object class.
	e.add(objectClass, "top", "OpenLDAProotDSE")
	e.add("structuralObjectClass", "OpenLDAProotDSE")
	e.add("namingContexts", d.suffix.text)
	e.add("supportedControl", oidManageDSAIT, ldapserver.OIDPaged, ldapserver.OIDAssertion, ldapserver.OIDPolicy)
	if peer.StartTLS {
		e.add("supportedExtension", ldapserver.OIDStartTLS)
	}
	e.add("supportedExtension", ldapserver.OIDPasswordModify, ldapserver.OIDWhoAmI)
	// All operational attributes (RFC 3673), and absolute true and false (RFC 4526).
	e.add("supportedFeatures", "1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3")
	e.add("supportedLDAPVersion", "3")
	e.add("vendorName", "Latchkey")
	e.add("entryDN", "")
	e.add("subschemaSubentry", subschemaDN)
	return e
}

// open is a view that hides nothing.
type open struct{ *entry }

// look is part of seen.
func (o open) look(key string) ([]string, bool) {
	return o.byKey(key), true
}

func (c client) showSpecial(e *entry, r *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
	if match(&r.Filter, open{e}) != isTrue {
		return ldapserver.Result{}
	}
	shown := ldapserver.Entry{DN: e.name.text}
	wanted := selectionOf(r.Attributes)
	for _, a := range e.attributes {
		if wanted.takes(a.key) {
			values := slices.Clone(a.values)
			if r.TypesOnly {
				values = nil
			}
			shown.Attributes = append(shown.Attributes, ldapserver.Attribute{Name: a.name, Values: values})
		}
	}
	if err := send(shown); err != nil {
		return ldapserver.Result{Code: ldapserver.Other}
	}
	return ldapserver.Result{}
}
