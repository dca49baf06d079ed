package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// lookInClear asks on a plain connection whether a password would be taken: by a
// name that does not exist and a password that is nobody's, so that nothing of
// ours is sent in clear.
func (x *examiner) lookInClear(ctx context.Context) {
	address := x.s.address
	if !x.s.startTLS {
		host, port, err := net.SplitHostPort(address)
		if err != nil || port != "636" {
			x.sheet.Skip(checkClear, "its plain port is not known", "")
			return
		}
		address = net.JoinHostPort(host, "389")
	}
	ctx, cancel := context.WithTimeout(ctx, x.d.config.ConnectTimeout.Std())
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		x.sheet.Good(checkClear, "there is no plain port at %s", address)
		return
	}
	c := &conn{raw: &meteredConn{Conn: raw}, server: x.s, ldap: ldap.NewConn(raw, false)}
	c.ldap.Start()
	defer c.close()
	_, err = c.bind(ctx, "cn=nobody-"+random(nameLetters)+","+x.d.config.BaseDN, random(nameLetters))
	a, told := answerOf(err)
	switch {
	case !told:
		x.sheet.Skip(checkClear, "the plain port does not answer", "")
	case a.code == ldap.LDAPResultConfidentialityRequired, a.code == ldap.LDAPResultStrongAuthRequired:
		x.sheet.Good(checkClear, "passwords are refused without TLS")
	case a.code == ldap.LDAPResultInvalidCredentials:
		x.sheet.Warn(checkClear, "the directory takes passwords without TLS, from other programs", x.fixAs(x.guess(x.anonymousRoot(ctx)), fixClear))
	default:
		x.sheet.Skip(checkClear, "the answer tells nothing: "+a.String(), "")
	}
}

// anonymousRoot is what the server says of itself before anybody is let in.
func (x *examiner) anonymousRoot(ctx context.Context) *ldap.Entry {
	root, err := rootDSE(ctx, x.c)
	if err != nil {
		return nil
	}
	return root
}

// lookAtFlavor looks at what only this kind of server shows.
func (x *examiner) lookAtFlavor(ctx context.Context) {
	a, ok := x.f.(adviser)
	if !ok {
		return
	}
	a.judge(ctx, x)
	if !x.sheet.Told(checkOwnPolicy) {
		x.sheet.Good(checkOwnPolicy, "it is neither locked nor ends")
	}
}

// lookAtPeople wants user_filter to find somebody, and what is found to be
// whole.
func (x *examiner) lookAtPeople(ctx context.Context) {
	ctx, cancel := x.d.operation(ctx)
	defer cancel()
	attributes := append(x.f.accountAttributes(), x.d.loginAttribute(x.f), "displayName", "cn", "mail")
	entries, err := x.c.search(ctx, x.d.subtree(x.d.config.BaseDN, anyLogin(x.d.userFilter(x.f)), 1, attributes...))
	if err != nil && !ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		x.sheet.Fail(checkPeople, x.plain(unavailable("search", err)), "")
		return
	}
	if len(entries) == 0 {
		x.sheet.Fail(checkPeople, "user_filter finds nobody below base_dn: it or base_dn is wrong, or the service account may not read there", x.fix(fixRights))
		return
	}
	x.person, err = x.d.person(x.f, entries[0], x.s)
	switch {
	case errors.Is(err, ErrNotFound):
		x.sheet.Fail(checkPeople, "who is found shows nothing in login_attribute ("+x.d.loginAttribute(x.f)+")", x.fix(fixRights))
	case err != nil:
		x.sheet.Fail(checkPeople, x.plain(err), x.fix(fixRights))
	default:
		x.sheet.Good(checkPeople, "user_filter finds somebody below base_dn")
	}
}

// lookAtSecrets asks for the names of attributes only, so that no hash travels.
func (x *examiner) lookAtSecrets(ctx context.Context) {
	a, ok := x.f.(adviser)
	if !ok || x.person == nil {
		return
	}
	opCtx, cancel := x.d.operation(ctx)
	defer cancel()
	request := x.d.entry(x.person.DN, "(objectClass=*)", a.secrets()...)
	request.TypesOnly = true
	entries, err := x.c.search(opCtx, request)
	if err != nil || len(entries) != 1 {
		return
	}
	var seen []string
	for _, attribute := range entries[0].Attributes {
		seen = append(seen, attribute.Name)
	}
	switch {
	case len(seen) > 0:
		x.sheet.Fail(checkModest, "it may read "+strings.Join(seen, ", ")+" of people, which it never needs: it is an administrator, the root DN, or has manage", x.fix(fixRights))
	case !x.sheet.Told(checkModest):
		x.sheet.Good(checkModest, "it reads no password hashes")
	}
}

