package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// maxPassword is the longest password that is sent, in bytes: slapd itself
// would take any length, and hash it.
const maxPassword = 1024

// errNotSent is a failure before anything of the write left.
var errNotSent = errors.New("nothing was sent")

// SetPassword writes a new password for a person, on the server that the person
// was read from. It returns nil, [*RefusedError], [ErrNotAllowed],
// [ErrNotFound], [ErrChanged], [ErrUnavailable], which may be [ErrReadOnly], or
// [*UnknownError]; only nil
// means that the password is written, and after all others but the last it is
// not. With [TemporaryFirst] it may also be one of these in an
// [*UnfinishedError].
//
// A write that is done may lack what belongs to it, such as must_change; that
// is logged, and told by [Directory.Reset].
func (d *Directory) SetPassword(ctx context.Context, p *Person, password string) error {
	_, err := d.Reset(ctx, p, password)
	return err
}

// Reset is SetPassword with more about a write that is done.
func (d *Directory) Reset(ctx context.Context, p *Person, password string) (Result, error) {
	if err := checkPassword(password); err != nil {
		return Result{}, err
	}
	s, err := d.target(ctx, p)
	if err != nil {
		return Result{}, err
	}
	result, err := d.writeOn(ctx, s, p, password, false)
	if errors.Is(err, errNotSent) && ctx.Err() == nil {
		result, err = d.writeOn(ctx, s, p, password, true)
	}
	return result, d.heed(s, err)
}

// checkPassword refuses what must not reach a directory, whoever forgot to
// check it.
func checkPassword(password string) error {
	switch {
	case password == "":
		return &RefusedError{Reasons: []Reason{TooShort}, Detail: "an empty password is never sent"}
	case strings.TrimSpace(password) == "":
		return &RefusedError{Reasons: []Reason{NotComplex}, Detail: "a password of spaces is never sent"}
	case strings.ContainsRune(password, 0):
		return &RefusedError{Reasons: []Reason{NotComplex}, Detail: "a password with a NUL is never sent"}
	case len(password) > maxPassword:
		return &RefusedError{Reasons: []Reason{TooLong}, Detail: fmt.Sprintf("a password of more than %d bytes is never sent", maxPassword)}
	}
	return nil
}

// target refuses to write to anything but a person who was read from here.
func (d *Directory) target(ctx context.Context, p *Person) (*server, error) {
	if p == nil || p.ID.IsZero() || strings.TrimSpace(p.DN) == "" {
		return nil, fmt.Errorf("%w: no person is named", ErrNotAllowed)
	}
	if dn, err := ldap.ParseDN(p.DN); err != nil || len(dn.RDNs) == 0 {
		return nil, fmt.Errorf("%w: the person's name is not a DN", ErrNotAllowed)
	}
	if NormalDN(p.DN) == NormalDN(d.config.BindDN) {
		return nil, errOwnAccount
	}
	return d.serverOf(ctx, p.server)
}

var errOwnAccount = fmt.Errorf("%w: it is the service account itself", ErrNotAllowed)

func (d *Directory) serverOf(ctx context.Context, url string) (*server, error) {
	servers, err := d.servers.all(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		if s.url == url {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: the person was read from a server that is not configured (any more)", ErrUnavailable)
}

func (d *Directory) writeOn(ctx context.Context, s *server, p *Person, password string, fresh bool) (Result, error) {
	c, _, err := d.pool.take(ctx, s, fresh)
	if err != nil {
		return Result{}, err
	}
	defer d.pool.give(c)
	now, err := d.confirm(ctx, c, p)
	if err != nil {
		return Result{}, err
	}
	if now.changeStamp != p.ChangeStamp {
		return Result{}, ErrChanged
	}
	if err := d.stillMayReset(p, now); err != nil {
		return Result{}, err
	}
	result, err := d.write(ctx, c, p, now, password)
	result.Unlocked = err == nil && now.state == Locked
	return result, err
}

// confirm asks on the connection of the write whether the DN still belongs to
// the person, and how the account is now. It also shows that the connection is
// alive, so that a dead one does not make an outcome unknown.
func (d *Directory) confirm(ctx context.Context, c *conn, p *Person) (account, error) {
	if c.identity == NormalDN(p.DN) {
		return account{}, errOwnAccount
	}
	if isReadOnly(c.root) {
		return account{}, fmt.Errorf("%w: it is a read-only domain controller", ErrReadOnly)
	}
	filter, err := d.known().idFilter(p.ID)
	if err != nil {
		return account{}, err
	}
	ctx, cancel := d.operation(ctx)
	defer cancel()
	entries, err := c.search(ctx, d.entry(p.DN, filter, d.known().accountAttributes()...))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject), err == nil && len(entries) == 0:
		return account{}, fmt.Errorf("%w: the entry was moved or deleted a moment ago", ErrNotFound)
	case answered(err):
		return account{}, unavailable("read the entry before the write", err)
	case err != nil:
		return account{}, fmt.Errorf("%w: %w: %w", ErrUnavailable, errNotSent, err)
	}
	now, err := d.known().account(entries[0], time.Now())
	if err != nil {
		return account{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return now, d.weighAgain(ctx, c, p, &now)
}

// weighAgain adds what groups tell: somebody may have got into one since the
// person was read.
func (d *Directory) weighAgain(ctx context.Context, c *conn, p *Person, now *account) error {
	reader, ok := d.known().(memberReader)
	if !ok {
		return nil
	}
	probe := Person{ID: p.ID, DN: p.DN, Privileged: now.privileged}
	if err := reader.weigh(ctx, c, &probe); err != nil {
		return asOutcome("read the groups before the write", err)
	}
	now.privileged = probe.Privileged
	return nil
}

// outcome sorts the end of a write. Without an answer all depends on whether
// a byte left.
func (d *Directory) outcome(c *conn, sentBefore int64, err error) error {
	_, refused := errors.AsType[*RefusedError](err)
	generated := errors.Is(err, errGenerated)
	switch {
	case err == nil || refused:
		return err
	case errors.Is(err, ErrNotAllowed), errors.Is(err, ErrNotFound), errors.Is(err, ErrUnavailable), errors.Is(err, ErrWrongPassword):
		return err
	case generated:
		d.logger.Error("the directory answered a password write with a password of its own making; it was thrown away", "server", c.server.url)
	}
	c.close()
	if c.raw.written.Load() == sentBefore {
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, errNotSent, err)
	}
	return &UnknownError{Server: c.server.url, Generated: generated, Err: err}
}
