// Package policy owns who may reset their password here, and what they must
// prove first.
//
// The sections [[policy]] are tried in their order; the first whose groups name
// the person decides, and one without groups fits everyone. Whom none fits may
// not reset. [protected] always wins: those accounts are never reset by
// self-service.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
)

// Email is the method of a code to the alternate e-mail addresses.
const Email = "email"

// Rule is one section [[policy]].
type Rule struct {
	// Groups are DNs; empty fits everyone.
	Groups []string `toml:"groups"`
	// Enabled lets these people reset; false turns them away.
	Enabled bool `toml:"enabled"`
	// Gates is how many verifications they must pass, by different methods; default 1.
	Gates int `toml:"gates"`
	// Methods are those that they may use; default email.
	Methods []string `toml:"methods"`
}

// RuleDefaults returns a rule as it is when nothing is written in it.
func RuleDefaults() Rule { return Rule{Gates: 1, Methods: []string{Email}} }

// Protected is the section [protected].
type Protected struct {
	// Groups are DNs; their members are never reset.
	Groups []string `toml:"groups"`
	// Entries are DNs that are never reset; the service account always is one.
	Entries []string `toml:"entries"`
}

// Faults reports what is wrong with the rule.
func (r Rule) Faults() []setting.Fault {
	var faults []setting.Fault
	for _, method := range r.Methods {
		if method != Email {
			faults = append(faults, setting.Fault{Key: "methods", Problem: fmt.Sprintf("%q is not a method", method), Allowed: Email})
		}
	}
	if r.Gates < 1 || r.Gates > 2 {
		faults = append(faults, setting.Fault{Key: "gates", Problem: "is not a number of gates", Allowed: "1 or 2"})
	} else if distinct := slices.Compact(slices.Sorted(slices.Values(r.Methods))); len(distinct) < r.Gates {
		faults = append(faults, setting.Fault{Key: "gates", Problem: "is more than there are methods, and each gate needs another one", Allowed: fmt.Sprintf("at most %d with these methods", len(distinct))})
	}
	return faults
}

// Decision says what may be done for one person.
type Decision struct {
	Protected bool
	Enabled   bool
	Gates     int
	Methods   []string
}

// Resettable reports whether the person may reset at all.
func (d Decision) Resettable() bool { return d.Enabled && !d.Protected }

// Groups looks up the groups of a person.
type Groups interface {
	Groups(ctx context.Context, p *directory.Person) ([]string, error)
}

// Policy decides. It is immutable.
type Policy struct {
	rules       []Rule
	protected   Protected
	needsGroups bool
}

// New returns a policy of the sections.
func New(rules []Rule, protected Protected) *Policy {
	p := &Policy{protected: Protected{Groups: normal(protected.Groups), Entries: normal(protected.Entries)}}
	for _, rule := range rules {
		rule.Groups = normal(rule.Groups)
		p.rules = append(p.rules, rule)
		p.needsGroups = p.needsGroups || len(rule.Groups) > 0
	}
	p.needsGroups = p.needsGroups || len(p.protected.Groups) > 0
	return p
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
	dn := directory.NormalDN(person.DN)
	if slices.Contains(p.protected.Entries, dn) || intersect(groups, p.protected.Groups) {
		return Decision{Protected: true}, nil
	}
	for _, rule := range p.rules {
		if len(rule.Groups) == 0 || intersect(groups, rule.Groups) {
			return Decision{Enabled: rule.Enabled, Gates: rule.Gates, Methods: rule.Methods}, nil
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

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