// lookAtGroups wants the groups that the configuration names to be there, and
// the groups of somebody to be told.
func (x *examiner) lookAtGroups(ctx context.Context) {
	var missing int
	var named int
	for _, group := range x.e.Groups {
		if !Within(group, x.site("").suffix) {
			continue // another directory's
		}
		named++
		entry, err := x.read(ctx, group, noAttributes)
		if err != nil {
			x.sheet.Fail(checkGroups, x.plain(unavailable("read a group", err)), "")
			return
		}
		if entry == nil {
			missing++
			x.sheet.Fail(checkGroups, "the group "+group+" of the configuration is not found: it is misspelled, gone, or may not be read", x.fix(fixRights))
		}
	}
	if x.person == nil || missing > 0 {
		return
	}
	if reader, ok := x.f.(memberReader); ok {
		opCtx, cancel := x.d.operation(ctx)
		defer cancel()
		if err := reader.weigh(opCtx, x.c, x.person); err != nil {
			x.sheet.Fail(checkGroups, x.plain(err), x.fix(fixRights))
			return
		}
		if len(x.person.sids) < 2 {
			x.sheet.Fail(checkGroups, "the groups of people cannot be read (tokenGroups), so that everyone counts as protected", x.fix(fixRights))
			return
		}
		x.sheet.Good(checkGroups, "groups of people are told, groups in groups too; the configuration names %d", named)
		return
	}
	if entry, err := x.read(ctx, x.d.config.GroupBaseDN, noAttributes); err != nil || entry == nil {
		x.sheet.Fail(checkGroups, "group_base_dn cannot be read", x.fix(fixRights))
		return
	}
	nested := "only direct members count (group_depth = 1)"
	if x.d.config.GroupDepth > 1 {
		nested = fmt.Sprintf("groups in groups count up to %d", x.d.config.GroupDepth)
	}
	x.sheet.Good(checkGroups, "the configuration names %d here; %s", named, nested)
}

// lookAtPolicy tells the rules for most people, and which of them are in the way.
func (x *examiner) lookAtPolicy(ctx context.Context) {
	var dn string
	if x.person != nil {
		dn = x.person.domainPolicyDN
	}
	dn = cmp.Or(x.d.defaultPolicyDN(x.f), dn)
	if dn == "" {
		x.sheet.Warn(checkPolicy, "default_policy_dn is not set, so people do not see the rules before they type", "")
		return
	}
	entry, err := x.read(ctx, dn, x.f.policyAttributes()...)
	if err != nil {
		x.sheet.Fail(checkPolicy, x.plain(unavailable("read default_policy_dn", err)), "")
		return
	}
	if entry == nil {
		x.sheet.Fail(checkPolicy, dn+" cannot be read: it is misspelled, or the service account may not", x.fix(fixRights))
		return
	}
	policy, err := x.f.policy(entry, "", time.Now())
	switch {
	case err != nil:
		x.sheet.Fail(checkPolicy, x.plain(err), "")
		return
	case policy == nil:
		x.sheet.Fail(checkPolicy, "only a part of it can be read", x.fix(fixRights))
		return
	}
	x.sheet.Good(checkPolicy, "%s", policy.line())
	x.judgePolicy(policy)
}

func (x *examiner) judgePolicy(p *PasswordPolicy) {
	if p.SafeModify {
		x.sheet.Fail(checkPolicy, "it wants the old password with each change, so that nobody can be reset", x.fix(fixSafeModify))
	}
	if p.MinLength == 0 && !p.QualityChecked {
		x.sheet.Warn(checkPolicy, "it sets no least length, or does not look at it", x.fix(fixWeakPolicy))
	}
	if p.History == 0 {
		x.sheet.Warn(checkPolicy, "the last password may be set again", x.fix(fixHistory))
	}
	if _, waives := x.f.(ageWaiver); p.MinAge > 0 && x.d.strategy() == Direct && waives {
		x.sheet.Warn(checkPolicy, "the minimum age refuses a reset too; write_strategy = \"must-change-first\" waives it", x.fix(fixMinAge))
	}
	if _, tells := x.f.(cautioner); !tells && x.d.config.MustChange && !p.MustChange {
		x.sheet.Warn(checkPolicy, "must_change has no effect under it", x.fix(fixRootDSE))
	}
}

// line is a policy in one line.
func (p *PasswordPolicy) line() string {
	parts := []string{"no least length"}
	if p.MinLength > 0 {
		parts[0] = fmt.Sprintf("at least %d characters", p.MinLength)
	}
	if p.Classes > 1 {
		parts = append(parts, fmt.Sprintf("%d kinds of them", p.Classes))
	}
	if p.History > 0 {
		parts = append(parts, fmt.Sprintf("the last %d refused", p.History))
	}
	if p.MinAge > 0 {
		parts = append(parts, "minimum age "+p.MinAge.String())
	}
	if p.QualityChecked {
		parts = append(parts, "further rules")
	}
	return strings.Join(parts, ", ")
}
