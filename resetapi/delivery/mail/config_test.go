package mail

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"latchkey/internal/setting"
)

func TestConfigFaults(t *testing.T) {
	good := Defaults()
	good.Host, good.From = "mail.example.org", "reset@example.org"
	for name, test := range map[string]struct {
		change func(*Config)
		keys   []string
	}{
		"nothing wrong":     {func(*Config) {}, nil},
		"nothing written":   {func(c *Config) { *c = Defaults() }, []string{"from", "host"}},
		"clear text":        {func(c *Config) { c.TLS = NoTLS }, []string{"tls"}},
		"on the loopback":   {func(c *Config) { c.TLS, c.Host = NoTLS, "127.0.0.1" }, nil},
		"clear fallback":    {func(c *Config) { c.TLS, c.Host, c.Fallbacks = NoTLS, "127.0.0.1", []string{"mail.example.org:25"} }, []string{"tls"}},
		"bare fallback":     {func(c *Config) { c.Fallbacks = []string{"mail2.example.org"} }, []string{"fallbacks"}},
		"fallback":          {func(c *Config) { c.Fallbacks = []string{"mail2.example.org:587", "[::1]:25"} }, nil},
		"unknown TLS":       {func(c *Config) { c.TLS = "ssl" }, []string{"tls"}},
		"URL":               {func(c *Config) { c.Host = "smtp://mail" }, []string{"host"}},
		"no password":       {func(c *Config) { c.Username, c.Password = "u", setting.NewSecret(" ") }, []string{"password_file"}},
		"no username":       {func(c *Config) { c.Password = setting.NewSecret("x") }, []string{"username"}},
		"display name":      {func(c *Config) { c.From = "Reset <reset@example.org>" }, []string{"from"}},
		"second header":     {func(c *Config) { c.FromName, c.ServiceName = "a\nb", "c\rd" }, []string{"from_name", "service_name"}},
		"numbers":           {func(c *Config) { c.Port, c.Timeout = 0, 0 }, []string{"port", "timeout"}},
		"authorities gone":  {func(c *Config) { c.CAFile = filepath.Join(os.DevNull, "x") }, []string{"ca_file"}},
		"no name to go by":  {func(c *Config) { c.ServiceName = "" }, []string{"service_name"}},
		"name with a space": {func(c *Config) { c.Host = "mail example" }, []string{"host"}},
	} {
		c := good
		test.change(&c)
		var keys []string
		for _, fault := range c.Faults() {
			keys = append(keys, fault.Key)
		}
		if slices.Sort(keys); !slices.Equal(keys, test.keys) {
			t.Errorf("%s: faults in %v, want %v", name, keys, test.keys)
		}
		if _, err := Open(c); (err != nil) != (len(test.keys) > 0) {
			t.Errorf("%s: Open: %v", name, err)
		}
	}
}
