package main

import "fmt"

// places are the addresses and files that the configuration names.
type places struct {
	dir, listen, directory, redis, mailPort, sms string
}

// configuration is that of the demonstration: a small one of the kind that an
// organisation would write, so that it can be looked at.
func configuration(p places) string {
	return fmt.Sprintf(`# The configuration of a demonstration. Its directory, Redis, mail server and
# SMS gateway are parts of the same process, and are gone when it ends.

[server]
listen = %[2]q
public_url = "http://%[2]s"
private_listen = ""

[[directory]]
name = "example"
servers = ["ldaps://%[3]s"]
ca_file = "%[1]s/ca.pem"
base_dn = %[7]q
group_base_dn = %[8]q
bind_dn = %[9]q
bind_password_file = "%[1]s/bind"
default_policy_dn = %[10]q

[[policy]]
groups = [%[11]q]
enabled = false

[[policy]]
groups = [%[12]q]
enabled = true
gates = 2
methods = ["email", "sms"]

[[policy]]
enabled = true
methods = ["email", "sms"]

[protected]
groups = [%[13]q]

[administrators]
groups = [%[14]q]

[password]
min_length = 10

[redis]
timeout = "10s"
addresses = [%[4]q]
allow_volatile = true # it is a trial

[keys]
file = "%[1]s/keys"

[audit]
dir = "%[1]s/audit"

[mail]
host = "127.0.0.1"
port = %[5]s
tls = "none" # on this machine only
from = "reset@example.test"
service_name = "Example"

[sms]
countries = ["DE"]
url = "http://%[6]s/messages"
allow_private = ["127.0.0.1"]

[support]
name = "Example service desk"
phone = "+49 30 901820"
email = "help@example.test"
requests_to = "help@example.test"

# One person plays everybody here, all from one address.
`, p.dir, p.listen, p.directory, p.redis, p.mailPort, p.sms, peopleDN, groupsDN, serviceDN, defaultPolicy,
		notEnabledGroup, twoGatesGroup, protectedGroup, administratorsGroup) + limits()
}

// limits are those that one person alone would soon reach.
func limits() string {
	text := ""
	for _, name := range []string{
		"starts_per_address", "starts_per_network", "starts_per_login", "starts_per_device", "starts_per_person",
		"codes_per_address", "messages_per_contact", "sms_per_prefix", "support_per_address", "support_per_network", "changes_per_address", "changes_per_network", "changes_per_login", "changes_per_person",
	} {
		text += fmt.Sprintf("[limits.%s]\nrates = [\"300/10m\"]\n", name)
	}
	return text
}
