package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// writeInTwo sets a temporary password and changes it at once. What can be seen
// to break a rule is refused before anything is written.
func (d *Directory) writeInTwo(ctx context.Context, c *conn, t temporaryWriter, p *Person, a Attempt, w passwordWrite) (Result, error) {
	policy, err := d.Policy(ctx, p)
	if err != nil {
		return Result{}, err
	}
	if broken := policy.broken(w.password); len(broken) > 0 {
		return Result{}, &RefusedError{Reasons: broken, Detail: "it breaks a rule that was read; nothing was sent"}
	}
	first := w
	first.password = temporaryPassword()
	if err := d.sendTemporary(ctx, c, t, first); err != nil {
		return Result{}, d.reasoned(ctx, p, first.password, err, false)
	}
	// What was begun is not left because the caller has gone.
	ctx = context.WithoutCancel(ctx)
	err = d.sendChange(ctx, c, w, first.password, false)
	if errors.Is(err, errNotSent) {
		err = d.changeOnAnother(ctx, c.server, w, first.password)
	}
	switch {
	case err == nil:
		return Result{Incomplete: d.complete(ctx, c, a)}, nil
	case errors.Is(err, ErrWrongPassword), errors.Is(err, ErrNotFound):
		return Result{}, fmt.Errorf("%w: %w", ErrChanged, err) // somebody else came in between
	case errors.Is(err, errNotSent):
		// Something was sent: the first half, so that all of it is not tried again.
		err = fmt.Errorf("%w: the second half could not be sent: %v", ErrUnavailable, err)
	}
	unfinished := &UnfinishedError{ChangeStamp: flaggedStamp, Err: d.reasoned(ctx, p, w.password, err, false)}
	d.logger.Warn("a temporary password that nobody knows is in force, until the person chooses one that the directory takes", "id", p.ID.String(), "server", c.server.url, "error", unfinished)
	return Result{}, unfinished
}

func (d *Directory) sendTemporary(ctx context.Context, c *conn, t temporaryWriter, w passwordWrite) error {
	ctx, cancel := d.operation(ctx)
	defer cancel()
	sent := c.raw.written.Load()
	err := c.do(ctx, func(l *ldap.Conn) error { return t.setTemporary(l, w) })
	return d.outcome(c, sent, err)
}

// changeOnAnother makes the second half on a new connection to the same server.
func (d *Directory) changeOnAnother(ctx context.Context, s *server, w passwordWrite, temporary string) error {
	c, err := d.connect(ctx, s)
	if err != nil {
		return unavailable("connect for the second half of the write", err)
	}
	defer c.close()
	return d.sendChange(ctx, c, w, temporary, false)
}

// temporaryPassword satisfies any policy: 255 characters are the most that one
// may demand, and a comma in every third place, which no account has in its name
// and which parts names, keeps three letters of a name from following each other.
func temporaryPassword() string {
	const groups, alphabet = 85, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	random := make([]byte, 2*groups)
	_, _ = rand.Read(random) // never fails
	var b strings.Builder
	b.WriteString("aB,0z,")
	for i := 2; i < groups; i++ {
		b.WriteByte(alphabet[int(random[2*i])%len(alphabet)])
		b.WriteByte(alphabet[int(random[2*i+1])%len(alphabet)])
		b.WriteByte(',')
	}
	return b.String()
}
