package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/setting"
)

func TestFaults(t *testing.T) {
	if got := Defaults().Faults(); got != nil {
		t.Errorf("the defaults have faults: %v", got)
	}
	for name, test := range map[string]struct {
		change func(*Config)
		keys   []string
	}{
		"mode":       {func(c *Config) { c.Mode = "ring" }, []string{"mode"}},
		"no address": {func(c *Config) { c.Addresses = nil }, []string{"addresses"}},
		"no port":    {func(c *Config) { c.Addresses = []string{"redis"} }, []string{"addresses"}},
		"several":    {func(c *Config) { c.Addresses = []string{"127.0.0.1:1", "127.0.0.1:2"} }, []string{"addresses"}},
		"remote without TLS": {func(c *Config) {
			c.Addresses, c.Username, c.Password = []string{"redis.example.org:6379"}, "u", setting.NewSecret("p")
		}, []string{"tls"}},
		"remote with TLS": {func(c *Config) {
			c.Addresses, c.TLS, c.Username, c.Password = []string{"redis.example.org:6379"}, true, "u", setting.NewSecret("p")
		}, nil},
		"remote without a user":  {func(c *Config) { c.Addresses, c.TLS = []string{"redis.example.org:6379"}, true }, []string{"username"}},
		"socket":                 {func(c *Config) { c.Addresses = []string{"unix:/run/redis.sock"} }, nil},
		"sentinel without name":  {func(c *Config) { c.Mode = ModeSentinel }, []string{"master_name"}},
		"user without password":  {func(c *Config) { c.Username = "latchkey" }, []string{"password_file"}},
		"authority without TLS":  {func(c *Config) { c.CAFile = "/dev/null" }, []string{"ca_file"}},
		"unreadable authorities": {func(c *Config) { c.CAFile, c.TLS = "/nowhere.pem", true }, []string{"ca_file"}},
		"no time":                {func(c *Config) { c.Timeout = setting.Duration(0) }, []string{"timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := Defaults()
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
