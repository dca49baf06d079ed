package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// maxLogin is the longest login that is looked up, in bytes.
const maxLogin = 256

// Find returns the person who is meant by a login. A login that finds nobody,
// or more than one, is [ErrNotFound].
func (d *Directory) Find(ctx context.Context, login string) (*Person, error) {
	if !isLogin(login) {
		return nil, ErrNotFound
	}
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	filter, ours := f.filter(d.userFilter(f), login)
	if !ours {
		return nil, ErrNotFound
	}
	return d.one(ctx, f, toRead, filter)
}

// loginFilter puts a login into a user_filter, as a value (RFC 4515 §3).
func loginFilter(filter, login string) string {
	return strings.ReplaceAll(filter, "{login}", ldap.EscapeFilter(login))
}

// Read returns the person with an id, from a server that takes writes where one
// is known, since what is written next is weighed by what was read. Who is no longer below base_dn or no longer matches user_filter is
// [ErrNotFound].
func (d *Directory) Read(ctx context.Context, id ID) (*Person, error) {
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := f.idFilter(id)
	if err != nil {
		return nil, err
	}
	return d.one(ctx, f, toWrite, "(&"+filter+anyLogin(d.userFilter(f))+")")
}

// anyLogin makes a user_filter match everyone in its scope. Asterisks in a row
// are no filter (RFC 4515 §3), so (mail={login}*) becomes (mail=*).
func anyLogin(filter string) string {
	filter = strings.ReplaceAll(filter, "{login}", "*")
	for strings.Contains(filter, "**") {
		filter = strings.ReplaceAll(filter, "**", "*")
	}
	return filter
}

func isLogin(login string) bool {
	return login != "" && len(login) <= maxLogin && utf8.ValidString(login) && !strings.ContainsFunc(login, unicode.IsControl)
}

// one returns the only person that a filter finds.
func (d *Directory) one(ctx context.Context, f flavor, u use, filter string) (*Person, error) {
	const enoughToTell = 2
	entries, s, err := d.searchFor(ctx, u, d.subtree(d.config.BaseDN, filter, enoughToTell, d.personAttributes(f)...))
	tooMany := ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)
	if err != nil && !tooMany {
		return nil, unavailable("search for a person", err)
	}
	if tooMany || len(entries) > 1 {
		d.logger.Warn("more than one entry was found for one person, so none is taken: make user_filter find one")
		return nil, ErrNotFound
	}
	if len(entries) == 0 {
		return nil, ErrNotFound
	}
	p, err := d.person(f, entries[0], s)
	if err != nil {
		return nil, err
	}
	if err := d.weigh(ctx, f, s, p); err != nil {
		return nil, err
	}
	return p, d.weighLock(ctx, p)
}

// weigh asks the server that showed a person whether the account is privileged,
// where the flavor tells that by groups.
func (d *Directory) weigh(ctx context.Context, f flavor, s *server, p *Person) error {
	reader, ok := f.(memberReader)
	if !ok {
		return nil
	}
	return d.on(ctx, s, func(ctx context.Context, c *conn) error { return reader.weigh(ctx, c, p) })
}

// person reads an entry, and warns of one that cannot be used.
func (d *Directory) person(f flavor, entry *ldap.Entry, s *server) (*Person, error) {
	p, err := d.personOf(f, entry, s)
	if errors.Is(err, errNoLogin) {
		d.logger.Warn("an entry has no value in login_attribute and is passed over", "id", p.ID.String())
		return nil, ErrNotFound
	}
	return p, err
}

var errNoLogin = errors.New("no login")

func (d *Directory) personOf(f flavor, entry *ldap.Entry, s *server) (*Person, error) {
	a, err := f.account(entry, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	p := &Person{
		ID:             a.id,
		DN:             entry.DN,
		Login:          entry.GetEqualFoldAttributeValue(d.loginAttribute(f)),
		DisplayName:    entry.GetEqualFoldAttributeValue("displayName"),
		Mail:           entry.GetEqualFoldAttributeValue("mail"),
		State:          a.state,
		ChangeStamp:    a.changeStamp,
		Privileged:     a.privileged,
		policyDN:       a.policyDN,
		domainPolicyDN: a.domainPolicyDN,
		server:         s.url,
		lock:           a.lock,
		lockedAt:       a.lockedAt,
		mustChange:     a.mustChange,
		changeableAt:   a.changeableAt,
	}
	if p.DisplayName == "" {
		p.DisplayName = entry.GetEqualFoldAttributeValue("cn")
	}
	if p.Login == "" || p.DN == "" {
		return p, errNoLogin
	}
	return p, nil
}

// Policy returns the password policy that applies to the person: the one that
// the entry names, else default_policy_dn, else one without rules.
func (d *Directory) Policy(ctx context.Context, p *Person) (*PasswordPolicy, error) {
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	policy, err := d.readPolicy(ctx, f, p, cmp.Or(p.policyDN, d.defaultPolicyDN(f), p.domainPolicyDN))
	if err == nil && policy == nil && p.domainPolicyDN != "" {
		if policy, err = d.readPolicy(ctx, f, p, p.domainPolicyDN); policy != nil {
			policy.QualityChecked = true // by rules that cannot be read
		}
	}
	switch {
	case err != nil:
		return nil, err
	case policy == nil:
		return &PasswordPolicy{QualityChecked: p.domainPolicyDN != ""}, nil
	case d.strategy() == FlagFirst:
		policy.ChangeableAt = time.Time{}
	case !p.changeableAt.IsZero():
		policy.waitUntil(p.changeableAt, time.Now())
	}
	return policy, nil
}

// readPolicy returns nil where there is no such entry, or none to be seen.
func (d *Directory) readPolicy(ctx context.Context, f flavor, p *Person, dn string) (*PasswordPolicy, error) {
	if dn == "" {
		return nil, nil
	}
	entries, _, err := d.search(ctx, d.entry(dn, "(objectClass=*)", f.policyAttributes()...))
	var policy *PasswordPolicy
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights):
	case err != nil:
		return nil, unavailable("read the password policy", err)
	case len(entries) == 1:
		if policy, err = f.policy(entries[0], p.ChangeStamp, time.Now()); err != nil {
			return nil, err
		}
	}
	if policy == nil {
		d.logger.Warn("the password policy that applies cannot be read, so its rules are not shown: give the service account read access to it")
	}
	return policy, nil
}
