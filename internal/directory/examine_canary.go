package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	nameLetters = "abcdefghijklmnopqrstuvwxyz"
	// weakLength is shorter than any rule on length allows.
	weakLength = 3
)

// random returns letters of an alphabet, enough of them for a password.
func random(alphabet string) string { return randomOf(alphabet, 24) }

func randomOf(alphabet string, n int) string {
	letters := make([]byte, n)
	for i := range letters {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		letters[i] = alphabet[at.Int64()]
	}
	return string(letters)
}

// strongPassword has four kinds of characters.
func strongPassword() string {
	return random(nameLetters+"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") + randomOf("0123456789", 2) + "-" + randomOf("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2) + randomOf(nameLetters, 2)
}

// try proves on the canary what the service account may write. A password that
// is set on it is thrown away.
func (x *examiner) try(ctx context.Context) {
	if x.stopped != "" || x.f == nil {
		return
	}
	if x.e.Canary == "" {
		const why = "there is no canary"
		x.sheet.Skip(checkCanary, "nothing is written without one; --canary LOGIN, or canary in [doctor], names it", x.fix(fixCanary))
		x.stopped = why
		return
	}
	canary := x.findCanary(ctx)
	if canary == nil {
		x.stopped = "there is no canary that can be used"
		return
	}
	policy := x.policyOf(ctx, canary)
	refused := x.tryWeak(ctx, canary, policy)
	if x.stopped != "" {
		return
	}
	x.tryStrong(ctx, canary)
	x.tryOthers(ctx, canary)
	x.tryProtected(ctx, refused)
}

// find looks up a login on this server.
func (x *examiner) find(ctx context.Context, login string) (*Person, error) {
	if !isLogin(login) {
		return nil, ErrNotFound
	}
	filter, ours := x.f.filter(x.d.userFilter(x.f), login)
	if !ours {
		return nil, ErrNotFound
	}
	ctx, cancel := x.d.operation(ctx)
	defer cancel()
	attributes := append(x.f.accountAttributes(), x.d.loginAttribute(x.f), "displayName", "cn", "mail")
	entries, err := x.c.search(ctx, x.d.subtree(x.d.config.BaseDN, filter, fewEntries, attributes...))
	if err != nil {
		return nil, unavailable("search for a person", err)
	}
	if len(entries) != 1 {
		return nil, ErrNotFound
	}
	return x.d.person(x.f, entries[0], x.s)
}

func (x *examiner) findCanary(ctx context.Context) *Person {
	canary, err := x.find(ctx, x.e.Canary)
	switch {
	case errors.Is(err, ErrNotFound):
		x.sheet.Skip(checkCanary, "user_filter does not find exactly one account by its login here", x.fix(fixCanary))
	case err != nil:
		x.sheet.Fail(checkCanary, x.plain(err), "")
	case NormalDN(canary.DN) == NormalDN(x.d.config.BindDN) || NormalDN(canary.DN) == x.c.identity:
		x.sheet.Fail(checkCanary, "it is the service account", "")
	case !canary.MayReset():
		x.sheet.Fail(checkCanary, "the account is "+canary.State.String(), x.fix(fixCanary))
	default:
		if err := x.claim(ctx, canary); err != nil {
			x.sheet.Fail(checkCanary, err.Error(), x.fix(fixCanary))
			return nil
		}
		x.sheet.Good(checkCanary, "found; what follows was tried on it")
		return canary
	}
	return nil
}

func (x *examiner) claim(ctx context.Context, canary *Person) error {
	if x.e.Claim == nil {
		return nil
	}
	return x.e.Claim(ctx, canary)
}

// policyOf returns the rules for a person; nil where they cannot be read.
func (x *examiner) policyOf(ctx context.Context, p *Person) *PasswordPolicy {
	for _, dn := range []string{p.policyDN, x.d.defaultPolicyDN(x.f), p.domainPolicyDN} {
		if dn == "" {
			continue
		}
		entry, err := x.read(ctx, dn, x.f.policyAttributes()...)
		if err != nil || entry == nil {
			continue
		}
		if policy, err := x.f.policy(entry, "", time.Now()); err == nil && policy != nil {
			return policy
		}
	}
	return nil
}

// set writes a password on the canary.
func (x *examiner) set(ctx context.Context, p *Person, password string) error {
	ctx, cancel := x.d.operation(ctx)
	defer cancel()
	return x.c.do(ctx, func(l *ldap.Conn) error {
		return x.f.setPassword(l, passwordWrite{dn: p.DN, id: p.ID, password: password, root: x.c.root})
	})
}

// tryWeak tells whether the directory's rules judged the write.
func (x *examiner) tryWeak(ctx context.Context, canary *Person, policy *PasswordPolicy) bool {
	err := x.set(ctx, canary, randomOf(nameLetters, weakLength))
	refused, judged := errors.AsType[*RefusedError](err)
	switch {
	case err == nil:
		x.endWeak(ctx, canary, policy)
	case judged && slices.Contains(refused.Reasons, TooYoung):
		x.sheet.Warn(checkWeak, "the minimum age refused it before anything else was looked at; give the canary a policy without one", x.fixFor(fixMinAge, canary.DN))
		x.stopped = "the canary's password is too young"
	case judged:
		x.sheet.Good(checkWeak, "%d characters were refused: the directory's rules hold for resets", weakLength)
		return true
	case errors.Is(err, ErrReadOnly):
		x.sheet.Skip(checkWeak, "this server takes no writes", "")
		x.stopped = "this server takes no writes"
	case errors.Is(err, ErrNotAllowed):
		x.sheet.Fail(checkStrong, "the service account may not write it: "+x.plain(err), x.fix(fixRights))
		x.stopped = "the service account may not write passwords"
	default:
		x.sheet.Fail(checkWeak, x.plain(err), "")
		x.stopped = "a password could not be written"
	}
	return false
}

// endWeak mends at once what was accepted.
func (x *examiner) endWeak(ctx context.Context, canary *Person, policy *PasswordPolicy) {
	if err := x.set(ctx, canary, strongPassword()); err != nil {
		x.sheet.Fail(checkWeak, "and the canary has it now, because no other could be set: disable the canary; "+x.plain(err), "")
	}
	if policy != nil && policy.MinLength <= weakLength && !policy.QualityChecked {
		x.sheet.Fail(checkWeak, fmt.Sprintf("%d characters were accepted: the canary's policy sets no least length, or does not look at it", weakLength), x.fix(fixWeakPolicy))
		return
	}
	x.sheet.Fail(checkWeak, fmt.Sprintf("%d characters were accepted: the service account goes past the directory's policy, as the root DN, an administrator or with manage", weakLength), x.fix(fixRights))
}

// tryStrong sets a password and signs in with it. Rules may refuse a random
// password by chance.
func (x *examiner) tryStrong(ctx context.Context, canary *Person) {
	const tries = 3
	var password string
	var err error
	for range tries {
		password = strongPassword()
		if err = x.set(ctx, canary, password); err == nil {
			break
		}
		if _, judged := errors.AsType[*RefusedError](err); !judged {
			break
		}
	}
	written := time.Now()
	if err != nil {
		x.sheet.Fail(checkStrong, "a strong random password: "+x.plain(err), x.fix(fixRights))
		return
	}
	c, err := dial(ctx, x.s, x.d.trust.config())
	if err != nil {
		x.sheet.Warn(checkStrong, "written, but not signed in with: "+x.plain(explain(x.s, err)), "")
		return
	}
	defer c.close()
	opCtx, cancel := x.d.operation(ctx)
	defer cancel()
	policy, err := c.bind(opCtx, canary.DN, password)
	if !x.f.signIn(policy, err).right() {
		a, _ := answerOf(err)
		x.sheet.Fail(checkStrong, "written, but it lets nobody in: "+a.String(), "")
		return
	}
	x.sheet.Good(checkStrong, "a strong random one was written, and lets in")
	x.clockOf(ctx, canary, written)
}

// clockOf tells the server's clock from the change stamp of a write just now,
// where nothing else does.
func (x *examiner) clockOf(ctx context.Context, canary *Person, written time.Time) {
	if x.sheet.Told(checkClock) {
		return
	}
	after, err := x.find(ctx, x.e.Canary)
	if err != nil || after.ID != canary.ID || after.ChangeStamp == canary.ChangeStamp {
		return
	}
	if theirs, err := generalizedTime(after.ChangeStamp); err == nil {
		x.sheet.Clock(checkClock, theirs, written, time.Second)
	}
}
