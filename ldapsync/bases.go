package ldapsync

import (
	"context"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
)

// bases are where people are looked for; none means the directory's base_dn.
func (c Config) bases() []string {
	if c.BaseDN != "" {
		return []string{c.BaseDN}
	}
	return c.Bases
}

// Outside returns the bases that are not inside the base_dn of the directory, in
// which recoveries look people up.
func (c Config) Outside(baseDN string) []string {
	var outside []string
	for _, base := range c.bases() {
		if !directory.Within(base, baseDN) {
			outside = append(outside, base)
		}
	}
	return outside
}

func (c Config) baseFaults() []setting.Fault {
	const name = "names in the form of RFC 4514, such as \"ou=people,dc=example,dc=org\""
	var faults []setting.Fault
	if c.BaseDN != "" && len(c.Bases) > 0 {
		faults = append(faults, setting.Fault{Key: "base_dns", Problem: "is set beside base_dn", Allowed: "one of the two"})
	}
	if c.BaseDN != "" && !directory.IsDN(c.BaseDN) {
		faults = append(faults, setting.Fault{Key: "base_dn", Problem: "is not a distinguished name", Allowed: name})
	}
	for i, base := range c.Bases {
		if !directory.IsDN(base) {
			faults = append(faults, setting.Fault{Key: "base_dns", Problem: "holds what is not a distinguished name", Allowed: name})
			continue
		}
		for _, other := range c.Bases[:i] {
			if directory.Within(base, other) || directory.Within(other, base) {
				faults = append(faults, setting.Fault{Key: "base_dns", Problem: "holds a base that is inside another", Allowed: "bases of which none is inside another"})
			}
		}
	}
	return faults
}

// rules are what may be a contact here, with the region of the section.
func (c Config) rules(all contact.Config) contact.Config {
	if c.DefaultRegion != "" {
		all.DefaultRegion = c.DefaultRegion
	}
	return all
}

// confirm asks whether all bases are still there, beside a search that lasts:
// its connection has no ear for an answer while its entries are taken.
func (f *feed) confirm(ctx context.Context) error {
	if len(f.query.Bases) < 2 {
		return nil
	}
	r, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Survey(ctx, f.query)
}
