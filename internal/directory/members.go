package directory

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Members tells of many people in which of some groups they are. It reads the
// groups once, instead of asking for each person, and keeps 16 bytes for each
// member. Where that would not give the same answer, because the flavor knows
// groups by itself or group_filter cannot be turned round, each person is asked
// for as [Directory.Groups] does.
type Members struct {
	directory *Directory
	turned    bool
	groups    []string
	of        []map[member]struct{}
}

// member is a name of which only sameness counts.
type member [16]byte

func memberOf(dn string) member {
	sum := sha256.Sum256([]byte(NormalDN(dn)))
	return member(sum[:16])
}

// Members reads who is in some groups, up to group_depth.
func (d *Directory) Members(ctx context.Context, groups []string) (*Members, error) {
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	m := &Members{directory: d}
	for _, dn := range groups {
		if normal := NormalDN(dn); !slices.Contains(m.groups, normal) {
			m.groups = append(m.groups, normal)
		}
	}
	turned, ok := turnRound(d.config.GroupFilter)
	if _, asks := f.(memberReader); asks || !ok {
		return m, nil
	}
	m.turned = true
	all := &groupNames{directory: d, filter: turned.filter}
	for _, dn := range m.groups {
		set, err := d.members(ctx, dn, turned, all)
		if err != nil {
			return nil, err
		}
		m.of = append(m.of, set)
	}
	return m, nil
}

// Groups returns those of the groups that the person is in. It fulfills what
// the policy asks for as [Directory.Groups] does.
func (m *Members) Groups(ctx context.Context, p *Person) ([]string, error) {
	if !m.turned {
		return m.directory.Groups(ctx, p)
	}
	name := memberOf(p.DN)
	var groups []string
	for i, set := range m.of {
		if _, ok := set[name]; ok {
			groups = append(groups, m.groups[i])
		}
	}
	return groups, nil
}

// members reads a group and, as far as group_depth reaches, those in it.
func (d *Directory) members(ctx context.Context, group string, t turned, all *groupNames) (map[member]struct{}, error) {
	set := make(map[member]struct{})
	level := []string{group}
	for depth := range d.config.GroupDepth {
		var next []string
		for _, dn := range level {
			names, err := d.membersOf(ctx, dn, t)
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				key := memberOf(name)
				if _, seen := set[key]; seen {
					continue
				}
				set[key] = struct{}{}
				if depth+1 == d.config.GroupDepth {
					continue
				}
				group, err := all.has(ctx, key)
				if err != nil {
					return nil, err
				}
				if group {
					next = append(next, name)
				}
			}
		}
		level = next
	}
	return set, nil
}

// membersOf reads one group; who is not below group_base_dn, or not shown, has
// no members, as it would not be found from a person either.
func (d *Directory) membersOf(ctx context.Context, dn string, t turned) ([]string, error) {
	if !Within(dn, d.config.GroupBaseDN) {
		return nil, nil
	}
	entries, _, err := d.search(ctx, d.entry(dn, t.filter, t.attributes...))
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable("read a group", err)
	}
	var names []string
	for _, entry := range entries {
		for _, attribute := range t.attributes {
			names = append(names, entry.GetEqualFoldAttributeValues(attribute)...)
		}
	}
	return names, nil
}

// groupNames knows the names of all groups; they are read when the first is
// asked for.
type groupNames struct {
	directory *Directory
	filter    string
	names     map[member]struct{}
}

func (g *groupNames) has(ctx context.Context, name member) (bool, error) {
	if g.names == nil {
		if err := g.read(ctx); err != nil {
			return false, err
		}
	}
	_, ok := g.names[name]
	return ok, nil
}

func (g *groupNames) read(ctx context.Context) error {
	r, err := g.directory.OpenReader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	g.names = make(map[member]struct{})
	const size = 1000
	request := g.directory.subtree(g.directory.config.GroupBaseDN, g.filter, 0, noAttributes)
	return r.pages(ctx, request, size, func(result *ldap.SearchResult, _ *ldap.ControlPaging) error {
		for _, entry := range result.Entries {
			g.names[memberOf(entry.DN)] = struct{}{}
		}
		return nil
	})
}

// turned is a group_filter turned round: filter finds all groups, and
// attributes hold their members.
type turned struct {
	filter     string
	attributes []string
}

// turnRound reads a group_filter. It can be turned round where the person's name
// is asserted of attributes in one place: (attribute={dn}), or several of them
// in one (|…), alone or beside conditions on the group in one (&…).
func turnRound(filter string) (turned, bool) {
	const mark = "{dn}"
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		return turned{}, false
	}
	place := packet
	if packet.Tag == ldap.FilterAnd {
		place = nil
		for _, part := range packet.Children {
			text, err := ldap.DecompileFilter(part)
			switch {
			case err != nil:
				return turned{}, false
			case !strings.Contains(text, mark):
			case place != nil:
				return turned{}, false
			default:
				place = part
			}
		}
	}
	attributes, ok := asserted(place, mark)
	if !ok {
		return turned{}, false
	}
	for _, attribute := range attributes {
		filter = strings.ReplaceAll(filter, fmt.Sprintf("(%s=%s)", attribute, mark), fmt.Sprintf("(%s=*)", attribute))
	}
	return turned{filter, attributes}, !strings.Contains(filter, mark)
}

// asserted returns the attributes of an equality, or of several in an or.
func asserted(packet *ber.Packet, value string) ([]string, bool) {
	switch {
	case packet == nil:
		return nil, false
	case packet.Tag == ldap.FilterEqualityMatch && len(packet.Children) == 2:
		name, isName := packet.Children[0].Value.(string)
		is := packet.Children[1].Data.String() == value
		return []string{name}, isName && is
	case packet.Tag == ldap.FilterOr:
		var all []string
		for _, part := range packet.Children {
			some, ok := asserted(part, value)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, len(all) > 0
	}
	return nil, false
}
