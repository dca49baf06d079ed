package sms

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// errNotPublic means that the gateway's name leads into an inner network.
var errNotPublic = errors.New("the gateway's address is not public and not listed in allow_private")

// control is asked once the name is resolved, right before the connection is
// made to that very address: no second answer of DNS comes between.
func (c Config) control(_, address string, _ syscall.RawConn) error {
	end, err := netip.ParseAddrPort(address)
	if err != nil || !c.reachable(end.Addr()) {
		return errNotPublic
	}
	return nil
}

// reachable reports whether the gateway may have an address.
func (c Config) reachable(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	listed := slices.ContainsFunc(c.AllowPrivate, func(entry string) bool {
		prefix, err := parsePrefix(entry)
		return err == nil && prefix.Contains(ip)
	})
	return listed || public(ip)
}

// public reports whether an address belongs to the Internet at large. What
// embeds an IPv4 address (NAT64, 6to4, Teredo) may lead anywhere and does not.
func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, special := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32",
		"2002::/16", "fec0::/10",
	} {
		if netip.MustParsePrefix(special).Contains(ip) {
			return false
		}
	}
	return true
}

// parsePrefix reads an address or a prefix.
func parsePrefix(entry string) (netip.Prefix, error) {
	if strings.Contains(entry, "/") {
		return netip.ParsePrefix(entry)
	}
	ip, err := netip.ParseAddr(entry)
	if err != nil {
		return netip.Prefix{}, err
	}
	ip = ip.Unmap()
	return ip.Prefix(ip.BitLen())
}
