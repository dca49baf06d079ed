package directory

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

const (
	// maxGroups bounds the groups of one person, those of groups included;
	// whoever has more cannot be judged.
	maxGroups = 1000
	// groupsAtOnce bounds how many names go into one filter.
	groupsAtOnce = 50
	// maxGroupDepth bounds group_depth.
	maxGroupDepth = 10
)

var errTooManyGroups = errors.New("the person is in too many groups")

// Groups returns the DNs of the person's groups in the form of [NormalDN]: those
// that name the person, and up to group_depth those that name such a group. An
// answer that is not whole is an error, because a protected group may be in
// what is missing.
//
// Where the flavor knows groups by itself, group_filter and group_depth are not
// asked.
func (d *Directory) Groups(ctx context.Context, p *Person) ([]string, error) {
	if reader, ok := d.known().(memberReader); ok {
		return d.memberships(ctx, reader, p)
	}
	var groups []string
	members := []string{p.DN}
	for range d.config.GroupDepth {
		var above []string
		for some := range slices.Chunk(members, groupsAtOnce) {
			found, err := d.groupsOf(ctx, some)
			if err != nil {
				return nil, err
			}
			for _, dn := range found {
				// Groups may be members of each other.
				if normal := NormalDN(dn); !slices.Contains(groups, normal) {
					groups, above = append(groups, normal), append(above, dn)
				}
			}
		}
		if len(groups) > maxGroups {
			return nil, unavailable("search for groups", errTooManyGroups)
		}
		members = above
	}
	return groups, nil
}

func (d *Directory) memberships(ctx context.Context, reader memberReader, p *Person) ([]string, error) {
	s, err := d.serverOf(ctx, p.server)
	if err != nil {
		return nil, err
	}
	var found []string
	err = d.on(ctx, s, func(ctx context.Context, c *conn) error {
		found, err = reader.memberships(ctx, c, p)
		return err
	})
	if err != nil {
		return nil, unavailable("search for groups", err)
	}
	for i, dn := range found {
		found[i] = NormalDN(dn)
	}
	return found, nil
}

// groupsOf returns the groups that name one of the members.
func (d *Directory) groupsOf(ctx context.Context, members []string) ([]string, error) {
	entries, _, err := d.search(ctx, d.subtree(d.config.GroupBaseDN, memberFilter(d.config.GroupFilter, members), maxGroups, noAttributes))
	if err != nil {
		return nil, unavailable("search for groups", err)
	}
	found := make([]string, 0, len(entries))
	for _, entry := range entries {
		found = append(found, entry.DN)
	}
	return found, nil
}

// memberFilter puts the names of members into a group_filter, as values.
func memberFilter(groupFilter string, members []string) string {
	var filter strings.Builder
	for _, dn := range members {
		filter.WriteString(strings.ReplaceAll(groupFilter, "{dn}", ldap.EscapeFilter(dn)))
	}
	if len(members) > 1 {
		return "(|" + filter.String() + ")"
	}
	return filter.String()
}
