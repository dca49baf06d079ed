package resetapi

import (
	"crypto/tls"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"latchkey/internal/setting"
)

// Config is the section [server].
type Config struct {
	// Listen is the host:port of the public listener; default 127.0.0.1:8080,
	// for a proxy on the same machine that adds TLS.
	Listen string `toml:"listen"`
	// PublicURL is what people type: https://reset.example.org. Required.
	// Requests for any other host are answered 421.
	PublicURL string `toml:"public_url"`
	// CertFile and KeyFile are the certificate chain and its key in PEM form, for
	// https without a proxy; both or none. They are read again when they change.
	CertFile string `toml:"cert_file"`
	KeyFile  string `toml:"key_file"`
	// PrivateListen is the host:port of health and metrics; default
	// 127.0.0.1:9090. It must be a loopback or private address; empty turns it off.
	PrivateListen string `toml:"private_listen"`
	// FreezeFile is a path; while a file is there, self-service is frozen on this
	// machine, whatever Redis says. Empty means none.
	FreezeFile string `toml:"freeze_file"`
	// TrustedProxies are the prefixes whose X-Forwarded-For is believed;
	// default the loopback.
	TrustedProxies []string `toml:"trusted_proxies"`
	// MaxConnections is how many connections the public listener holds; default
	// 2000, and half of the files that the process may open at most.
	MaxConnections int `toml:"max_connections"`
	// MaxConnectionsPerAddress is how many of them one address may hold (/64 for
	// IPv6); default 100. It does not bind trusted proxies.
	MaxConnectionsPerAddress int `toml:"max_connections_per_address"`
	// ShutdownTimeout is how long requests may go on after a signal; default 30s,
	// the longest that a password write may take.
	ShutdownTimeout setting.Duration `toml:"shutdown_timeout"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		Listen: "127.0.0.1:8080", PrivateListen: "127.0.0.1:9090", TrustedProxies: []string{"127.0.0.0/8", "::1/128"},
		MaxConnections: 2000, MaxConnectionsPerAddress: 100, ShutdownTimeout: setting.Duration(30 * time.Second),
	}
}

// Faults reports what is wrong with the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if _, err := netip.ParseAddrPort(c.Listen); err != nil {
		faults = append(faults, setting.Fault{Key: "listen", Problem: "is not an address and a port", Allowed: "such as 127.0.0.1:8080"})
	}
	u, err := url.Parse(c.PublicURL)
	switch {
	case c.PublicURL == "":
		faults = append(faults, setting.Fault{Key: "public_url", Problem: "is missing", Allowed: "the address that people type, such as https://reset.example.org"})
	case err != nil || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		faults = append(faults, setting.Fault{Key: "public_url", Problem: "is not the address of a whole site", Allowed: "scheme and host only, such as https://reset.example.org"})
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
	default:
		faults = append(faults, setting.Fault{Key: "public_url", Problem: "is not https: passwords would travel in clear", Allowed: "https, or http on the loopback for a trial"})
	}
	if len(c.TrustedProxies) == 0 || slices.ContainsFunc(c.TrustedProxies, notPrefix) {
		faults = append(faults, setting.Fault{Key: "trusted_proxies", Problem: "has something that is no network prefix", Allowed: "prefixes such as 127.0.0.0/8 or 2001:db8::/48, at least one"})
	}
	if c.MaxConnections < 10 || c.MaxConnections > 1_000_000 {
		faults = append(faults, setting.OutOfRange("max_connections", c.MaxConnections, 10, 1_000_000))
	}
	if c.MaxConnectionsPerAddress < 1 || c.MaxConnectionsPerAddress > c.MaxConnections {
		faults = append(faults, setting.OutOfRange("max_connections_per_address", c.MaxConnectionsPerAddress, 1, "max_connections"))
	}
	if c.ShutdownTimeout.Std() < time.Second || c.ShutdownTimeout.Std() > 5*time.Minute {
		faults = append(faults, setting.Fault{Key: "shutdown_timeout", Problem: "is out of range", Allowed: "1s to 5m"})
	}
	return slices.Concat(faults, c.certificateFaults(), c.privateFaults())
}

func (c Config) certificateFaults() []setting.Fault {
	switch {
	case c.CertFile == "" && c.KeyFile == "":
		return nil
	case c.CertFile == "":
		return []setting.Fault{setting.Missing("cert_file", "with a key_file, the file of its certificate; or neither")}
	case c.KeyFile == "":
		return []setting.Fault{setting.Missing("key_file", "with a cert_file, the file of its key; or neither")}
	case !c.Secure():
		return []setting.Fault{{Key: "public_url", Problem: "is http, and there is a cert_file", Allowed: "https; or no cert_file"}}
	}
	if unreadable := append(setting.Unreadable("cert_file", c.CertFile), setting.Unreadable("key_file", c.KeyFile)...); unreadable != nil {
		return unreadable
	}
	if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
		return []setting.Fault{{Key: "cert_file", Problem: "and key_file do not go together: " + err.Error(), Allowed: "a certificate chain and its key, both in PEM form"}}
	}
	return nil
}

func (c Config) privateFaults() []setting.Fault {
	if c.PrivateListen == "" {
		return nil
	}
	address, err := netip.ParseAddrPort(c.PrivateListen)
	if err != nil {
		return []setting.Fault{{Key: "private_listen", Problem: "is not an address and a port", Allowed: "such as 127.0.0.1:9090, or empty"}}
	}
	if ip := address.Addr().Unmap(); !ip.IsLoopback() && !ip.IsPrivate() {
		return []setting.Fault{{Key: "private_listen", Problem: "is not a private address: anyone could read how Latchkey is doing", Allowed: "an address of the loopback, of RFC 1918 or of fc00::/7"}}
	}
	if c.PrivateListen == c.Listen {
		return []setting.Fault{{Key: "private_listen", Problem: "is the same as listen", Allowed: "another port"}}
	}
	return nil
}

func notPrefix(s string) bool {
	_, err := netip.ParsePrefix(s)
	return err != nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && address.IsLoopback())
}

// Secure reports whether the site is served over https.
func (c Config) Secure() bool {
	u, err := url.Parse(c.PublicURL)
	return err != nil || u.Scheme == "https"
}

func (c Config) host() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return u.Host
}
