package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
)

// Reader is a connection to one server, bound as the service account, for
// reading that lasts. Beside a stream it may be asked short questions.
type Reader struct {
	directory *Directory
	conn      *conn
	// syncKind is the kind of the ids that the server calls entryUUID in the
	// controls of RFC 4533.
	syncKind string
	// area is set by [Reader.Survey].
	area area
}

// OpenReader connects to the first server that answers, outside the pool. Close
// must follow.
func (d *Directory) OpenReader(ctx context.Context) (*Reader, error) {
	c, err := d.reader(ctx)
	if err != nil {
		return nil, err
	}
	c.tap.open()
	r := &Reader{directory: d, conn: c, syncKind: entryUUID}
	// 389 Directory Server puts another id there.
	if is389(c.root) {
		r.syncKind = nsUniqueID
	}
	return r, nil
}

// Close ends the connection.
func (r *Reader) Close() { r.conn.close() }

// Server is the address of the server.
func (r *Reader) Server() string { return r.conn.server.url }

// Offers reports whether the server says that it knows a control.
func (r *Reader) Offers(control string) bool { return lists(r.conn.root, "supportedControl", control) }

// IsOpenLDAP reports whether the server is slapd.
func (r *Reader) IsOpenLDAP() bool { return isOpenLDAP(r.conn.root) }

// Is389 reports whether the server is 389 Directory Server.
func (r *Reader) Is389() bool { return is389(r.conn.root) }

// Request returns the search for a query, without limits of our own.
func (r *Reader) Request(q Query) (*ldap.SearchRequest, error) {
	d := r.directory
	if q.Filter != "" {
		if err := CheckFilter(q.Filter); err != nil {
			return nil, err
		}
	}
	q.Filter = cmp.Or(q.Filter, anyLogin(d.userFilter(d.known())))
	// The id is all that is read of the account; each server knows one of these.
	attributes := append([]string{entryUUID, nsUniqueID, objectGUID}, q.Attributes...)
	return ldap.NewSearchRequest(q.top(d.config.BaseDN), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, q.Filter, attributes, nil), nil
}

// Search is a search with few results, bounded by operation_timeout.
func (r *Reader) Search(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	ctx, cancel := r.directory.operation(ctx)
	defer cancel()
	var result *ldap.SearchResult
	err := r.conn.do(ctx, func(l *ldap.Conn) (err error) {
		result, err = l.Search(request)
		return err
	})
	if err != nil {
		return nil, coded("search", err)
	}
	return result, nil
}

// Stream makes a search that may last forever and calls f with every entry, and
// with nil for what is none, each with its controls. The values of an entry are in
// Values only, and one search at a time is under way. Stream returns nil where the
// server ended the search by itself and in good order. After an error the reader
// is of no further use.
func (r *Reader) Stream(ctx context.Context, request *ldap.SearchRequest, f func(*ldap.Entry, []ldap.Control) error) error {
	var own error
	last, err := r.stream(ctx, request, func(entry *ldap.Entry, controls []ldap.Control) error {
		own = f(entry, controls)
		return own
	})
	switch {
	case own != nil:
		return own
	case err != nil && ctx.Err() != nil && !answered(err):
		return context.Cause(ctx)
	case err != nil:
		return coded("read a stream", err)
	case len(last) > 0:
		return f(nil, last)
	}
	return nil
}

// stream also returns the controls that came with the end.
func (r *Reader) stream(ctx context.Context, request *ldap.SearchRequest, f func(*ldap.Entry, []ldap.Control) error) ([]ldap.Control, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	stop := context.AfterFunc(ctx, func() { r.conn.raw.Close() })
	defer stop()
	controls, err := r.conn.tap.search(request, f)
	if err != nil && !answered(err) {
		r.conn.close()
	}
	return controls, err
}

var errBroken = errors.New("the connection broke")

// Entry reads what was found.
func (r *Reader) Entry(found *ldap.Entry, attributes []string) Entry {
	entry := Entry{Attributes: make(map[string][]string, len(attributes))}
	// What fails here is the id: the entry may not be seen whole.
	if id, err := r.directory.known().id(found); err == nil {
		entry.ID = id
	}
	for _, name := range attributes {
		if values := valuesOf(found, name); len(values) > 0 {
			entry.Attributes[name] = values
		}
	}
	return entry
}

