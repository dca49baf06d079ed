package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Unlock takes a temporary lock away and leaves the password alone. It returns
// nil, also where there is no lock, [ErrNotAllowed], [ErrNotFound] or
// [ErrUnavailable]; after the last it may be called again. The lock of an
// administrator is never taken away, nor is anything done to an account that is
// switched off.
//
// The service account needs a right for it that a reset does not need: see
// [Writes].
func (d *Directory) Unlock(ctx context.Context, p *Person) error {
	s, err := d.target(ctx, p)
	if err != nil {
		return err
	}
	c, _, err := d.pool.take(ctx, s, true)
	if err != nil {
		return err
	}
	defer d.pool.give(c)
	// A wrong password between looking and writing makes another lock.
	for range 3 {
		now, err := d.confirm(ctx, c, p)
		switch {
		case err != nil:
			return d.heed(s, err)
		case now.privileged != "":
			return fmt.Errorf("%w: %s", ErrNotAllowed, now.privileged)
		case !now.state.Resettable():
			return fmt.Errorf("%w: the account is %s", ErrNotAllowed, now.state)
		case now.state != Locked:
			return nil
		}
		opCtx, cancel := d.operation(ctx)
		err = c.do(opCtx, func(l *ldap.Conn) error { return d.known().unlock(l, p.DN, p.ID, now.lock) })
		cancel()
		if !errors.Is(err, errAbsent) && !errors.Is(err, errUnmet) {
			return d.heed(s, asOutcome("unlock", err))
		}
	}
	return fmt.Errorf("%w: the account is locked again and again", ErrUnavailable)
}

// asOutcome is for changes that may be repeated: no answer is "unavailable".
func asOutcome(doing string, err error) error {
	if err == nil || errors.Is(err, ErrNotAllowed) || errors.Is(err, ErrNotFound) {
		return err
	}
	return unavailable(doing, err)
}

// weighLock looks, where a reset may not unlock, whether the lock has run out:
// it stays on the entry until the next bind.
func (d *Directory) weighLock(ctx context.Context, p *Person) error {
	if d.config.Unlock || p.State != Locked {
		return nil
	}
	policy, err := d.Policy(ctx, p)
	if err != nil {
		return err
	}
	over := p.lockedAt.Add(policy.LockoutDuration)
	p.keepsLock = policy.LockoutDuration == 0 || p.lockedAt.IsZero() || time.Now().Before(over)
	return nil
}

// stillMayReset holds what the entry says just before the write against what it
// said when the person was read.
func (d *Directory) stillMayReset(p *Person, now account) error {
	if now.privileged != "" {
		return fmt.Errorf("%w: %s", ErrNotAllowed, now.privileged)
	}
	again := *p
	again.State = now.state
	if now.state == Locked && !d.config.Unlock && !slices.Equal(p.lock, now.lock) {
		again.keepsLock = true
	}
	if !again.MayReset() {
		return fmt.Errorf("%w: the account is %s", ErrNotAllowed, now.state)
	}
	return nil
}
