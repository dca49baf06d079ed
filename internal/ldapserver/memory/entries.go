package memory

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/internal/ldapserver"
)

const noParent = "no write access to parent"

// Add is part of [ldapserver.EntryWriter]. Only the root DN makes entries.
func (s *session) Add(_ context.Context, r *ldapserver.AddRequest) ldapserver.Result {
	c := s.client()
	n, refused := s.mayWriteEntries(c, r.DN, noParent)
	if refused.Code != ldapserver.Success {
		return refused
	}
	if n.isRoot() || !n.within(s.directory.suffix) {
		return ldapserver.Result{Code: ldapserver.NoSuchObject}
	}
	_, relaxed := r.Controls.Find(oidRelax)
	e := newEntry(n)
	for _, a := range r.Attributes {
		if isKept(keyOf(a.Name)) && !relaxed {
			return ldapserver.Failure(ldapserver.ConstraintViolation, canonicalName(a.Name)+": no user modification allowed")
		}
		if refused := e.apply(ldapserver.Change{Operation: ldapserver.ChangeAdd, Attribute: a}); refused.Code != ldapserver.Success && refused.Code != ldapserver.NamingViolation {
			return refused
		}
	}
	// slapd notes the time of the first password where an age counts, and only there.
	if p := s.directory.policyOf(e); len(e.values(userPassword)) > 0 && e.value(pwdChangedTime) == "" && p.minAge+p.maxAge > 0 {
		e.set(pwdChangedTime, generalizedTime(time.Now()))
	}
	switch err := s.directory.insert(e, c.who); {
	case errors.Is(err, ErrExists):
		return ldapserver.Result{Code: ldapserver.EntryAlreadyExists}
	case err != nil:
		return c.notFound(n)
	}
	return ldapserver.Result{}
}

// mayWriteEntries refuses everyone but the root DN.
func (s *session) mayWriteEntries(c client, dn, refusal string) (name, ldapserver.Result) {
	n, refused := s.mayWrite(c, dn)
	switch {
	case refused.Code != ldapserver.Success:
		return name{}, refused
	case c.restricted:
		return name{}, restricted(nil)
	case !c.isRoot():
		return name{}, ldapserver.Failure(ldapserver.InsufficientAccessRights, refusal)
	}
	return n, ldapserver.Result{}
}

// Delete is part of [ldapserver.EntryWriter].
func (s *session) Delete(_ context.Context, r *ldapserver.DeleteRequest) ldapserver.Result {
	c := s.client()
	n, refused := s.mayWriteEntries(c, r.DN, noParent)
	if refused.Code != ldapserver.Success {
		return refused
	}
	return s.withLeaf(c, n, r.Controls, func(*entry) ldapserver.Result {
		s.directory.drop(n)
		return ldapserver.Result{}
	})
}

// Rename is part of [ldapserver.EntryWriter]. Entries with others below them
// stay where they are.
func (s *session) Rename(_ context.Context, r *ldapserver.RenameRequest) ldapserver.Result {
	c := s.client()
	n, refused := s.mayWriteEntries(c, r.DN, "no write access to parent's children")
	if refused.Code != ldapserver.Success {
		return refused
	}
	superior := n.parent()
	if r.Moves {
		var err error
		if superior, err = parseName(r.NewSuperior); err != nil {
			return ldapserver.Failure(ldapserver.InvalidDNSyntax, "invalid new superior DN")
		}
	}
	first, err := parseName(r.NewRDN)
	if err != nil || len(first.rdns) != 1 {
		return ldapserver.Failure(ldapserver.InvalidDNSyntax, "invalid new RDN")
	}
	to := nameOf(slices.Concat(first.rdns, superior.rdns))
	return s.withLeaf(c, n, r.Controls, func(e *entry) ldapserver.Result {
		return s.directory.move(c, e, to, r.DeleteOldRDN)
	})
}

// withLeaf runs f, under the directory's lock, on an entry without others below.
func (s *session) withLeaf(c client, n name, controls ldapserver.Controls, f func(*entry) ldapserver.Result) ldapserver.Result {
	d := s.directory
	result := d.change(n, func(e *entry) (bool, ldapserver.Result) {
		if refused := c.asserted(e, controls); refused.Code != ldapserver.Success {
			return false, refused
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.hasBelowLocked(n) {
			return false, ldapserver.Failure(ldapserver.NotAllowedOnNonLeaf, "subordinate objects must be deleted first")
		}
		return false, f(e)
	})
	if result.Code == ldapserver.NoSuchObject && result.Matched == "" {
		return c.notFound(n)
	}
	return result
}

// drop takes an entry out, under the lock.
func (d *Directory) drop(n name) {
	delete(d.entries, n.key)
	d.order = slices.DeleteFunc(d.order, func(key string) bool { return key == n.key })
}

// move gives an entry another name, under the lock.
func (d *Directory) move(c client, e *entry, to name, deleteOld bool) ldapserver.Result {
	if _, ok := d.entries[to.parent().key]; !ok || !to.within(d.suffix) {
		return ldapserver.Failure(ldapserver.NoSuchObject, "new superior does not exist")
	}
	if _, ok := d.entries[to.key]; ok && to.key != e.name.key {
		return ldapserver.Result{Code: ldapserver.EntryAlreadyExists}
	}
	from := e.name
	if deleteOld {
		for _, part := range from.rdns[0].parts {
			e.remove(part.attribute, part.value)
		}
	}
	e.name = to
	for _, part := range to.rdns[0].parts {
		e.add(part.attribute, part.value)
	}
	e.set("entryDN", to.text)
	e.touch(c.who, time.Now())
	// The place in the order stays, for the cookies of paged searches.
	delete(d.entries, from.key)
	d.entries[to.key] = e
	d.order[slices.Index(d.order, from.key)] = to.key
	return ldapserver.Result{}
}

// Compare is part of [ldapserver.Comparer].
func (s *session) Compare(_ context.Context, r *ldapserver.CompareRequest) ldapserver.Result {
	c := s.client()
	n, err := parseName(r.DN)
	if err != nil {
		return ldapserver.Failure(ldapserver.InvalidDNSyntax, "invalid DN")
	}
	if c.restricted {
		return restricted(nil)
	}
	e, ok := s.directory.get(n)
	if !ok || c.anonymous() {
		return c.notFound(n)
	}
	if refused := c.asserted(e, r.Controls); refused.Code != ldapserver.Success {
		return refused
	}
	key := keyOf(r.Attribute)
	if !c.reads(key) {
		return ldapserver.Result{Code: ldapserver.InsufficientAccessRights}
	}
	values, known := view{c, e}.look(key)
	rule := syntaxOf(baseOf(key))
	switch {
	case !known:
		return ldapserver.Result{Code: ldapserver.UndefinedAttributeType}
	case len(values) == 0:
		return ldapserver.Result{Code: ldapserver.NoSuchAttribute}
	case slices.ContainsFunc(values, func(v string) bool { return rule.equal(v, r.Value.Reveal()) }):
		return ldapserver.Result{Code: ldapserver.CompareTrue}
	}
	return ldapserver.Result{Code: ldapserver.CompareFalse}
}