// valuesOf returns the values of an attribute, also where a server gives out the
// first of very many only and says so in the name ([MS-ADTS] 3.1.1.3.1.3.3).
func valuesOf(found *ldap.Entry, name string) []string {
	for _, a := range found.Attributes {
		if strings.EqualFold(a.Name, name) && len(a.Values) > 0 {
			return a.Values
		}
	}
	for _, a := range found.Attributes {
		if plain, _, ok := strings.Cut(a.Name, ";range="); ok && strings.EqualFold(plain, name) {
			return a.Values
		}
	}
	return nil
}

// Lookup finds those of a query who have one of these ids; few at a time.
func (r *Reader) Lookup(ctx context.Context, q Query, ids []ID) ([]Entry, error) {
	request, err := r.Request(q)
	if err != nil {
		return nil, err
	}
	var any strings.Builder
	for _, id := range ids {
		filter, err := r.directory.known().idFilter(id)
		if err != nil {
			return nil, err
		}
		any.WriteString(filter)
	}
	request.Filter = "(&" + request.Filter + "(|" + any.String() + "))"
	if r.area == nil {
		if err := r.Survey(ctx, q); err != nil {
			return nil, err
		}
	}
	result, err := r.Search(ctx, request)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(result.Entries))
	for _, found := range result.Entries {
		if r.Inside(q, found.DN) {
			entries = append(entries, r.Entry(found, q.Attributes))
		}
	}
	// Below a base that went, nobody is found.
	if len(entries) < len(ids) {
		err = r.Survey(ctx, q)
	}
	return entries, err
}

// Describe returns attributes of the root DSE as they are now.
func (r *Reader) Describe(ctx context.Context, attributes ...string) (*ldap.Entry, error) {
	result, err := r.Search(ctx, ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", attributes, nil))
	if err != nil {
		return nil, err
	}
	if len(result.Entries) != 1 {
		return nil, unavailable("read the root DSE", errNoRoot)
	}
	return result.Entries[0], nil
}

var errNoRoot = errors.New("it is not shown to the service account")

// Context is the naming context that people are in: whoever moves out of base_dn
// stays in it.
func (r *Reader) Context(ctx context.Context) (string, error) {
	root, err := r.Describe(ctx, "namingContexts")
	if err != nil {
		return "", err
	}
	found := r.directory.config.BaseDN
	base, err := ldap.ParseDN(found)
	if err != nil {
		return found, nil // the search will say so
	}
	for _, text := range root.GetEqualFoldAttributeValues("namingContexts") {
		if dn, err := ldap.ParseDN(text); err == nil && len(dn.RDNs) > 0 && dn.AncestorOfFold(base) {
			return text, nil
		}
	}
	return found, nil
}

// SyncID is the permanent id that stands in the controls of RFC 4533.
func (r *Reader) SyncID(id uuid.UUID) ID { return ID{Kind: r.syncKind, Bytes: string(id[:])} }

// AnswerError is an answer of the server to a search that is no success. Code is
// its result code (RFC 4511 §4.1.9); the text does not repeat what it says of
// entries.
type AnswerError struct {
	Code uint16
	err  error
}

func (e *AnswerError) Error() string { return e.err.Error() }

// Unwrap returns [ErrUnavailable], and [ErrTruncated] where it is that.
func (e *AnswerError) Unwrap() error { return e.err }

// syncCodes is where the codes for trying things out begin (RFC 4520 §3.8).
const syncCodes = 4096

// coded keeps the result code of an answer.
func coded(doing string, err error) error {
	a, ok := answerOf(err)
	// Codes of RFC 4533 are greater than those that go-ldap has for itself.
	if e, coded := errors.AsType[*ldap.Error](err); !ok && coded && e.Packet != nil && e.ResultCode >= syncCodes {
		a, ok = answer{code: e.ResultCode}, true
	}
	if !ok {
		return unavailable(doing, err)
	}
	told := unavailable(doing, err)
	switch a.code {
	case ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultTimeLimitExceeded:
		told = fmt.Errorf("%w: %w", ErrTruncated, told)
	}
	return &AnswerError{a.code, told}
}

// Refused reports whether a server does not do what it was asked for: it does
// not know the control, does not let the service account use it, or not there.
func Refused(err error) bool {
	answer, ok := errors.AsType[*AnswerError](err)
	if !ok {
		return false
	}
	switch answer.Code {
	case ldap.LDAPResultUnavailableCriticalExtension, ldap.LDAPResultInsufficientAccessRights,
		ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultProtocolError, ldap.LDAPResultInappropriateMatching:
		return true
	}
	return false
}
