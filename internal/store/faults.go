package store

import (
	"net"
	"slices"
	"strings"
	"time"

	"latchkey/internal/setting"
)

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	add := func(key, problem, allowed string) {
		faults = append(faults, setting.Fault{Key: key, Problem: problem, Allowed: allowed})
	}
	modes := []string{ModeSingle, ModeSentinel, ModeCluster}
	if !slices.Contains(modes, c.Mode) {
		add("mode", "is none of the ways to run Redis", strings.Join(modes, ", "))
	}
	if c.Mode == ModeSingle && len(c.Addresses) > 1 {
		add("addresses", "names several servers in mode single", "one address, or mode sentinel or cluster")
	}
	if c.Mode == ModeSentinel && c.MasterName == "" {
		faults = append(faults, setting.Missing("master_name", "in mode sentinel, the name that the sentinels watch"))
	}
	if c.Username != "" && c.Password.IsZero() {
		faults = append(faults, setting.Missing("password_file", "with a username, the file that holds its password"))
	}
	if c.CAFile != "" && !c.TLS {
		add("ca_file", "has no effect without tls", "tls = true, or no ca_file")
	}
	if d := c.Timeout.Std(); d < 10*time.Millisecond || d > time.Minute {
		faults = append(faults, setting.OutOfRange("timeout", c.Timeout, "10ms", "1m"))
	}
	faults = append(faults, setting.Unreadable("ca_file", c.CAFile)...)
	return append(faults, c.addressFaults()...)
}

func (c Config) addressFaults() []setting.Fault {
	if len(c.Addresses) == 0 {
		return []setting.Fault{setting.Missing("addresses", "host:port, or unix:/path for a local socket")}
	}
	for _, address := range c.Addresses {
		if _, local := unixPath(address); local {
			if c.Mode != ModeSingle {
				return []setting.Fault{{Key: "addresses", Problem: "is a local socket", Allowed: "in mode sentinel or cluster, host:port"}}
			}
			continue
		}
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return []setting.Fault{{Key: "addresses", Problem: "is not an address: " + address, Allowed: "host:port, or unix:/path for a local socket"}}
		}
		if setting.Loopback(address) {
			continue
		}
		var faults []setting.Fault
		if !c.TLS {
			faults = append(faults, setting.Fault{Key: "tls", Problem: "is off, and " + address + " is not on this machine", Allowed: "tls = true; without TLS only the loopback or a local socket"})
		}
		if c.Username == "" {
			faults = append(faults, setting.Fault{Key: "username", Problem: "is missing, and " + address + " is not on this machine", Allowed: "an ACL user of its own; without one only the loopback or a local socket"})
		}
		if faults != nil {
			return faults
		}
	}
	return nil
}
