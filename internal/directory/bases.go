package directory

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// Several bases are searched as one: below the nearest entry above all of them,
// and whoever is outside is left out here. Of several searches, someone who moves
// from one base to another while they are made could be in none of them, and two
// streams tell nothing of which came first.

// area is everything below one of several entries. Nil is all that is found.
type area []*ldap.DN

// holds reports whether an entry is in the area.
func (a area) holds(dn string) bool {
	if a == nil {
		return true
	}
	inner, err := ldap.ParseDN(dn)
	if err != nil {
		return false
	}
	for _, top := range a {
		if top.EqualFold(inner) || top.AncestorOfFold(inner) {
			return true
		}
	}
	return false
}

// top is where a search for people begins.
func (q Query) top(usual string) string {
	switch len(q.Bases) {
	case 0:
		return usual
	case 1:
		return q.Bases[0]
	}
	var shared []*ldap.RelativeDN
	for i, base := range q.Bases {
		dn, err := ldap.ParseDN(base)
		if err != nil {
			return usual
		}
		if i == 0 {
			shared = dn.RDNs
			continue
		}
		n := 0
		for n < min(len(shared), len(dn.RDNs)) && shared[len(shared)-1-n].EqualFold(dn.RDNs[len(dn.RDNs)-1-n]) {
			n++
		}
		shared = shared[len(shared)-n:]
	}
	if len(shared) == 0 {
		return usual
	}
	return (&ldap.DN{RDNs: shared}).String()
}

// Survey asks whether all bases of a query are there, where it has several: below
// one that was renamed or may not be read, nobody would be found, and nothing
// would say so. What is told of people afterwards is told by the names that the
// server has for them.
func (r *Reader) Survey(ctx context.Context, q Query) error {
	if len(q.Bases) < 2 {
		return nil
	}
	var found area
	for _, base := range q.Bases {
		request := ldap.NewSearchRequest(base, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{noAttributes}, nil)
		result, err := r.Search(ctx, request)
		if err == nil && len(result.Entries) != 1 {
			err = unavailable("search", errNoRoot)
		}
		if err != nil {
			return fmt.Errorf("look for %s: %w", base, err)
		}
		dn, err := ldap.ParseDN(result.Entries[0].DN)
		if err != nil {
			return fmt.Errorf("read the name of %s: %w", base, err)
		}
		found = append(found, dn)
	}
	r.area = found
	return nil
}

// Inside reports whether an entry is below one of the bases of a query that was
// surveyed.
func (r *Reader) Inside(q Query, dn string) bool { return len(q.Bases) < 2 || r.area.holds(dn) }
