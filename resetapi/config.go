package resetapi

import (
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
	// TrustedProxies are the prefixes whose X-Forwarded-For is believed;
	// default the loopback.
	TrustedProxies []string `toml:"trusted_proxies"`
	// ShutdownTimeout is how long requests may go on after a signal; default 30s,
	// the longest that a password write may take.
	ShutdownTimeout setting.Duration `toml:"shutdown_timeout"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		Listen: "127.0.0.1:8080", TrustedProxies: []string{"127.0.0.0/8", "::1/128"},
		ShutdownTimeout: setting.Duration(30 * time.Second),
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
	if c.ShutdownTimeout.Std() < time.Second || c.ShutdownTimeout.Std() > 5*time.Minute {
		faults = append(faults, setting.Fault{Key: "shutdown_timeout", Problem: "is out of range", Allowed: "1s to 5m"})
	}
	return faults
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
