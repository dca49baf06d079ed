package directory

import (
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/internal/setting"
)

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	missing := func(key, value, allowed string) {
		if strings.TrimSpace(value) == "" {
			faults = append(faults, setting.Missing(key, allowed))
		}
	}
	missing("name", c.Name, "a short name, used in logs and in contact cards")
	missing("base_dn", c.BaseDN, "where people are searched, such as \"ou=people,dc=example,dc=org\"")
	missing("bind_dn", c.BindDN, "the service account, such as \"cn=latchkey,ou=services,dc=example,dc=org\"")
	if c.BindPassword.IsZero() {
		faults = append(faults, setting.Missing("bind_password_file", "the file that holds the service account's password"))
	}
	if c.LoginAttribute != "" && !isAttributeName(c.LoginAttribute) {
		faults = append(faults, setting.Fault{Key: "login_attribute", Problem: "is not the name of an attribute", Allowed: "the attribute that holds the login, such as \"uid\""})
	}
	if _, err := flavorNamed(c.Flavor); c.Flavor != "" && err != nil {
		faults = append(faults, setting.Fault{Key: "flavor", Problem: "is not a kind of directory that is supported", Allowed: supported() + ", or nothing to ask the server"})
	}
	faults = append(faults, c.strategyFaults()...)
	faults = append(faults, c.serverFaults()...)
	faults = append(faults, c.nameFaults()...)
	if c.UserFilter != "" {
		faults = append(faults, filterFaults("user_filter", c.UserFilter, "{login}")...)
	}
	faults = append(faults, filterFaults("group_filter", c.GroupFilter, "{dn}")...)
	faults = append(faults, setting.Authorities("ca_file", c.CAFile)...)
	return append(faults, c.boundFaults()...)
}

func (c Config) serverFaults() []setting.Fault {
	const allowed = "ldaps://host[:port], or ldap://host[:port] for StartTLS; or ldaps+srv://domain or ldap+srv://domain, whose servers DNS names"
	if len(c.Servers) == 0 {
		return []setting.Fault{setting.Missing("servers", allowed)}
	}
	var faults []setting.Fault
	for _, server := range c.Servers {
		if !isServer(server) {
			faults = append(faults, setting.Fault{Key: "servers", Problem: "has an entry that is not the address of a directory server", Allowed: allowed})
		}
	}
	return faults
}

func isServer(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return false
	}
	if _, domain, ok := discovered(text); ok {
		return u.Port() == "" && domain != "" && net.ParseIP(domain) == nil
	}
	return u.Scheme == "ldaps" || u.Scheme == "ldap"
}

func (c Config) strategyFaults() []setting.Fault {
	strategy := Strategy(c.WriteStrategy)
	if strategy != Direct && strategy != FlagFirst && strategy != TemporaryFirst {
		return []setting.Fault{{Key: "write_strategy", Problem: "is not a way to write a password", Allowed: `"direct", "must-change-first" or "temporary-then-change"`}}
	}
	if f, err := flavorNamed(c.Flavor); err == nil && !strategyFits(f, strategy) {
		return []setting.Fault{{Key: "write_strategy", Problem: "is not for this flavor", Allowed: `"direct", or what docs/directories says of the flavor`}}
	}
	return nil
}

// strategyFits reports whether a flavor knows a way to write a password.
func strategyFits(f flavor, s Strategy) bool {
	fits := true
	switch s {
	case Direct:
	case FlagFirst:
		_, fits = f.(ageWaiver)
	case TemporaryFirst:
		_, fits = f.(temporaryWriter)
	}
	return fits
}

func (c Config) nameFaults() []setting.Fault {
	var faults []setting.Fault
	for _, dn := range []struct{ key, value string }{
		{"base_dn", c.BaseDN},
		{"bind_dn", c.BindDN},
		{"default_policy_dn", c.DefaultPolicyDN},
		{"group_base_dn", c.GroupBaseDN},
	} {
		if _, err := ldap.ParseDN(dn.value); err != nil {
			faults = append(faults, setting.Fault{Key: dn.key, Problem: "is not a distinguished name", Allowed: "a name in the form of RFC 4514, such as \"ou=people,dc=example,dc=org\""})
		}
	}
	return faults
}

func (c Config) boundFaults() []setting.Fault {
	var faults []setting.Fault
	for _, timeout := range []struct {
		key   string
		value setting.Duration
	}{{"connect_timeout", c.ConnectTimeout}, {"operation_timeout", c.OperationTimeout}} {
		if d := timeout.value.Std(); d < 10*time.Millisecond || d > time.Minute {
			faults = append(faults, setting.OutOfRange(timeout.key, timeout.value, "10ms", "1m"))
		}
	}
	if c.GroupDepth < 1 || c.GroupDepth > maxGroupDepth {
		faults = append(faults, setting.OutOfRange("group_depth", c.GroupDepth, 1, maxGroupDepth))
	}
	if c.Connections < 1 || c.Connections > 256 {
		faults = append(faults, setting.OutOfRange("connections", c.Connections, 1, 256))
	}
	return faults
}

func filterFaults(key, filter, placeholder string) []setting.Fault {
	allowed := "a filter in the form of RFC 4515 that holds " + placeholder
	if !strings.Contains(filter, placeholder) {
		return []setting.Fault{{Key: key, Problem: "does not hold " + placeholder, Allowed: allowed}}
	}
	// A user_filter must hold for everyone too, with * in the place.
	for _, value := range []string{"x", "*"} {
		if _, err := ldap.CompileFilter(strings.ReplaceAll(filter, placeholder, value)); err != nil {
			return []setting.Fault{{Key: key, Problem: "is not a filter", Allowed: allowed}}
		}
	}
	return nil
}
