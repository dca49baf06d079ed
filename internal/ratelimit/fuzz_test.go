package ratelimit

import (
	"net/netip"
	"testing"
)

// FuzzAddress: each way to write one address pays from one budget, and no budget
// is larger than the network that it names.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "fe80::1%eth0", "fe80::1%\x1b[2J", "::", "0.0.0.0", "255.255.255.255", "", "::ffff:0:0", "64:ff9b::c000:207"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, _ := netip.ParseAddr(text)
		host, network := Host(a), Network(a)
		if !a.IsValid() {
			if host != "unknown" || network != "unknown" {
				t.Errorf("%q has the budgets %q and %q", text, host, network)
			}
			return
		}
		plain := a.Unmap().WithZone("")
		for name, want := range map[string]int{host: map[bool]int{true: 32, false: 64}[plain.Is4()], network: map[bool]int{true: 24, false: 48}[plain.Is4()]} {
			p, err := netip.ParsePrefix(name)
			if err != nil || p.Bits() != want || !p.Contains(plain) || p != p.Masked() {
				t.Errorf("%q pays from %q: %v", text, name, err)
			}
		}
		if plain.Is4() {
			mapped := netip.AddrFrom16(plain.As16())
			if Host(mapped) != host || Network(mapped) != network {
				t.Errorf("%v and %v have two budgets", plain, mapped)
			}
		}
	})
}
