package directory

import (
	"context"
	"errors"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// settleGrace is how long a server that answers again gets for a write that it
// may still have in its queue, before "not written" is believed.
const settleGrace = 2 * time.Second

// Settle asks the server of an attempt, on a connection of its own, what became
// of the write. With the password it binds once as the person; that bind counts
// as a wrong password when the write did not happen, so ask sparingly. Without
// the password, or where the bind tells nothing, the change stamp decides; a
// stamp has whole seconds and moves with anybody's change.
//
// What belongs to the write is completed: must_change after one that happened,
// and after one that did not the flag of must-change-first is taken back.
//
// With an error the settlement is [Undecided].
func (d *Directory) Settle(ctx context.Context, a Attempt, password string) (Settlement, error) {
	s, err := d.serverOf(a.Server)
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

// verdict is what the bind, if there is a password to try, and the stamp say.
func (d *Directory) verdict(ctx context.Context, c *conn, a Attempt, p *Person, password string) (Settlement, error) {
	byStamp := stampSays(a.ChangeStamp, p.ChangeStamp)
	if password == "" {
		return d.confirmed(ctx, c, a, byStamp)
	}
	verdict, err := d.tryPassword(ctx, c.server, p.DN, password)
	switch {
	case err != nil:
		return Undecided, err
	case verdict == Written:
		return Written, nil
	case verdict == Undecided:
		return d.confirmed(ctx, c, a, byStamp)
	case byStamp == Written:
		// The password changed, but not to this one: another change came before
		// or after, or a lock hides behind the answer.
		return Undecided, nil
	default:
		return d.confirmed(ctx, c, a, NotWritten)
	}
}

// confirmed believes NotWritten only when the stamp stands still for a while.
func (d *Directory) confirmed(ctx context.Context, c *conn, a Attempt, verdict Settlement) (Settlement, error) {
	if verdict != NotWritten {
		return verdict, nil
	}
	timer := time.NewTimer(settleGrace)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Undecided, unavailable("wait for a late write", context.Cause(ctx))
	case <-timer.C:
	}
	p, err := d.readAgain(ctx, c, a.ID)
	if err != nil {
		return Undecided, err
	}
	if stampSays(a.ChangeStamp, p.ChangeStamp) == Written {
		return Undecided, nil
	}
	return NotWritten, nil
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
	attributes := append(f.accountAttributes(), d.config.LoginAttribute)
	entries, err := c.search(ctx, d.subtree(d.config.BaseDN, filter, 1, attributes...))
	if err != nil {
		return nil, unavailable("read the entry after the write", err)
	}
	if len(entries) != 1 {
		return nil, ErrNotFound
	}
	return d.person(f, entries[0], c.server)
}

// stampSays compares stamps. Two empty ones tell nothing: the service account
// may not be able to read them.
func stampSays(before, now string) Settlement {
	switch {
	case now == "":
		return Undecided
	case now != before:
		return Written
	default:
		return NotWritten
	}
}

// tryPassword binds once as the person. Only success and a plain "invalid
// credentials" tell something; a locked or expired account does not.
func (d *Directory) tryPassword(ctx context.Context, s *server, dn, password string) (Settlement, error) {
	ctx, cancel := d.operation(ctx)
	defer cancel()
	c, err := dial(ctx, s, d.trust.config())
	if err != nil {
		return Undecided, unavailable("connect to try the password", explain(s, err))
	}
	defer c.close()
	policy, err := c.bind(ctx, dn, password)
	switch a, ok := answerOf(err); {
	case err == nil:
		return Written, nil
	case errors.Is(err, errEmptyPassword):
		return Undecided, err
	case !ok:
		return Undecided, unavailable("try the password", err)
	case a.code == ldap.LDAPResultInvalidCredentials && policy == noPolicyError:
		return NotWritten, nil
	default:
		return Undecided, nil
	}
}
