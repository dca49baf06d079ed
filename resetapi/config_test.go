package resetapi

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaults(t *testing.T) {
	first, second := pair(t), pair(t)
	for name, test := range map[string]struct {
		change func(*Config)
		keys   []string
	}{
		"good":           {func(*Config) {}, nil},
		"own TLS":        {func(c *Config) { c.CertFile, c.KeyFile = first.CertFile, first.KeyFile }, nil},
		"no key":         {func(c *Config) { c.CertFile = first.CertFile }, []string{"key_file"}},
		"no certificate": {func(c *Config) { c.KeyFile = first.KeyFile }, []string{"cert_file"}},
		"not a pair":     {func(c *Config) { c.CertFile, c.KeyFile = first.CertFile, second.KeyFile }, []string{"cert_file"}},
		"unreadable":     {func(c *Config) { c.CertFile, c.KeyFile = "/nowhere", first.KeyFile }, []string{"cert_file"}},
		"own TLS, not used": {func(c *Config) {
			c.CertFile, c.KeyFile, c.PublicURL = first.CertFile, first.KeyFile, "http://localhost"
		}, []string{"public_url"}},
		"private off":       {func(c *Config) { c.PrivateListen = "" }, nil},
		"private, RFC 1918": {func(c *Config) { c.PrivateListen = "10.1.2.3:9090" }, nil},
		"private, RFC 4193": {func(c *Config) { c.PrivateListen = "[fd00::1]:9090" }, nil},
		"private, everyone": {func(c *Config) { c.PrivateListen = "0.0.0.0:9090" }, []string{"private_listen"}},
		"private, any IPv6": {func(c *Config) { c.PrivateListen = "[::]:9090" }, []string{"private_listen"}},
		"private, public":   {func(c *Config) { c.PrivateListen = "192.0.2.1:9090" }, []string{"private_listen"}},
		"private, no port":  {func(c *Config) { c.PrivateListen = "127.0.0.1" }, []string{"private_listen"}},
		"private is public": {func(c *Config) { c.PrivateListen = c.Listen }, []string{"private_listen"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := Defaults()
			c.PublicURL = "https://reset.example.org"
			test.change(&c)
			var keys []string
			for _, fault := range c.Faults() {
				keys = append(keys, fault.Key)
			}
			if diff := cmp.Diff(test.keys, keys); diff != "" {
				t.Errorf("keys at fault (-want +got):\n%s", diff)
			}
		})
	}
}
