package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// Strategy is a way to write a password.
type Strategy string

const (
	// Direct is one Password Modify.
	Direct Strategy = "direct"
	// FlagFirst is "must-change-first": where a minimum age refuses the password,
	// the flag that it must be changed waives that age, and the write is made
	// once more. History and length hold all the same. The flag is gone after a
	// success, and taken back after anything else.
	FlagFirst Strategy = Strategy(MustChangeFirst)
	// TemporaryFirst is "temporary-then-change", for servers on which a reset goes
	// past the history: the service account sets a random password and then
	// changes it as the person would, which obeys the history. A refusal of the
	// second half leaves the person with neither password ([UnfinishedError]), and
	// each reset costs two places of the history. It is no way for OpenLDAP: =w
	// already makes slapd enforce its whole policy on the reset.
	TemporaryFirst Strategy = Strategy(TemporaryThenChange)
)

func (d *Directory) strategy() Strategy { return Strategy(d.config.WriteStrategy) }

// Result tells more about a write that was done.
type Result struct {
	// Unlocked: a temporary lock went with the write.
	Unlocked bool
	// AgeWaived: a minimum age stood in the way of a direct write.
	AgeWaived bool
	// ChangeDemanded: the directory makes the person change the password at the
	// next sign-in, although must_change is not set. The log says why.
	ChangeDemanded bool
	// Incomplete is nil, or what is missing.
	Incomplete *IncompleteError
}

// write makes the write on a connection whose entry was confirmed to be as now
// says.
func (d *Directory) write(ctx context.Context, c *conn, p *Person, now account, password string) (Result, error) {
	attempt := p.Attempt()
	attempt.ChangeStamp, attempt.Unflagged = now.changeStamp, !now.mustChange
	w := passwordWrite{
		dn: p.DN, id: p.ID, password: password, root: c.root,
		unlock: d.config.Unlock && now.state == Locked, mustChange: d.config.MustChange,
	}
	if t, ok := d.known().(temporaryWriter); ok && d.strategy() == TemporaryFirst && t.forgetsHistory(c.root) {
		return d.writeInTwo(ctx, c, t, p, attempt, w)
	}
	err := d.send(ctx, c, w)
	waived := false
	if refused, ok := errors.AsType[*RefusedError](err); ok && slices.Contains(refused.Reasons, TooYoung) && d.strategy() == FlagFirst {
		waived, err = d.sendWaived(ctx, c, attempt, w, refused)
	}
	if err != nil {
		return Result{}, d.reasoned(ctx, p, password, err, false)
	}
	result := Result{AgeWaived: waived}
	if !d.known().atOnce() {
		result.Incomplete = d.complete(ctx, c, attempt)
	}
	result.ChangeDemanded = d.changeDemanded(ctx, c, attempt)
	return result, nil
}

// send is the one write of the password.
func (d *Directory) send(ctx context.Context, c *conn, w passwordWrite) error {
	ctx, cancel := d.operation(ctx)
	defer cancel()
	sent := c.raw.written.Load()
	err := c.do(ctx, func(l *ldap.Conn) error { return d.known().setPassword(l, w) })
	return d.outcome(c, sent, err)
}

// sendWaived writes once more what was refused as too young. Whether the age
// was waived is told for a write that is done.
func (d *Directory) sendWaived(ctx context.Context, c *conn, a Attempt, w passwordWrite, refused *RefusedError) (bool, error) {
	ours, err := d.waive(ctx, c, a)
	switch {
	case errors.Is(err, ErrNotAllowed):
		d.logger.Error("write_strategy must-change-first needs a right that the service account does not have; the password is refused as too young", "server", c.server.url, "error", err)
		return false, refused
	case err != nil && !ours:
		return false, err
	case !ours:
		// Somebody flagged the person a moment ago, or the flag does not help.
		return false, refused
	}
	if err == nil {
		err = d.send(ctx, c, w)
	}
	if _, unknown := errors.AsType[*UnknownError](err); err != nil && !unknown {
		d.takeBack(ctx, c, a)
	}
	return err == nil, err
}

