package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"sync"

	"latchkey/cmd/latchkey-demo/inbox"
)

// change is a password that the directory has taken.
type change struct{ dn, password string }

// prover shows after each change who is let in by now. It knows every password
// of its own directory, and shows none.
type prover struct {
	address string
	trust   *tls.Config
	inbox   *inbox.Inbox
	out     io.Writer
	// logins and passwords are by DN.
	logins, passwords map[string]string

	mu      sync.Mutex
	waiting []change
	wake    chan struct{}
}

func newProver(i *inbox.Inbox, out io.Writer) *prover {
	p := &prover{inbox: i, out: out, logins: make(map[string]string), passwords: make(map[string]string), wake: make(chan struct{}, 1)}
	for _, one := range people() {
		p.logins[one.dn()], p.passwords[one.dn()] = one.login, firstPassword
	}
	return p
}

// changed takes a change in, and never waits: the directory calls it.
func (p *prover) changed(dn, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, change{dn, password})
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run proves until the context ends.
func (p *prover) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		p.mu.Lock()
		waiting := p.waiting
		p.waiting = nil
		p.mu.Unlock()
		for _, one := range waiting {
			p.prove(ctx, one)
		}
	}
}

// prove binds with the old password and then with the new one, which also
// clears the wrong try away.
func (p *prover) prove(ctx context.Context, c change) {
	login, known := p.logins[c.dn]
	if !known {
		return
	}
	old := p.passwords[c.dn]
	p.passwords[c.dn] = c.password
	checks := []inbox.Check{
		p.check(ctx, "A sign-in with the old password", c.dn, old, false),
		p.check(ctx, "A sign-in with the new password", c.dn, c.password, true),
	}
	if ctx.Err() != nil {
		return
	}
	p.inbox.Add(inbox.Item{Kind: inbox.Directory, Title: "The directory has a new password for " + login, Checks: checks})
	fmt.Fprintf(p.out, "\nThe directory has a new password for %s.\n", login)
	for _, one := range checks {
		fmt.Fprintf(p.out, "  %s: %s\n", one.What, one.Said)
	}
}

func (p *prover) check(ctx context.Context, what, dn, password string, want bool) inbox.Check {
	in, err := signsIn(ctx, p.address, p.trust, dn, password)
	said := map[bool]string{true: "accepted", false: "refused"}[in]
	if err != nil {
		said = "not known (" + err.Error() + ")"
	}
	return inbox.Check{What: what, Said: said, Right: err == nil && in == want}
}
