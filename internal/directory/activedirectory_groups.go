package directory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

const (
	// objectSID is the account's own.
	objectSID = "objectSid"
	// tokenGroups holds all groups of an account, those of groups and the primary
	// group included ([MS-ADTS] 3.1.1.4.5.19). Only a search of that one entry shows
	// it.
	tokenGroups = "tokenGroups"
)

// The groups that [MS-ADTS] 3.1.1.6.1.1 protects, and others that rule a domain.
var (
	privilegedRIDs = []uint32{
		498, 516, 521, // domain controllers
		512, 518, 519, // administrators of the domain, the schema and the forest
		520,      // owners of group policies
		526, 527, // administrators of keys
	}
	privilegedBuiltins = []uint32{544, 548, 549, 550, 551, 552}
)

func isPrivileged(group sid) bool {
	return group.inDomain() && slices.Contains(privilegedRIDs, group.rid()) ||
		group.isBuiltin() && slices.Contains(privilegedBuiltins, group.rid())
}

// weigh makes who cannot be judged privileged. It keeps the person's own SID and
// behind it those of the groups.
func (f activeDirectory) weigh(ctx context.Context, c *conn, p *Person) error {
	entry, err := f.token(ctx, c, p)
	if err != nil {
		return err
	}
	p.sids = append([]string{entry.GetEqualFoldAttributeValue(objectSID)}, entry.GetEqualFoldAttributeValues(tokenGroups)...)
	if len(p.sids) == 1 {
		p.Privileged = cmp.Or(p.Privileged, groupsUnread)
	}
	for _, raw := range p.sids[1:] {
		group, err := parseSID(raw)
		switch {
		case err != nil:
			p.Privileged = cmp.Or(p.Privileged, groupsUnread)
		case isPrivileged(group):
			p.Privileged = cmp.Or(p.Privileged, "it is in the group "+group.String())
		}
	}
	return nil
}

const groupsUnread = "its groups cannot be read"

// token returns an empty entry where the server shows none.
func (activeDirectory) token(ctx context.Context, c *conn, p *Person) (*ldap.Entry, error) {
	entries, err := c.search(ctx, ldap.NewSearchRequest(guidName(p.ID), ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false,
		"(objectClass=*)", []string{objectSID, tokenGroups}, nil))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return nil, ErrNotFound
	case passing(err), err != nil && !answered(err):
		return nil, unavailable("read the groups of a person", err)
	case err != nil || len(entries) != 1:
		return &ldap.Entry{}, nil
	}
	return entries[0], nil
}

// memberships returns the DNs of the groups below the head of the person's
// domain. Those of other domains, and of those that the domain was migrated
// from, have no entry there; they are named <SID=S-1-5-…>, as the directory
// itself would take them. A group of the domain that is not shown is an error: it
// may be one that decides.
func (f activeDirectory) memberships(ctx context.Context, c *conn, p *Person) ([]string, error) {
	probe := *p
	if err := f.weigh(ctx, c, &probe); err != nil {
		return nil, err
	}
	own, err := parseSID(probe.sids[0])
	switch {
	case err != nil || len(probe.sids) == 1:
		return nil, errGroupsUnread
	case len(probe.sids) > maxGroups:
		return nil, errTooManyGroups
	}
	names := make(map[string]string, len(probe.sids))
	for some := range slices.Chunk(probe.sids[1:], groupsAtOnce) {
		if err := nameGroups(ctx, c, domainOf(p.DN), some, names); err != nil {
			return nil, err
		}
	}
	groups := make([]string, 0, len(probe.sids))
	for _, raw := range probe.sids[1:] {
		group, err := parseSID(raw)
		dn, named := names[raw]
		switch {
		case err != nil, !named && (group.sameDomain(own) || group.isBuiltin()):
			return nil, errGroupsUnread
		case named:
			groups = append(groups, dn)
		default:
			groups = append(groups, "<SID="+group.String()+">")
		}
	}
	return groups, nil
}

var errGroupsUnread = errors.New("not all groups of the person can be read: give the service account read access to tokenGroups of people and to all groups")

// nameGroups finds the entries that have some SIDs.
func nameGroups(ctx context.Context, c *conn, base string, sids []string, names map[string]string) error {
	var filter strings.Builder
	for _, raw := range sids {
		filter.WriteString("(" + objectSID + "=" + escapeBytes(raw) + ")")
	}
	entries, err := c.search(ctx, ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(|"+filter.String()+")", []string{objectSID}, nil))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		names[entry.GetEqualFoldAttributeValue(objectSID)] = entry.DN
	}
	return nil
}
