package ratelimit

import "net/netip"

// Host names the budget of one address: itself for IPv4, its /64 for IPv6,
// where every household has at least that.
func Host(a netip.Addr) string { return prefix(a, 32, 64) }

// Network names the budget of an address' neighborhood: /24, or /48 for IPv6.
func Network(a netip.Addr) string { return prefix(a, 24, 48) }

func prefix(a netip.Addr, bits4, bits6 int) string {
	a = a.Unmap().WithZone("")
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, err := a.Prefix(bits)
	if err != nil || !p.IsValid() {
		return "unknown"
	}
	return p.String()
}
