package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// ErrWrongPassword means that the password of a person is not the one that was
// given. The directory counted it.
var ErrWrongPassword = errors.New("the password is not the person's")

// Change replaces a password that the person knows, also one that has expired or
// must be changed. The directory judges the change as the person's own: history
// and minimum age count, and the old password is proved by a bind, which the
// directory counts like any sign-in.
//
// It returns what [Directory.SetPassword] returns, or [ErrWrongPassword]; where
// the directory lets nobody in with any password, because the account is locked
// or off, that is [ErrNotAllowed].
func (d *Directory) Change(ctx context.Context, p *Person, old, password string) error {
	return d.ChangeProved(ctx, p, old, password, func(context.Context) error { return nil })
}

// ChangeProved is Change, and calls proved once the old password is known to be
// right and nothing is written. Where that fails, nothing will be.
func (d *Directory) ChangeProved(ctx context.Context, p *Person, old, password string, proved func(context.Context) error) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	if checkPassword(old) != nil {
		return ErrWrongPassword // never one that was set
	}
	s, err := d.target(ctx, p)
	if err != nil {
		return err
	}
	service, _, err := d.pool.take(ctx, s, true)
	if err != nil {
		return err
	}
	defer d.pool.give(service)
	now, err := d.confirm(ctx, service, p)
	if err != nil {
		return d.heed(s, err)
	}
	if !now.state.Resettable() {
		return fmt.Errorf("%w: the account is %s", ErrNotAllowed, now.state)
	}
	person, verdict, err := d.signInAs(ctx, s, p.DN, old)
	if person != nil {
		defer person.close()
	}
	switch {
	case err != nil:
		return err
	case verdict == signInWrong:
		return ErrWrongPassword
	case !verdict.right():
		return fmt.Errorf("%w: the directory lets nobody in to this account now", ErrNotAllowed)
	}
	if err := proved(ctx); err != nil {
		return err
	}
	on, letIn := service, verdict == signInRight || verdict == signInMustChange && d.known().letsIn()
	if letIn {
		on = person
	} else if err := d.stillProved(ctx, service, p, now); err != nil {
		return d.heed(s, err)
	}
	return d.heed(s, d.reasoned(ctx, p, password, d.sendChange(ctx, on, passwordWrite{dn: p.DN, id: p.ID, password: password, root: service.root}, old, letIn), true))
}

// stillProved tells whether the account is as it was before the old password was
// proved. Where the service account writes, the directory does not compare that
// password again, and another change may have come in between.
func (d *Directory) stillProved(ctx context.Context, service *conn, p *Person, before account) error {
	now, err := d.confirm(ctx, service, p)
	switch {
	case err != nil:
		return err
	case now.changeStamp != before.changeStamp:
		return ErrWrongPassword
	case !now.state.Resettable():
		return fmt.Errorf("%w: the account is %s", ErrNotAllowed, now.state)
	}
	return nil
}

// signInAs binds once as a person, on a connection of its own, which stays open.
func (d *Directory) signInAs(ctx context.Context, s *server, dn, password string) (*conn, signIn, error) {
	ctx, cancel := d.operation(ctx)
	defer cancel()
	c, err := dial(ctx, s, d.trust.config())
	if err != nil {
		return nil, signInUnclear, unavailable("connect to try the password", explain(s, err))
	}
	policy, err := c.bind(ctx, dn, password)
	if err != nil && !answered(err) {
		return c, signInUnclear, unavailable("try the password", err)
	}
	return c, d.known().signIn(policy, err), nil
}

func (d *Directory) sendChange(ctx context.Context, c *conn, w passwordWrite, old string, letIn bool) error {
	ctx, cancel := d.operation(ctx)
	defer cancel()
	sent := c.raw.written.Load()
	err := c.do(ctx, func(l *ldap.Conn) error { return d.known().changePassword(l, w, old, letIn) })
	return d.outcome(c, sent, err)
}
