package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// otherAttributes are what nobody who only resets passwords needs to write;
// contacts may come from them.
func otherAttributes() map[string]string {
	name := "latchkey-doctor-" + randomOf(nameLetters, 8)
	return map[string]string{"description": name, "mail": name + "@doctor.invalid", "mobile": "+10000000000"}
}

// tryOthers adds a value and takes that very value away again.
func (x *examiner) tryOthers(ctx context.Context, canary *Person) {
	values := otherAttributes()
	var refused, written []string
	for _, name := range []string{"description", "mail", "mobile"} {
		err := x.modify(ctx, canary.DN, func(r *ldap.ModifyRequest) { r.Add(name, []string{values[name]}) })
		a, told := answerOf(err)
		switch {
		case err == nil:
			written = append(written, name)
			if err := x.modify(ctx, canary.DN, func(r *ldap.ModifyRequest) { r.Delete(name, []string{values[name]}) }); err != nil {
				x.sheet.Fail(checkOthers, fmt.Sprintf("the value %s that was added to %s of the canary could not be taken away", values[name], name), "")
			}
		case told && a.code == ldap.LDAPResultInsufficientAccessRights:
			refused = append(refused, name)
		}
	}
	switch {
	case len(written) > 0:
		x.sheet.Fail(checkOthers, "it may also write "+strings.Join(written, ", ")+" (undone)", x.fix(fixRights))
	case len(refused) > 0:
		x.sheet.Good(checkOthers, "writing %s was refused", strings.Join(refused, ", "))
	default:
		x.sheet.Warn(checkOthers, "the answers do not tell", "")
	}
}

func (x *examiner) modify(ctx context.Context, dn string, what func(*ldap.ModifyRequest)) error {
	ctx, cancel := x.d.operation(ctx)
	defer cancel()
	request := ldap.NewModifyRequest(dn, nil)
	what(request)
	return x.c.do(ctx, func(l *ldap.Conn) error { return l.Modify(request) })
}

// tryProtected asks for a write that changes nothing, whatever the rights, and
// only where the directory's rules were seen to hold.
func (x *examiner) tryProtected(ctx context.Context, rulesHold bool) {
	a, ok := x.f.(adviser)
	if x.e.Protected == "" || !ok {
		x.sheet.Skip(checkProtected, "protected_canary in [doctor] names no account", "# an account of an administrator, which stays as it is, in the configuration:\n[doctor]\nprotected_canary = \"LOGIN\"")
		return
	}
	if !rulesHold {
		x.sheet.Skip(checkProtected, "not tried: a weak password was not refused on the canary", "")
		return
	}
	p, err := x.find(ctx, x.e.Protected)
	if err != nil {
		x.sheet.Skip(checkProtected, "user_filter does not find exactly one account by its login here", "")
		return
	}
	policy := x.policyOf(ctx, p)
	if policy == nil || policy.MinLength <= weakLength {
		x.sheet.Skip(checkProtected, "not tried: its password policy sets no least length that can be read", "")
		return
	}
	opCtx, cancel := x.d.operation(ctx)
	defer cancel()
	err = x.c.do(opCtx, func(l *ldap.Conn) error {
		return a.touch(l, passwordWrite{dn: p.DN, id: p.ID, password: randomOf(nameLetters, weakLength), root: x.c.root})
	})
	switch {
	case errors.Is(err, ErrNotAllowed):
		x.sheet.Good(checkProtected, "its password is not for the service account to write")
	case err == nil:
		x.sheet.Fail(checkProtected, "the write was accepted: set the password of this account anew", x.fixFor(fixProtected, p.DN))
	case errors.Is(err, ErrNotFound) || !answeredOutcome(err):
		x.sheet.Warn(checkProtected, x.plain(err), "")
	default:
		x.sheet.Fail(checkProtected, "the service account may write its password; Latchkey alone keeps it from that", x.fixFor(fixProtected, p.DN))
	}
}

// answeredOutcome reports whether the server itself refused.
func answeredOutcome(err error) bool {
	_, refused := errors.AsType[*RefusedError](err)
	return refused || errors.Is(err, errAbsent)
}
