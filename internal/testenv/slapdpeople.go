package testenv

import (
	"fmt"
	"strings"
	"time"
)

// FirstPassword is the password that everyone of [People] has at the start.
const FirstPassword = "first-Password-1"

// The password policies of every slapd of this package. The default one: 10
// characters, 3 in history, quality checked, locked after 3 wrong passwords.
const (
	DefaultPolicyDN = "cn=default,ou=policies," + BaseDN
	// YoungPolicyDN adds a minimum age of a day.
	YoungPolicyDN = "cn=young,ou=policies," + BaseDN
	// ServicePolicyDN is for service accounts: never locked, never expired.
	ServicePolicyDN = "cn=services,ou=policies," + BaseDN
)

// The groups of every slapd of this package.
const (
	// ProtectedGroupDN has the member protected.
	ProtectedGroupDN = "cn=protected,ou=groups," + BaseDN
	// NotEnabledGroupDN has the member notenabled.
	NotEnabledGroupDN = "cn=notenabled,ou=groups," + BaseDN
)

// PersonDN returns the DN of a person at the start.
func PersonDN(uid string) string { return "uid=" + uid + ",ou=people," + BaseDN }

// People returns the uids of everyone that a slapd of this package has at the
// start. Each has mail uid@example.test, [FirstPassword], and a password that
// was set a day ago.
//
//	alice, bob     ordinary
//	disabled       the account expired long ago (shadowExpire 1)
//	adminlocked    locked for good by an administrator (000001010000Z)
//	protected      member of the group protected
//	notenabled     member of the group notenabled
//	nocontacts     ordinary; tests give this person no contact card
//	overlimit      ordinary; tests use up this person's limits
//	young          has the policy young and set the password just now
func People() []string {
	return []string{"alice", "bob", "disabled", "adminlocked", "protected", "notenabled", "nocontacts", "overlimit", "young"}
}

// PersonLDIF returns one entry below ou=people. Lines are added as they stand.
func PersonLDIF(uid string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\ndn: %s\nobjectClass: inetOrgPerson\nobjectClass: shadowAccount\n", PersonDN(uid))
	fmt.Fprintf(&b, "uid: %s\ncn: %s Example\nsn: Example\ndisplayName: %s Example\nmail: %s@example.test\nuserPassword: %s\n", uid, uid, uid, uid, FirstPassword)
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// generalizedTime is the form of a time in LDAP (RFC 4517 §3.3.13).
func generalizedTime(t time.Time) string { return t.UTC().Format("20060102150405Z") }

// PeopleLDIF is the content of every slapd of this package, for other servers.
func PeopleLDIF(options SlapdOptions) string { return slapdData(options, time.Now()) }

func slapdData(options SlapdOptions, now time.Time) string {
	if options.ReplicaOf != nil {
		return "" // all comes from there
	}
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n", BaseDN)
	for _, unit := range []string{"people", "groups", "services", "policies"} {
		fmt.Fprintf(&b, "\ndn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n", unit, BaseDN, unit)
	}
	const rules = "pwdMinLength: 10\npwdInHistory: 3\npwdCheckQuality: 2\npwdLockout: TRUE\npwdMaxFailure: 3\npwdLockoutDuration: 600\n"
	for _, policy := range []struct{ dn, lines string }{
		{DefaultPolicyDN, rules + options.DefaultPolicy},
		{YoungPolicyDN, rules + "pwdMinAge: 86400\n"},
		{ServicePolicyDN, "pwdLockout: FALSE\npwdMaxAge: 0\n"},
	} {
		cn, _, _ := strings.Cut(strings.TrimPrefix(policy.dn, "cn="), ",")
		fmt.Fprintf(&b, "\ndn: %s\nobjectClass: device\nobjectClass: pwdPolicy\ncn: %s\npwdAttribute: userPassword\n%s", policy.dn, cn, policy.lines)
	}
	fmt.Fprintf(&b, "\ndn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: latchkey\nuserPassword: %s\npwdPolicySubentry: %s\n", ServiceDN, ServicePassword, ServicePolicyDN)

	before := "pwdChangedTime: " + generalizedTime(now.Add(-24*time.Hour))
	special := map[string][]string{
		"disabled":    {before, "shadowExpire: 1"},
		"adminlocked": {before, "pwdAccountLockedTime: 000001010000Z"},
		"young":       {"pwdChangedTime: " + generalizedTime(now), "pwdPolicySubentry: " + YoungPolicyDN},
	}
	for _, uid := range People() {
		lines, ok := special[uid]
		if !ok {
			lines = []string{before}
		}
		b.WriteString(PersonLDIF(uid, lines...))
	}
	for _, group := range []struct{ dn, member string }{{ProtectedGroupDN, "protected"}, {NotEnabledGroupDN, "notenabled"}} {
		fmt.Fprintf(&b, "\ndn: %s\nobjectClass: groupOfNames\ncn: %s\nmember: %s\n", group.dn, group.member, PersonDN(group.member))
	}
	b.WriteString("\n" + options.LDIF)
	return b.String()
}
