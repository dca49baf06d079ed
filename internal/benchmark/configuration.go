package benchmark

import (
	"fmt"
	"strings"

	"latchkey/internal/ratelimit"
)

// raisedRate is what each limit is raised to, so that none is reached.
const raisedRate = "1000000/1s"

// raised says what differs from the defaults, for the report.
func raised() []string {
	return []string{
		"every [limits.NAME]: rates = [\"" + raisedRate + "\"]",
		"[directory] connections = the number of resets in parallel",
		"[sms] countries, and policies that need groups",
		"[redis] timeout = \"10s\"",
	}
}

// durable is how Redis keeps what it has, as the guide wants it.
var durable = []string{"appendfsync everysec"}

// configuration is what `latchkey serve` gets. Protected accounts and a policy
// by groups are there, as nearly everywhere.
func configuration(s *site, l *server, connections int) string {
	d := s.directory.section()
	var b strings.Builder
	fmt.Fprintf(&b, `
[server]
listen = "%s"
public_url = "%s"
private_listen = "%s"
[audit]
dir = "audit"
[[directory]]
name = "main"
servers = ["%s"]
ca_file = "%s"
base_dn = "%s"
group_base_dn = "%s"
bind_dn = "%s"
bind_password_file = "bind"
default_policy_dn = "%s"
connections = %d
[[policy]]
groups = ["%s"]
enabled = true
gates = 2
methods = ["email", "sms"]
[[policy]]
enabled = true
[protected]
groups = ["%s"]
[redis]
timeout = "10s"
addresses = ["%s"]
username = "%s"
password_file = "redis.password"
[keys]
file = "keys"
[mail]
host = "127.0.0.1"
port = 25
tls = "none"
from = "reset@example.test"
[sms]
countries = ["DE"]
url = "http://127.0.0.1:1/"
allow_private = ["127.0.0.1"]
`, strings.TrimPrefix(l.base, "http://"), l.base, l.private, d.server, d.caFile, d.base, d.groups,
		d.service, d.policy, connections, d.twoGates, d.protected,
		s.redis.Addr, s.redis.Username)
	for name := range ratelimit.Defaults() {
		fmt.Fprintf(&b, "[limits.%s]\nrates = [%q]\n", name, raisedRate)
	}
	return b.String()
}
