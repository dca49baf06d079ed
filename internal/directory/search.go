package directory

import (
	"context"
	"errors"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/setting"
)

// search asks the servers in order until one answers, and tells which did.
func (d *Directory) search(ctx context.Context, request *ldap.SearchRequest) ([]*ldap.Entry, *server, error) {
	return d.searchFor(ctx, toRead, request)
}

func (d *Directory) searchFor(ctx context.Context, u use, request *ldap.SearchRequest) ([]*ldap.Entry, *server, error) {
	servers, err := d.order(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	var failures []error
	for _, s := range servers {
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
	searching, cancel := context.WithTimeout(ctx, d.patience(request, fresh).Std())
	defer cancel()
	entries, err := c.search(searching, request)
	if err != nil && fresh && !answered(err) && ctx.Err() == nil {
		// It lets us in and finds nothing: others are asked first.
		s.away(time.Now())
	}
	return entries, fresh, err
}

// on runs a call on a connection to one server; what fails on one that lay idle
// is tried once more on a new one. It is for calls that may be repeated.
func (d *Directory) on(ctx context.Context, s *server, call func(context.Context, *conn) error) error {
	fresh, err := d.onOnce(ctx, s, false, call)
	if err == nil || fresh || answered(err) || ctx.Err() != nil {
		return err
	}
	_, err = d.onOnce(ctx, s, true, call)
	return err
}

func (d *Directory) onOnce(ctx context.Context, s *server, fresh bool, call func(context.Context, *conn) error) (bool, error) {
	c, fresh, err := d.pool.take(ctx, s, fresh)
	if err != nil {
		return true, err
	}
	defer d.pool.give(c)
	ctx, cancel := d.operation(ctx)
	defer cancel()
	return fresh, call(ctx, c)
}

// fewEntries is what a search for one person asks for; an index finds them.
const fewEntries = 2

// patience is how long a search may take: the first try at a few entries, on a
// connection from before, no longer than to connect. A directory that hangs takes
// connections and ends no handshake, so that everyone learns of it after twice
// that time. One that is only slow is asked again on a new connection, with all
// the time of an operation; a search may be repeated, so nothing is wrong by it.
func (d *Directory) patience(request *ldap.SearchRequest, fresh bool) setting.Duration {
	if fresh || request.SizeLimit < 1 || request.SizeLimit > fewEntries {
		return d.config.OperationTimeout
	}
	return min(d.config.ConnectTimeout, d.config.OperationTimeout)
}

// operation bounds one operation.
func (d *Directory) operation(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.config.OperationTimeout.Std())
}

// passing reports whether the server said that it cannot answer just now, or
// refers to another one, which is not followed.
func passing(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultReferral)
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
	servers, err := d.order(ctx, toRead)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, s := range servers {
		c, _, err := d.pool.take(ctx, s, false)
		if err == nil {
			d.pool.give(c)
			return d.known(), nil
		}
		failures = append(failures, err)
	}
	return nil, unavailable("connect", errors.Join(failures...))
}
