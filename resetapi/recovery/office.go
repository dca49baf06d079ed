package recovery

import (
	"fmt"
	"net/netip"
	"slices"

	"latchkey/internal/ratelimit"
)

// offices are the organisation's own networks.
func (c Config) offices() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range c.OfficeNetworks {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("office_networks: %w", err)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// InOffice reports whether an address belongs to the organisation's own
// networks, where many people share one.
func (s *Service) InOffice(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(s.offices, func(p netip.Prefix) bool { return p.Contains(a) })
}

// startBudgets are what a start costs for the place that it comes from.
func (s *Service) startBudgets(a netip.Addr) []ratelimit.Budget {
	host := ratelimit.Host(a)
	if s.InOffice(a) {
		return []ratelimit.Budget{{Limit: ratelimit.StartsPerOffice, Of: host}}
	}
	return []ratelimit.Budget{{Limit: ratelimit.StartsPerAddress, Of: host}, {Limit: ratelimit.StartsPerNetwork, Of: ratelimit.Network(a)}}
}

// codeBudget is what submitting a code costs for the place that it comes from.
func (s *Service) codeBudget(a netip.Addr) ratelimit.Budget {
	if s.InOffice(a) {
		return ratelimit.Budget{Limit: ratelimit.CodesPerOffice, Of: ratelimit.Host(a)}
	}
	return ratelimit.Budget{Limit: ratelimit.CodesPerAddress, Of: ratelimit.Host(a)}
}
