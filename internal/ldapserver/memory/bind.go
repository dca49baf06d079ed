package memory

import (
	"context"
	"crypto/subtle"
	"time"

	"latchkey/internal/ldapserver"
)

// Bind is part of [ldapserver.Binder].
func (s *session) Bind(_ context.Context, r *ldapserver.BindRequest) ldapserver.Result {
	s.become(name{}, false)
	n, err := parseName(r.Name)
	switch {
	case err != nil:
		return ldapserver.Failure(ldapserver.InvalidDNSyntax, "invalid DN")
	case n.isRoot():
		return ldapserver.Result{}
	case r.Password.IsZero():
		return ldapserver.Failure(ldapserver.UnwillingToPerform, "unauthenticated bind (DN with no password) disallowed")
	}
	if refused, ok := s.needsTLS(); ok {
		return refused
	}
	d := s.directory
	if n.key == d.root.key && !d.root.isRoot() && !d.config.RootPassword.IsZero() {
		if subtle.ConstantTimeCompare([]byte(r.Password.Reveal()), []byte(d.config.RootPassword.Reveal())) != 1 {
			return ldapserver.Result{Code: ldapserver.InvalidCredentials}
		}
		s.become(d.root, false)
		return ldapserver.Result{}
	}
	var report ldapserver.Policy
	var who name
	result := d.change(n, func(e *entry) (bool, ldapserver.Result) {
		who = e.name
		var kept bool
		var result ldapserver.Result
		kept, result, report = d.prove(e, r.Password.Reveal(), time.Now())
		return kept, result
	})
	if result.Code == ldapserver.NoSuchObject {
		// What does not exist takes as long and says the same.
		d.hasher.matches(nil, r.Password.Reveal())
		return ldapserver.Result{Code: ldapserver.InvalidCredentials}
	}
	if result.Code == ldapserver.Success {
		s.become(who, report.Error == ldapserver.PolicyChangeAfterReset)
	}
	return withPolicy(result, r.Controls, report)
}

// prove compares a password and counts; kept tells whether the entry changed.
func (d *Directory) prove(e *entry, password string, now time.Time) (kept bool, result ldapserver.Result, report ldapserver.Policy) {
	refused := ldapserver.Result{Code: ldapserver.InvalidCredentials}
	p := d.policyOf(e)
	if p.isLocked(e, now) {
		return false, refused, ldapserver.Policy{Error: ldapserver.PolicyLocked}
	}
	if len(e.values(userPassword)) == 0 {
		d.hasher.matches(nil, password)
		return false, refused, report
	}
	if !d.hasher.matches(e.values(userPassword), password) {
		p.fail(e, now)
		return true, refused, report
	}
	e.set(pwdFailureTime)
	e.set(pwdAccountLockedTime)
	report = p.expire(e, now)
	if report.Error == ldapserver.PolicyExpired {
		return true, refused, report
	}
	return true, ldapserver.Result{}, report
}

// change runs f on a copy of an entry while nobody else changes it, and puts the
// copy in place if f says so.
func (d *Directory) change(n name, f func(*entry) (bool, ldapserver.Result)) ldapserver.Result {
	for {
		seen, ok := d.get(n)
		if !ok {
			return ldapserver.Result{Code: ldapserver.NoSuchObject}
		}
		if kept, result := d.changeGuarded(n, seen, f); kept {
			return result
		}
	}
}

// changeGuarded fails when the entry is another by the time that it may be
// changed.
func (d *Directory) changeGuarded(n name, seen *entry, f func(*entry) (bool, ldapserver.Result)) (bool, ldapserver.Result) {
	seen.guard.Lock()
	defer seen.guard.Unlock()
	current, ok := d.get(n)
	if !ok || current.guard != seen.guard {
		return false, ldapserver.Result{}
	}
	next := current.clone()
	kept, result := f(next)
	if kept {
		next.settle()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.entries[n.key] = next
	}
	return true, result
}
