package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Query asks for many people at once.
type Query struct {
	// Filter is written by RFC 4515; empty means everyone whom user_filter may
	// find.
	Filter string
	// Attributes are those that are read beside the permanent id.
	Attributes []string
	// PageSize is how many entries one answer holds at most.
	PageSize int
}

// Entry is what was read of one entry in a page.
type Entry struct {
	// ID is zero where the entry does not show its permanent id.
	ID ID
	// Attributes holds the values by the names in the query. An attribute
	// without values, or one that may not be read, is not in it.
	Attributes map[string][]string
}

// Page is a part of all the entries that a query finds.
type Page struct {
	Entries []Entry
	// Estimate is how many entries the server thinks that there are in all
	// pages (RFC 2696 §3); 0 where it does not say.
	Estimate int
}

var (
	// ErrTruncated means that the directory showed some entries and kept others
	// back because of a limit.
	ErrTruncated = errors.New("the directory does not give out all entries: lift its limits on size and time for the service account, also for paged results")
	// ErrFilter means that a filter is not written by RFC 4515.
	ErrFilter = errors.New("not a filter in the form of RFC 4515")
)

// CheckFilter returns [ErrFilter] for a text that is no filter.
func CheckFilter(filter string) error {
	if _, err := ldap.CompileFilter(filter); err != nil {
		return ErrFilter
	}
	return nil
}

// EachPage reads everyone below base_dn whom a query finds and calls f with a
// page after the other, all from one server on a connection of its own. The
// next page is asked for when f is done with one, so that no more than one lies
// in memory.
//
// Without an error f has seen everyone; with one it has not, and whom it did
// not see may still be there. An error of f ends the reading and is returned as
// it is.
func (d *Directory) EachPage(ctx context.Context, q Query, f func(Page) error) error {
	if q.Filter == "" {
		q.Filter = anyLogin(d.config.UserFilter)
	}
	if err := CheckFilter(q.Filter); err != nil {
		return err
	}
	c, err := d.reader(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	request := d.subtree(d.config.BaseDN, q.Filter, 0, append(d.known().accountAttributes(), q.Attributes...)...)
	for cookie := []byte(nil); ; {
		paging := &paging{ldap.ControlPaging{PagingSize: uint32(q.PageSize), Cookie: cookie}}
		request.Controls = []ldap.Control{paging}
		result, err := d.page(ctx, c, request)
		if err != nil {
			return err
		}
		answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok {
			return fmt.Errorf("%w: %s answers without pages, so it is not known whether all is there", ErrUnavailable, c.server.url)
		}
		if err := f(d.entries(result, answer, q.Attributes)); err != nil {
			return err
		}
		if cookie = answer.Cookie; len(cookie) == 0 {
			return nil
		}
	}
}

// reader opens a connection outside the pool: it serves one reading, however
// long that is, and keeps nobody from being looked up.
func (d *Directory) reader(ctx context.Context) (*conn, error) {
	var failures []error
	for _, s := range inOrder(d.servers, time.Now()) {
		c, err := d.connect(ctx, s)
		if err == nil {
			return c, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, unavailable("connect", errors.Join(failures...))
}

// page asks for one page. What comes with an error is not used: it may end
// anywhere.
func (d *Directory) page(ctx context.Context, c *conn, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	ctx, cancel := d.operation(ctx)
	defer cancel()
	var result *ldap.SearchResult
	err := c.do(ctx, func(l *ldap.Conn) (err error) {
		result, err = l.Search(request)
		return err
	})
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultTimeLimitExceeded) {
		return nil, fmt.Errorf("%w: %s: %w", ErrTruncated, c.server.url, unavailable("read a page", err))
	}
	if err != nil {
		return nil, unavailable("read a page", err)
	}
	return result, nil
}

func (d *Directory) entries(result *ldap.SearchResult, answer *ldap.ControlPaging, attributes []string) Page {
	page := Page{Entries: make([]Entry, 0, len(result.Entries)), Estimate: int(answer.PagingSize)}
	for _, found := range result.Entries {
		entry := Entry{Attributes: make(map[string][]string, len(attributes))}
		// What fails here is the id: the entry may not be seen whole.
		if a, err := d.known().account(found, time.Now()); err == nil {
			entry.ID = a.id
		}
		for _, name := range attributes {
			if values := found.GetEqualFoldAttributeValues(name); len(values) > 0 {
				entry.Attributes[name] = values
			}
		}
		page.Entries = append(page.Entries, entry)
	}
	return page
}

// paging is the control of RFC 2696 marked as critical: a server that has no
// pages has to say so, instead of sending all at once.
type paging struct{ ldap.ControlPaging }

// Encode adds the criticality, which go-ldap leaves out.
func (p *paging) Encode() *ber.Packet {
	control := ber.NewSequence("Control")
	plain := p.ControlPaging.Encode()
	control.AppendChild(plain.Children[0])
	control.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "Criticality"))
	control.AppendChild(plain.Children[1])
	return control
}
