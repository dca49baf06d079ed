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
func (d *Directory) Groups(ctx context.Context, p *Person) ([]string, error) {
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

// groupsOf returns the groups that name one of the members.
func (d *Directory) groupsOf(ctx context.Context, members []string) ([]string, error) {
	var filter strings.Builder
	for _, dn := range members {
		filter.WriteString(strings.ReplaceAll(d.config.GroupFilter, "{dn}", ldap.EscapeFilter(dn)))
	}
	whole := filter.String()
	if len(members) > 1 {
		whole = "(|" + whole + ")"
	}
	entries, _, err := d.search(ctx, d.subtree(d.config.GroupBaseDN, whole, maxGroups, noAttributes))
	if err != nil {
		return nil, unavailable("search for groups", err)
	}
	found := make([]string, 0, len(entries))
	for _, entry := range entries {
		found = append(found, entry.DN)
	}
	return found, nil
}
