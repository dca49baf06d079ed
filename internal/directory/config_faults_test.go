package directory

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/setting"
)

func TestConfigFaults(t *testing.T) {
	good := Defaults()
	good.Name, good.Servers, good.BaseDN = "staff", []string{"ldaps://ldap.example.org"}, "dc=example,dc=org"
	good.BindDN, good.BindPassword = "cn=latchkey,dc=example,dc=org", setting.NewSecret("x")
	for name, test := range map[string]struct {
		change func(*Config)
		keys   []string
	}{
		"nothing wrong":   {func(*Config) {}, nil},
		"nothing written": {func(c *Config) { *c = Defaults() }, []string{"base_dn", "bind_dn", "bind_password_file", "name", "servers"}},
		"no LDAP":         {func(c *Config) { c.Servers = []string{"ldaps://a", "https://b", "ldap://user:pw@c"} }, []string{"servers", "servers"}},
		"servers by DNS":  {func(c *Config) { c.Servers = []string{"ldaps+srv://example.org", "ldap+srv://example.org."} }, nil},
		"no domain": {func(c *Config) {
			c.Servers = []string{"ldap+srv://192.0.2.1", "ldaps+srv://example.org:636", "ldap+srv://.", "ldap+srv://a/b"}
		}, []string{"servers", "servers", "servers", "servers"}},
		"no names":          {func(c *Config) { c.BaseDN, c.GroupBaseDN = "example.org", "x" }, []string{"base_dn", "group_base_dn"}},
		"filter broken":     {func(c *Config) { c.UserFilter = "(uid={login}" }, []string{"user_filter"}},
		"filter for nobody": {func(c *Config) { c.UserFilter = "(uid=alice)" }, []string{"user_filter"}},
		"no connection":     {func(c *Config) { c.Connections, c.ConnectTimeout = 0, 0 }, []string{"connect_timeout", "connections"}},
		"flavor unknown":    {func(c *Config) { c.Flavor, c.LoginAttribute = "x500", "uid)" }, []string{"flavor", "login_attribute"}},
		"no strategy":       {func(c *Config) { c.WriteStrategy = "twice" }, []string{"write_strategy"}},
		"strategies":        {func(c *Config) { c.WriteStrategy, c.Flavor = "temporary-then-change", "active-directory" }, nil},
		"not for OpenLDAP":  {func(c *Config) { c.WriteStrategy, c.Flavor = "temporary-then-change", "openldap" }, []string{"write_strategy"}},
		"not for domains":   {func(c *Config) { c.WriteStrategy, c.Flavor = "must-change-first", "active-directory" }, []string{"write_strategy"}},
		"groups too deep":   {func(c *Config) { c.GroupDepth = 11 }, []string{"group_depth"}},
		"authorities gone":  {func(c *Config) { c.CAFile = "/nowhere.pem" }, []string{"ca_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			test.change(&c)
			var keys []string
			for _, fault := range c.Faults() {
				keys = append(keys, fault.Key)
			}
			slices.Sort(keys)
			if diff := cmp.Diff(test.keys, keys); diff != "" {
				t.Errorf("keys at fault (-want +got):\n%s", diff)
			}
		})
	}
}
