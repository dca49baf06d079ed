package directory

import (
	"context"
	"errors"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// search asks the servers in order until one answers, and tells which did.
func (d *Directory) search(ctx context.Context, request *ldap.SearchRequest) ([]*ldap.Entry, *server, error) {
	var failures []error
	for _, s := range inOrder(d.servers, time.Now()) {
		entries, err := d.searchOn(ctx, s, request)
		if err == nil || answered(err) && !passing(err) {
			return entries, s, err
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, nil, unavailable("search", errors.Join(failures...))
}

// searchOn asks one server. A connection that lay idle may have died without
// telling, so what fails on one is tried once more on a new one.
func (d *Directory) searchOn(ctx context.Context, s *server, request *ldap.SearchRequest) ([]*ldap.Entry, error) {
	entries, fresh, err := d.searchOnce(ctx, s, request, false)
	if err == nil || fresh || answered(err) || ctx.Err() != nil {
		return entries, err
	}
	entries, _, err = d.searchOnce(ctx, s, request, true)
	return entries, err
}

func (d *Directory) searchOnce(ctx context.Context, s *server, request *ldap.SearchRequest, fresh bool) ([]*ldap.Entry, bool, error) {
	c, fresh, err := d.pool.take(ctx, s, fresh)
	if err != nil {
		return nil, true, err
	}
	defer d.pool.give(c)
	ctx, cancel := d.operation(ctx)
	defer cancel()
	entries, err := c.search(ctx, request)
	return entries, fresh, err
}

// operation bounds one operation.
func (d *Directory) operation(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.config.OperationTimeout.Std())
}

// passing reports whether the server said that it cannot answer just now.
func passing(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable)
}

// subtree is a search below a base that wants at most limit entries.
func (d *Directory) subtree(base, filter string, limit int, attributes ...string) *ldap.SearchRequest {
	return d.request(base, ldap.ScopeWholeSubtree, filter, limit, attributes)
}

// entry is a search of one entry.
func (d *Directory) entry(dn, filter string, attributes ...string) *ldap.SearchRequest {
	return d.request(dn, ldap.ScopeBaseObject, filter, 1, attributes)
}

func (d *Directory) request(base string, scope int, filter string, limit int, attributes []string) *ldap.SearchRequest {
	seconds := max(1, int(d.config.OperationTimeout.Std().Seconds()))
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, limit, seconds, false, filter, attributes, nil)
}

// noAttributes asks for the names of entries only (RFC 4511 §4.5.1.8).
const noAttributes = "1.1"

// kindOfServer returns the flavor, and connects where it is not known yet.
func (d *Directory) kindOfServer(ctx context.Context) (flavor, error) {
	if f := d.known(); f != nil {
		return f, nil
	}
	var failures []error
	for _, s := range inOrder(d.servers, time.Now()) {
		c, _, err := d.pool.take(ctx, s, false)
		if err == nil {
			d.pool.give(c)
			return d.known(), nil
		}
		failures = append(failures, err)
	}
	return nil, unavailable("connect", errors.Join(failures...))
}
