package memory

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"latchkey/internal/ldapserver"
)

// Search is part of [ldapserver.Searcher].
func (s *session) Search(ctx context.Context, r *ldapserver.SearchRequest, send func(ldapserver.Entry) error) ldapserver.Result {
	c := s.client()
	if c.restricted {
		return restricted(nil)
	}
	base, err := parseName(r.Base)
	if err != nil {
		return ldapserver.Failure(ldapserver.InvalidDNSyntax, "invalid DN")
	}
	if r.Scope == ldapserver.ScopeBase {
		if special := s.directory.special(base, s.peer); special != nil {
			return c.showSpecial(special, r, send)
		}
	}
	if refused := c.meetsBase(base, r.Controls); refused.Code != ldapserver.Success {
		return refused
	}
	page, paged, refused := pageOf(r)
	if refused.Code != ldapserver.Success {
		return refused
	}
	return c.run(ctx, &search{request: r, base: base, page: page, paged: paged, send: send})
}

// meetsBase looks at the entry where the search begins.
func (c client) meetsBase(base name, controls ldapserver.Controls) ldapserver.Result {
	e, ok := c.directory.get(base)
	if !ok || c.anonymous() {
		return c.notFound(base)
	}
	return c.asserted(e, controls)
}

// notFound names the nearest entry above to those who may see it.
func (c client) notFound(n name) ldapserver.Result {
	result := ldapserver.Result{Code: ldapserver.NoSuchObject}
	if c.anonymous() {
		return result
	}
	for above := n.parent(); !above.isRoot(); above = above.parent() {
		if e, ok := c.directory.get(above); ok {
			result.Matched = e.name.text
			break
		}
	}
	return result
}

// asserted evaluates the assertion control (RFC 4528) on an entry.
func (c client) asserted(e *entry, controls ldapserver.Controls) ldapserver.Result {
	control, ok := controls.Find(ldapserver.OIDAssertion)
	if !ok {
		return ldapserver.Result{}
	}
	filter, err := ldapserver.ParseFilter(control.Value)
	if err != nil {
		return ldapserver.Failure(ldapserver.ProtocolError, "the assertion is malformed")
	}
	if match(&filter, view{c, e}) != isTrue {
		return ldapserver.Result{Code: ldapserver.AssertionFailed}
	}
	return ldapserver.Result{}
}

// search is one search that runs.
type search struct {
	request *ldapserver.SearchRequest
	base    name
	page    page
	paged   bool
	send    func(ldapserver.Entry) error
}

// run sends what matches. It works on the entries as they were at the start.
func (c client) run(ctx context.Context, s *search) ldapserver.Result {
	sent := 0
	var last uint64
	for _, e := range c.directory.candidates(s.base, s.request.Scope, s.page.after) {
		if ctx.Err() != nil {
			return ldapserver.Result{Code: ldapserver.TimeLimitExceeded}
		}
		if match(&s.request.Filter, view{c, e}) != isTrue {
			continue
		}
		if s.paged && sent == s.page.size {
			return ldapserver.Result{Controls: []ldapserver.Control{ldapserver.Page{Cookie: strconv.FormatUint(last, 10)}.Control()}}
		}
		if err := s.send(c.show(e, s.request)); err != nil {
			return ldapserver.Result{Code: ldapserver.Other}
		}
		sent++
		last = e.sequence
	}
	if s.paged {
		return ldapserver.Result{Controls: []ldapserver.Control{ldapserver.Page{}.Control()}}
	}
	return ldapserver.Result{}
}

// candidates returns the entries in scope that came after another.
func (d *Directory) candidates(base name, scope ldapserver.Scope, after uint64) []*entry {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if scope == ldapserver.ScopeBase {
		if e, ok := d.entries[base.key]; ok && e.sequence > after {
			return []*entry{e}
		}
		return nil
	}
	var found []*entry
	for _, key := range d.order {
		e := d.entries[key]
		if e.sequence <= after || !strings.HasSuffix(key, base.key) || !e.name.within(base) {
			continue
		}
		if scope == ldapserver.ScopeOne && len(e.name.rdns) != len(base.rdns)+1 {
			continue
		}
		found = append(found, e)
	}
	return found
}

// page is where a paged search goes on.
type page struct {
	size  int
	after uint64
}

// pageOf reads the paged results control (RFC 2696). The cookie is a place in
// the order of the entries; it gives no right to anything.
func pageOf(r *ldapserver.SearchRequest) (page, bool, ldapserver.Result) {
	control, ok := r.Controls.Find(ldapserver.OIDPaged)
	if !ok {
		return page{}, false, ldapserver.Result{}
	}
	asked, err := ldapserver.ParsePage(control)
	if err != nil {
		return page{}, false, ldapserver.Failure(ldapserver.ProtocolError, "the paged results control is malformed")
	}
	if asked.Size == 0 {
		if asked.Cookie == "" {
			return page{}, false, ldapserver.Failure(ldapserver.ProtocolError, "paged results control size is zero")
		}
		return page{after: 1<<64 - 1}, true, ldapserver.Result{}
	}
	p := page{size: asked.Size}
	if asked.Cookie != "" {
		if p.after, err = strconv.ParseUint(asked.Cookie, 10, 64); err != nil {
			return page{}, false, ldapserver.Failure(ldapserver.UnwillingToPerform, "paged results cookie is invalid")
		}
	}
	return p, true, ldapserver.Result{}
}

// show selects what was asked for and may be seen (RFC 4511 §4.5.1.8).
func (c client) show(e *entry, r *ldapserver.SearchRequest) ldapserver.Entry {
	shown := ldapserver.Entry{DN: e.name.text}
	wanted := selectionOf(r.Attributes)
	visible := view{c, e}
	for i := range e.attributes {
		a := &e.attributes[i]
		if wanted.takes(a.key) && c.reads(a.key) {
			shown.Attributes = append(shown.Attributes, ldapserver.Attribute{Name: a.name, Values: a.values})
		}
	}
	for _, made := range []string{"hasSubordinates", memberOf} {
		if wanted.takes(strings.ToLower(made)) {
			if values, ok := visible.look(strings.ToLower(made)); ok && len(values) > 0 {
				shown.Attributes = append(shown.Attributes, ldapserver.Attribute{Name: made, Values: values})
			}
		}
	}
	if r.TypesOnly {
		for i := range shown.Attributes {
			shown.Attributes[i].Values = nil
		}
	}
	return shown
}

// selection is a list of attributes in a search.
type selection struct {
	user, operational bool
	keys              []string
}

func selectionOf(attributes []string) selection {
	s := selection{user: len(attributes) == 0}
	for _, attribute := range attributes {
		switch attribute {
		case "*":
			s.user = true
		case "+":
			s.operational = true
		case "1.1":
		default:
			s.keys = append(s.keys, keyOf(attribute))
		}
	}
	return s
}

// takes reports whether an attribute was asked for; a description without
// options stands for those with options too.
func (s selection) takes(key string) bool {
	if s.user && !isOperational(key) || s.operational && isOperational(key) {
		return true
	}
	return slices.Contains(s.keys, key) || slices.Contains(s.keys, baseOf(key))
}
