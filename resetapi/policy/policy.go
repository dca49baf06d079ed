// Package policy owns who may reset their password here, and what they must
// prove first.
//
// The sections are asked in this order, and the first that names the person
// decides:
//
//   - [protected], and accounts that the directory itself protects: they are
//     never reset by self-service.
//   - [administrators]: two gates, by e-mail and by SMS, whatever a [[policy]]
//     says; nothing where SMS is off.
//   - [[policy]], in the order of the file. One without groups fits everyone.
//
// Whom none names may not reset.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"latchkey/internal/directory"
)

// Decision says what may be done for one person.
type Decision struct {
	Protected     bool
	Administrator bool
	Enabled       bool
	Gates         int
	Methods       []string
	// Rule is the section that decided, such as "policy[0]"; empty where none
	// names the person.
	Rule string
	// Groups are those of the person's groups for which the section decided.
	Groups []string
}

// Resettable reports whether the person may reset at all.
func (d Decision) Resettable() bool { return d.Enabled && !d.Protected }

// Groups looks up the groups of a person.
type Groups interface {
	Groups(ctx context.Context, p *directory.Person) ([]string, error)
}

// Policy decides. It is immutable.
type Policy struct {
	rules          []Rule
	protected      Protected
	administrators Administrators
	needsGroups    bool
}

// New returns a policy of the sections.
func New(rules []Rule, protected Protected, administrators Administrators) *Policy {
	p := &Policy{
		protected:      Protected{Groups: normal(protected.Groups), Entries: normal(protected.Entries)},
		administrators: Administrators{Groups: normal(administrators.Groups), SMSOff: administrators.SMSOff},
		needsGroups:    len(protected.Groups)+len(administrators.Groups) > 0,
	}
	for _, rule := range rules {
		rule.Groups = normal(rule.Groups)
		p.rules = append(p.rules, rule)
		p.needsGroups = p.needsGroups || len(rule.Groups) > 0
	}
	return p
}

// Named are all groups that a section names, in the form of
// [directory.NormalDN]: a decision depends on no others.
func (p *Policy) Named() []string {
	all := slices.Concat(p.protected.Groups, p.administrators.Groups)
	for _, rule := range p.rules {
		all = append(all, rule.Groups...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Public is what everyone sees before anything is proved, whoever they are: the
// gates and methods of the enabled rule for everyone, else of the first enabled
// rule.
func (p *Policy) Public() (gates int, methods []string) {
	i := slices.IndexFunc(p.rules, func(r Rule) bool { return r.Enabled && len(r.Groups) == 0 })
	if i < 0 {
		i = slices.IndexFunc(p.rules, func(r Rule) bool { return r.Enabled })
	}
	if i < 0 {
		return 1, []string{Email}
	}
	return p.rules[i].Gates, p.rules[i].Methods
}

// Decide finds the rule for a person. An error means that the directory could
// not be asked; it is never a permission.
func (p *Policy) Decide(ctx context.Context, person *directory.Person, lookup Groups) (Decision, error) {
	var groups []string
	if p.needsGroups {
		found, err := lookup.Groups(ctx, person)
		if err != nil {
			return Decision{}, fmt.Errorf("read the groups of a person: %w", err)
		}
		groups = normal(found)
	}
	if person.Privileged != "" {
		return Decision{Protected: true, Rule: "the directory: " + person.Privileged}, nil
	}
	matched := common(groups, p.protected.Groups)
	if slices.Contains(p.protected.Entries, directory.NormalDN(person.DN)) || len(matched) > 0 {
		return Decision{Protected: true, Rule: "protected", Groups: matched}, nil
	}
	if matched := common(groups, p.administrators.Groups); len(matched) > 0 {
		return Decision{
			Administrator: true, Enabled: !p.administrators.SMSOff, Gates: 2, Methods: []string{Email, SMS},
			Rule: "administrators", Groups: matched,
		}, nil
	}
	for i, rule := range p.rules {
		if matched := common(groups, rule.Groups); len(rule.Groups) == 0 || len(matched) > 0 {
			return Decision{
				Enabled: rule.Enabled, Gates: rule.Gates, Methods: rule.Methods,
				Rule: fmt.Sprintf("policy[%d]", i), Groups: matched,
			}, nil
		}
	}
	return Decision{}, nil
}

func normal(dns []string) []string {
	out := make([]string, len(dns))
	for i, dn := range dns {
		out[i] = directory.NormalDN(strings.TrimSpace(dn))
	}
	return out
}

// common returns what of a is in b too.
func common(a, b []string) []string {
	var both []string
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}