// waive sets the flag; ours tells that it is set, or may be.
func (d *Directory) waive(ctx context.Context, c *conn, a Attempt) (ours bool, err error) {
	waiver, ok := d.known().(ageWaiver)
	if !ok {
		return false, fmt.Errorf("%w: must-change-first is not for this kind of directory", ErrNotAllowed)
	}
	opCtx, cancel := d.operation(ctx)
	defer cancel()
	err = c.do(opCtx, func(l *ldap.Conn) error {
		ours, err = waiver.waiveAge(l, a.DN, a.ID)
		return err
	})
	if err == nil || errors.Is(err, ErrNotAllowed) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnavailable) {
		return ours, err
	}
	c.close()
	return true, fmt.Errorf("%w: waive the minimum age: %w", ErrUnavailable, err)
}

// takeBack removes the flag, which nobody may be left with.
func (d *Directory) takeBack(ctx context.Context, c *conn, a Attempt) {
	waiver, ok := d.known().(ageWaiver)
	if !a.Unflagged || !ok {
		return
	}
	err := d.insist(ctx, c, func(l *ldap.Conn) error { return waiver.demandAge(l, a.DN, a.ID, a.ChangeStamp) })
	if err != nil {
		d.logger.Error("the must-change flag that was set for a write could not be taken back; it stays until the next change of the password", "id", a.ID.String(), "server", a.Server, "error", err)
	}
}

// complete makes what belongs to a write that is done.
func (d *Directory) complete(ctx context.Context, c *conn, a Attempt) *IncompleteError {
	if !d.config.MustChange {
		return nil
	}
	err := d.insist(ctx, c, func(l *ldap.Conn) error { return d.known().requireChange(l, a.DN, a.ID) })
	if err == nil {
		return nil
	}
	incomplete := &IncompleteError{Operation: MustChange, Err: err}
	d.logger.Error("a password is written, but the person does not have to change it at the next sign-in", "id", a.ID.String(), "server", a.Server, "error", incomplete)
	return incomplete
}

// changeDemanded looks, where must_change is not set, whether the directory makes
// the person change the password all the same.
func (d *Directory) changeDemanded(ctx context.Context, c *conn, a Attempt) bool {
	demander, ok := d.known().(changeDemander)
	if !ok || d.config.MustChange {
		return false
	}
	var cause error
	err := d.insist(ctx, c, func(l *ldap.Conn) (err error) {
		cause, err = demander.demanded(l, a.DN, a.ID)
		return err
	})
	switch {
	case err != nil:
		d.logger.Warn("a password is written; whether the person has to change it at the next sign-in cannot be read", "id", a.ID.String(), "server", a.Server, "error", err)
	case cause != nil:
		d.logger.Error("a password is written, but the person has to change it at the next sign-in, although must_change is not set", "id", a.ID.String(), "server", a.Server, "error", cause)
	}
	return cause != nil
}

// completeSettled makes what belongs to a write whose outcome became known.
func (d *Directory) completeSettled(ctx context.Context, c *conn, a Attempt, p *Person, verdict Settlement) {
	a.DN = p.DN
	switch {
	case a.OwnChange:
	case (verdict == Written || verdict == Changed) && (!d.known().atOnce() || d.strategy() == TemporaryFirst):
		d.complete(ctx, c, a)
		d.changeDemanded(ctx, c, a)
	case verdict == NotWritten && d.strategy() == FlagFirst:
		d.takeBack(ctx, c, a)
	}
}

// insist makes a change that may be repeated, also where the caller has gone or
// the connection broke: once more, on a new one to the same server.
func (d *Directory) insist(ctx context.Context, c *conn, call func(*ldap.Conn) error) error {
	ctx = context.WithoutCancel(ctx)
	opCtx, cancel := d.operation(ctx)
	defer cancel()
	err := c.do(opCtx, call)
	if err == nil || errors.Is(err, ErrNotAllowed) || errors.Is(err, ErrNotFound) {
		return err
	}
	again, failure := d.connect(ctx, c.server)
	if failure != nil {
		return errors.Join(err, failure)
	}
	defer again.close()
	opCtx, cancel = d.operation(ctx)
	defer cancel()
	return again.do(opCtx, call)
}
