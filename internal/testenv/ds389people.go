package testenv

import (
	"fmt"
	"strings"
)

const (
	ds389AdminDN         = "cn=Directory Manager"
	ds389AdminPassword   = "Directory-manager-1"
	ds389CertificateName = "Server-Cert"

	policyContainerDN = "cn=nsPwPolicyContainer,ou=people," + BaseDN
	ds389YoungDN      = "cn=young," + policyContainerDN
	ds389ForeverDN    = "cn=forever," + policyContainerDN
)

// ds389Policy is the password policy: 10 characters, 3 in history, locked after
// 3 wrong passwords. By default the server also refuses whatever has three
// characters in a row with the person's name or address in common, and fewer
// than three kinds of characters: random passwords would fail now and then.
const ds389Policy = `dn: cn=config
changetype: modify
replace: passwordCheckSyntax
passwordCheckSyntax: on
-
replace: passwordMinLength
passwordMinLength: 10
-
replace: passwordMinCategories
passwordMinCategories: 1
-
replace: passwordMinTokenLength
passwordMinTokenLength: 64
-
replace: passwordHistory
passwordHistory: on
-
replace: passwordInHistory
passwordInHistory: 3
-
replace: passwordLockout
passwordLockout: on
-
replace: passwordMaxFailure
passwordMaxFailure: 3
-
replace: passwordLockoutDuration
passwordLockoutDuration: 600
-
replace: nsslapd-pwpolicy-local
nsslapd-pwpolicy-local: on
-
replace: nsslapd-accesslog-logbuffering
nsslapd-accesslog-logbuffering: off
-
add: aci
aci: (targetattr="passwordCheckSyntax || passwordMinLength || passwordMinCategories || passwordMinDigits || passwordMinAlphas || passwordMinUppers || passwordMinLowers || passwordMinSpecials || passwordMin8Bit || passwordMaxRepeats || passwordMinTokenLength || passwordHistory || passwordInHistory || passwordMinAge || passwordMaxAge || passwordExp || passwordMustChange || passwordLockout || passwordMaxFailure || passwordLockoutDuration || passwordUnlock || nsslapd-pwpolicy-local || objectClass || cn")(version 3.0; acl "latchkey reads the policy"; allow (read, search, compare) userdn="ldap:///@SERVICE@";)
`

// ds389Rights are the rights of the service account: reading everything but
// passwords, resetting and unlocking. Operational attributes have to be named.
const ds389Rights = `
dn: @BASE@
changetype: modify
add: aci
aci: (targetattr!="userPassword")(version 3.0; acl "latchkey reads"; allow (read, search, compare) userdn="ldap:///@SERVICE@";)
aci: (targetattr="nsUniqueId || entryUUID || entryDN || nsAccountLock || passwordExpirationTime || passwordAllowChangeTime || passwordRetryCount || retryCountResetTime || accountUnlockTime || pwdUpdateTime || pwdReset || pwdPolicySubentry || memberOf || nsRole || createTimestamp || modifyTimestamp || numSubordinates")(version 3.0; acl "latchkey reads what the server keeps"; allow (read, search, compare) userdn="ldap:///@SERVICE@";)
aci: (targetattr="*")(version 3.0; acl "own entry"; allow (read, search, compare) userdn="ldap:///self";)
aci: (targetattr="userPassword")(version 3.0; acl "own password"; allow (write) userdn="ldap:///self";)

dn: ou=people,@BASE@
changetype: modify
add: aci
aci: (targetattr="userPassword")(version 3.0; acl "latchkey resets"; allow (write) userdn="ldap:///@SERVICE@";)
aci: (targetattr="accountUnlockTime || passwordRetryCount || retryCountResetTime")(version 3.0; acl "latchkey unlocks"; allow (write) userdn="ldap:///@SERVICE@";)
`

// ds389People is what an instance gets after it was created. What says that the
// password of young is too young is written as it stands, for the snapshot grows
// old.
func ds389People() string {
	var b strings.Builder
	b.WriteString(ds389Policy)
	for _, unit := range []string{"people", "groups", "services"} {
		fmt.Fprintf(&b, "\ndn: ou=%s,%s\nchangetype: add\nobjectClass: organizationalUnit\nou: %s\n", unit, BaseDN, unit)
	}
	fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: nsContainer\n", policyContainerDN)
	for _, policy := range []struct{ dn, line string }{{ds389YoungDN, "passwordMinAge: 86400"}, {ds389ForeverDN, "passwordUnlock: off"}} {
		fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: ldapSubEntry\nobjectClass: passwordPolicy\n%s%s\n", policy.dn, ds389LocalPolicy, policy.line)
	}
	fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\nuserPassword: %s\n", ServiceDN, ServicePassword)
	special := map[string][]string{
		"disabled":    {"nsAccountLock: true"},
		"adminlocked": {"pwdPolicySubentry: " + ds389ForeverDN, "accountUnlockTime: 19700101000000Z", "passwordRetryCount: 3"},
		"young":       {"pwdPolicySubentry: " + ds389YoungDN, "passwordAllowChangeTime: 20991231000000Z"},
	}
	for _, uid := range People() {
		b.WriteString(PersonLDIF(uid, special[uid]...))
	}
	for _, group := range []struct{ dn, member string }{{ProtectedGroupDN, "protected"}, {NotEnabledGroupDN, "notenabled"}} {
		fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: groupOfNames\nmember: %s\n", group.dn, PersonDN(group.member))
	}
	b.WriteString(ds389Rights)
	return strings.NewReplacer("@BASE@", BaseDN, "@SERVICE@", ServiceDN).Replace(b.String())
}

// ds389LocalPolicy repeats the policy: a local one inherits nothing.
const ds389LocalPolicy = `passwordCheckSyntax: on
passwordMinLength: 10
passwordMinCategories: 1
passwordMinTokenLength: 64
passwordHistory: on
passwordInHistory: 3
passwordLockout: on
passwordMaxFailure: 3
passwordLockoutDuration: 600
`
