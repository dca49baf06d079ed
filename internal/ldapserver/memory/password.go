package memory

import (
	"context"
	"crypto/rand"
	"time"

	"latchkey/internal/ldapserver"
	"latchkey/internal/setting"
)

// ModifyPassword is part of [ldapserver.PasswordModifier].
func (s *session) ModifyPassword(_ context.Context, r *ldapserver.PasswordModifyRequest) (setting.Secret, ldapserver.Result) {
	if refused, ok := s.needsTLS(); ok {
		return setting.Secret{}, refused
	}
	c := s.client()
	target := c.who
	if r.Identity != "" {
		parsed, err := parseName(r.Identity)
		if err != nil {
			return setting.Secret{}, ldapserver.Failure(ldapserver.InvalidAttributeSyntax, "Invalid DN")
		}
		target = parsed
	}
	switch {
	case c.anonymous():
		return setting.Secret{}, ldapserver.Failure(ldapserver.StrongerAuthRequired, "only authenticated users may change passwords")
	case r.HasNew && r.New.IsZero():
		return setting.Secret{}, ldapserver.Failure(ldapserver.UnwillingToPerform, "password value is empty")
	}
	w := passwordWrite{client: c, password: r.New, controls: r.Controls, hasOld: r.HasOld, generate: !r.HasNew}
	if r.HasOld {
		w.old = r.Old
	}
	result := s.setPassword(target, &w)
	if result.Code != ldapserver.Success || !w.generate {
		return setting.Secret{}, result
	}
	return w.password, result
}

// passwordWrite is a new password on its way into an entry.
type passwordWrite struct {
	client   client
	password setting.Secret
	old      setting.Secret
	hasOld   bool
	generate bool
	controls ldapserver.Controls
}

// setPassword makes the change alone on the entry, and tells of it.
func (s *session) setPassword(target name, w *passwordWrite) ldapserver.Result {
	d := s.directory
	var dn string
	result := d.change(target, func(e *entry) (bool, ldapserver.Result) {
		dn = e.name.text
		if refused := d.writePassword(e, w, time.Now()); refused.Code != ldapserver.Success {
			return false, refused
		}
		return true, ldapserver.Result{}
	})
	if result.Code != ldapserver.Success {
		return result
	}
	s.free(target)
	d.tell(dn, w.password)
	return result
}

func (d *Directory) tell(dn string, password setting.Secret) {
	if d.config.OnPassword != nil {
		d.config.OnPassword(dn, password)
	}
}

// writePassword judges and renews a password in an entry that may be changed.
func (d *Directory) writePassword(e *entry, w *passwordWrite, now time.Time) ldapserver.Result {
	c := w.client
	if w.hasOld && !d.hasher.matches(e.values(userPassword), w.old.Reveal()) {
		return ldapserver.Failure(ldapserver.UnwillingToPerform, "unwilling to verify old password")
	}
	if !c.writes(e, "userpassword") {
		return ldapserver.Result{Code: ldapserver.InsufficientAccessRights}
	}
	if c.restricted && !c.isSelf(e) {
		return restricted(w.controls)
	}
	p := d.policyOf(e)
	if w.generate {
		w.password = setting.NewSecret(generated(p))
	}
	if !c.isRoot() {
		refused, why := d.judge(p, e, w.password.Reveal(), c.isSelf(e), w.hasOld, now)
		if refused.Code != ldapserver.Success {
			return withPolicy(refused, w.controls, ldapserver.Policy{Error: why})
		}
	}
	d.renew(p, e, w.password.Reveal(), now)
	if c.isRoot() && p.mustChange {
		e.set(pwdReset, "TRUE")
	}
	e.touch(c.who, now)
	return ldapserver.Result{}
}

// generated makes a password that the lengths of a policy allow.
func generated(p policy) string {
	const usual = 16
	password := rand.Text()
	for len(password) < p.minLength {
		password += rand.Text()
	}
	length := max(usual, p.minLength)
	if p.maxLength > 0 {
		length = min(length, p.maxLength)
	}
	return password[:length]
}
