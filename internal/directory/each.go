package directory

import (
	"context"
	"errors"
	"fmt"

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
	// Bases are where to look, inside base_dn, none inside another; none means
	// base_dn.
	Bases []string
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
	r, err := d.OpenReader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.EachPage(ctx, q, f)
}

// EachPage is [Directory.EachPage] on the reader's connection.
func (r *Reader) EachPage(ctx context.Context, q Query, f func(Page) error) error {
	request, err := r.Request(q)
	if err != nil {
		return err
	}
	if err := r.Survey(ctx, q); err != nil {
		return err
	}
	err = r.pages(ctx, request, q.PageSize, func(result *ldap.SearchResult, answer *ldap.ControlPaging) error {
		return f(r.page(result, answer, q))
	})
	if err != nil {
		return err
	}
	// Whoever was below a base that went meanwhile was not found.
	return r.Survey(ctx, q)
}

// pages makes a search page by page.
func (r *Reader) pages(ctx context.Context, request *ldap.SearchRequest, size int, f func(*ldap.SearchResult, *ldap.ControlPaging) error) error {
	request.TimeLimit = max(1, int(r.directory.config.OperationTimeout.Std().Seconds()))
	for cookie := []byte(nil); ; {
		paging := &paging{ldap.ControlPaging{PagingSize: uint32(size), Cookie: cookie}}
		request.Controls = []ldap.Control{paging}
		result, err := r.onePage(ctx, request)
		if err != nil {
			return err
		}
		answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok {
			return fmt.Errorf("%w: %s answers without pages, so it is not known whether all is there", ErrUnavailable, r.conn.server.url)
		}
		if err := f(result, answer); err != nil {
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
	servers, err := d.order(ctx, toRead)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, s := range servers {
		c, err := d.connectBy(ctx, s, dialTapped)
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

// onePage asks for one page. What comes with an error is not used: it may end
// anywhere.
func (r *Reader) onePage(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	ctx, cancel := r.directory.operation(ctx)
	defer cancel()
	result := &ldap.SearchResult{}
	controls, err := r.stream(ctx, request, func(entry *ldap.Entry, _ []ldap.Control) error {
		if entry != nil {
			result.Entries = append(result.Entries, entry)
		}
		return nil
	})
	if err != nil && ctx.Err() != nil && !answered(err) {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultTimeLimitExceeded) {
		return nil, fmt.Errorf("%w: %s: %w", ErrTruncated, r.conn.server.url, unavailable("read a page", err))
	}
	if err != nil {
		return nil, unavailable("read a page", err)
	}
	result.Controls = controls
	return result, nil
}

func (r *Reader) page(result *ldap.SearchResult, answer *ldap.ControlPaging, q Query) Page {
	page := Page{Entries: make([]Entry, 0, len(result.Entries)), Estimate: int(answer.PagingSize)}
	if len(q.Bases) > 1 {
		page.Estimate = 0 // it counts whoever is outside too
	}
	for _, found := range result.Entries {
		if r.Inside(q, found.DN) {
			page.Entries = append(page.Entries, r.Entry(found, q.Attributes))
		}
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
