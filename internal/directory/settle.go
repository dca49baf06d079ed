package directory

import (
	"context"
	"time"
)

// Attempt is all that is needed to settle a write whose outcome is unknown,
// also after a restart: the server that was asked, and who was meant.
type Attempt struct {
	Server string
	ID     ID
	DN     string
	// ChangeStamp is the stamp from before the write.
	ChangeStamp string
	// Unflagged tells that the person did not have to change the password before
	// the write. Only then is a must-change flag that outlives a write which did
	// not happen known to be ours, and taken back.
	Unflagged bool
	// OwnChange tells that the person changed a password that they knew: must_change
	// and the flag of must-change-first are no part of such a write.
	OwnChange bool
	// Overwritten tells what is known from an earlier look, or from the server's
	// answer to the write: the password in force is not the new one. A moved
	// stamp alone is then [Overwritten] again, never [Changed].
	Overwritten bool
}

// Settlement is what the directory says afterwards about such a write.
type Settlement int

// The settlements.
const (
	// Undecided: ask again later.
	Undecided Settlement = iota
	// Written: the new password lets the person in.
	Written
	// NotWritten: it does not, and the change stamp stands where it stood.
	NotWritten
	// Changed: the change stamp moved, and nothing tells who moved it.
	Changed
	// Overwritten: the change stamp moved, and yet the new password does not let
	// the person in. Either somebody changed it after the write, or there was
	// none and somebody changed it all the same.
	Overwritten
)

// settleGrace is how long a server that answers again gets for a write that it
// may still have in its queue, before "not written" is believed.
const settleGrace = 2 * time.Second

// Settle asks the server of an attempt, on a connection of its own, what became
// of the write. With the password it binds once as the person; that bind counts
// as a wrong password when it is not the person's, so ask sparingly. Without the
// password, or where the bind tells nothing, there is only the change stamp; it
// has whole seconds and moves with anybody's change, so that the best it says of
// a write is [Changed].
//
// What belongs to the write is completed: must_change after one that happened,
// and after one that did not the flag of must-change-first is taken back.
//
// With an error the settlement is [Undecided].
func (d *Directory) Settle(ctx context.Context, a Attempt, password string) (Settlement, error) {
	s, err := d.serverOf(ctx, a.Server)
	if err != nil {
		return Undecided, err
	}
	if password != "" && checkPassword(password) != nil {
		password = ""
	}
	c, err := d.connect(ctx, s)
	if err != nil {
		return Undecided, err
	}
	defer c.close()
	p, err := d.readAgain(ctx, c, a.ID)
	if err != nil {
		return Undecided, err
	}
	if c.identity == NormalDN(p.DN) || NormalDN(d.config.BindDN) == NormalDN(p.DN) {
		return Undecided, errOwnAccount
	}
	verdict, err := d.verdict(ctx, c, a, p, password)
	if err == nil {
		d.completeSettled(ctx, c, a, p, verdict)
	}
	return verdict, err
}

// verdict is what the bind, if there is a password to try, and the stamp say. A
// locked account refuses the right password like a wrong one, so it is not
// tried there.
func (d *Directory) verdict(ctx context.Context, c *conn, a Attempt, p *Person, password string) (Settlement, error) {
	byStamp := stampSays(a.ChangeStamp, p.ChangeStamp)
	if byStamp == Changed && a.Overwritten {
		byStamp = Overwritten
	}
	if password == "" || p.State != Active {
		return d.confirmed(ctx, c, p, byStamp)
	}
	verdict, err := d.tryPassword(ctx, c.server, p.DN, password)
	switch {
	case err != nil:
		return Undecided, err
	case verdict == Written:
		return Written, nil
	case verdict == Undecided:
		return d.confirmed(ctx, c, p, byStamp)
	case byStamp == Changed, byStamp == Overwritten:
		verdict = Overwritten
	}
	verdict, err = d.confirmed(ctx, c, p, verdict)
	if err != nil {
		// The directory counted a wrong password. No error, so that the caller
		// counts it too.
		d.logger.Warn("a write cannot be settled yet", "id", a.ID.String(), "server", a.Server, "error", err)
		return Undecided, nil
	}
	return verdict, nil
}

// confirmed believes NotWritten and Overwritten only when the stamp stands still
// for a while: the write itself may come late.
func (d *Directory) confirmed(ctx context.Context, c *conn, p *Person, verdict Settlement) (Settlement, error) {
	if verdict != NotWritten && verdict != Overwritten {
		return verdict, nil
	}
	timer := time.NewTimer(settleGrace)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Undecided, unavailable("wait for a late write", context.Cause(ctx))
	case <-timer.C:
	}
	again, err := d.readAgain(ctx, c, p.ID)
	if err != nil {
		return Undecided, err
	}
	if again.ChangeStamp != p.ChangeStamp {
		return Undecided, nil
	}
	return verdict, nil
}

// readAgain finds the entry by its id, wherever it is now.
func (d *Directory) readAgain(ctx context.Context, c *conn, id ID) (*Person, error) {
	f := d.known()
	filter, err := f.idFilter(id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := d.operation(ctx)
	defer cancel()
	attributes := append(f.accountAttributes(), d.loginAttribute(f))
	entries, err := c.search(ctx, d.subtree(d.config.BaseDN, filter, 1, attributes...))
	if err != nil {
		return nil, unavailable("read the entry after the write", err)
	}
	if len(entries) != 1 {
		return nil, ErrNotFound
	}
	return d.person(f, entries[0], c.server)
}

// flaggedStamp is the stamp of Active Directory while a person must change the
// password, whenever that was written.
const flaggedStamp = "0"

// stampSays compares stamps. Two empty ones tell nothing: the service account
// may not be able to read them.
func stampSays(before, now string) Settlement {
	switch {
	case now == "", now == flaggedStamp && before == flaggedStamp:
		return Undecided
	case now != before:
		return Changed
	default:
		return NotWritten
	}
}

// tryPassword binds once as the person. A right password that must be changed or
// is too old counts as right; what a locked account answers tells nothing.
func (d *Directory) tryPassword(ctx context.Context, s *server, dn, password string) (Settlement, error) {
	c, verdict, err := d.signInAs(ctx, s, dn, password)
	if c != nil {
		defer c.close()
	}
	switch {
	case err != nil:
		return Undecided, err
	case verdict.right():
		return Written, nil
	case verdict == signInWrong:
		return NotWritten, nil
	default:
		return Undecided, nil
	}
}
