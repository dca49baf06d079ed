package directory

import (
	"context"
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
	return d.one(ctx, f, strings.ReplaceAll(d.config.UserFilter, "{login}", ldap.EscapeFilter(login)))
}

// Read returns the person with an id. Who is no longer below base_dn or no
// longer matches user_filter is [ErrNotFound].
func (d *Directory) Read(ctx context.Context, id ID) (*Person, error) {
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := f.idFilter(id)
	if err != nil {
		return nil, err
	}
	return d.one(ctx, f, "(&"+filter+anyLogin(d.config.UserFilter)+")")
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
func (d *Directory) one(ctx context.Context, f flavor, filter string) (*Person, error) {
	const enoughToTell = 2
	attributes := append(f.accountAttributes(), d.config.LoginAttribute, "displayName", "cn", "mail")
	entries, s, err := d.search(ctx, d.subtree(d.config.BaseDN, filter, enoughToTell, attributes...))
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
	return p, d.weighLock(ctx, p)
}

func (d *Directory) person(f flavor, entry *ldap.Entry, s *server) (*Person, error) {
	a, err := f.account(entry, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	p := &Person{
		ID:          a.id,
		DN:          entry.DN,
		Login:       entry.GetEqualFoldAttributeValue(d.config.LoginAttribute),
		DisplayName: entry.GetEqualFoldAttributeValue("displayName"),
		Mail:        entry.GetEqualFoldAttributeValue("mail"),
		State:       a.state,
		ChangeStamp: a.changeStamp,
		policyDN:    a.policyDN,
		server:      s.url,
		lock:        a.lock,
		lockedAt:    a.lockedAt,
		mustChange:  a.mustChange,
	}
	if p.DisplayName == "" {
		p.DisplayName = entry.GetEqualFoldAttributeValue("cn")
	}
	if p.Login == "" || p.DN == "" {
		d.logger.Warn("an entry has no value in login_attribute and is passed over", "id", p.ID.String())
		return nil, ErrNotFound
	}
	return p, nil
}

// Policy returns the password policy that applies to the person: the one that
// the entry names, else default_policy_dn, else one without rules.
func (d *Directory) Policy(ctx context.Context, p *Person) (*PasswordPolicy, error) {
	dn := p.policyDN
	if dn == "" {
		dn = d.config.DefaultPolicyDN
	}
	if dn == "" {
		return &PasswordPolicy{}, nil
	}
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	entries, _, err := d.search(ctx, d.entry(dn, "(objectClass=*)", f.policyAttributes()...))
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) || err == nil && len(entries) == 0 {
		d.logger.Warn("the password policy that applies cannot be read, so its rules are not shown: give the service account read access to it")
		return &PasswordPolicy{}, nil
	}
	if err != nil {
		return nil, unavailable("read the password policy", err)
	}
	policy, err := f.policy(entries[0], p.ChangeStamp, time.Now())
	if err == nil && d.strategy() == FlagFirst {
		policy.ChangeableAt = time.Time{}
	}
	return policy, err
}
