package policy

import (
	"fmt"
	"slices"

	"latchkey/internal/setting"
)

// The methods.
const (
	// Email is a code to the alternate e-mail addresses.
	Email = "email"
	// SMS is a code to the mobile numbers.
	SMS = "sms"
)

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

// Administrators is the section [administrators]. What its members must prove
// is fixed: a code by e-mail and one by SMS.
type Administrators struct {
	// Groups are DNs; their members are administrators.
	Groups []string `toml:"groups"`
	// SMSOff is set by the command, not by the section: without SMS an
	// administrator cannot reset.
	SMSOff bool
}

// Faults reports what is wrong with the rule.
func (r Rule) Faults() []setting.Fault {
	var faults []setting.Fault
	for _, method := range r.Methods {
		if method != Email && method != SMS {
			faults = append(faults, setting.Fault{Key: "methods", Problem: fmt.Sprintf("has %q, which is not a method", method), Allowed: Email + ", " + SMS})
		}
	}
	if r.Gates < 1 || r.Gates > 2 {
		faults = append(faults, setting.Fault{Key: "gates", Problem: "is not a number of gates", Allowed: "1 or 2"})
	} else if distinct := slices.Compact(slices.Sorted(slices.Values(r.Methods))); len(distinct) < r.Gates {
		faults = append(faults, setting.Fault{Key: "gates", Problem: "is more than there are methods, and each gate needs another one", Allowed: fmt.Sprintf("at most %d with these methods", len(distinct))})
	}
	return faults
}

// Uses reports whether these people may be sent codes by a method.
func (r Rule) Uses(method string) bool { return r.Enabled && slices.Contains(r.Methods, method) }

// Only reports whether a method is the only way that these people have.
func (r Rule) Only(method string) bool {
	return r.Uses(method) && !slices.ContainsFunc(r.Methods, func(m string) bool { return m != method })
}
