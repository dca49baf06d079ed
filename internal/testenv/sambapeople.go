package testenv

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// What every domain of this package has.
const (
	// SambaRealm is the Kerberos realm, in capitals the name of the domain.
	SambaRealm = "CORP.EXAMPLE.TEST"
	// SambaHost is the name of the domain controller.
	SambaHost = sambaHostLabel + ".corp.example.test"
	// SambaBaseDN is the suffix; people and their groups are in OU=Staff.
	SambaBaseDN = "DC=corp,DC=example,DC=test"
	// SambaServiceDN may reset the passwords of whoever is in OU=Staff, and write
	// lockoutTime and pwdLastSet there, nothing else. Its password is
	// [SambaServicePassword].
	SambaServiceDN = "CN=ssprsvc,CN=Users," + SambaBaseDN
	// SambaServicePassword is the password of the service account.
	SambaServicePassword = "Service-password-1"
	// SambaStaffDN is where people are.
	SambaStaffDN = "OU=Staff," + SambaBaseDN
	// SambaStrictPolicyDN is the password settings object of carol: 16 characters,
	// 5 in history.
	SambaStrictPolicyDN = "CN=strict,CN=Password Settings Container,CN=System," + SambaBaseDN
	// SambaDomainAdminsDN has the members domainadmin and, through
	// [SambaStaffAdminsDN], nestedadmin.
	SambaDomainAdminsDN = "CN=Domain Admins,CN=Users," + SambaBaseDN
	// SambaStaffAdminsDN is a member of Domain Admins and has the member
	// nestedadmin.
	SambaStaffAdminsDN = "CN=Staff Admins," + SambaStaffDN
	// SambaNotEnabledDN has the member notenabled.
	SambaNotEnabledDN = "CN=Not Enabled," + SambaStaffDN

	sambaHostLabel     = "dc1"
	sambaDomain        = "CORP"
	sambaAdminDN       = "CN=Administrator,CN=Users," + SambaBaseDN
	sambaAdminPassword = "Administrator-1"
)

// Bits of userAccountControl ([MS-ADTS] 2.2.16).
const (
	accountDisabled = 0x2
	normalAccount   = 0x200
	neverExpires    = 0x10000
)

// SambaPersonDN returns the DN of a person at the start.
func SambaPersonDN(account string) string { return "CN=" + account + "," + SambaStaffDN }

// SambaPeople returns the sAMAccountNames of everyone in OU=Staff at the start.
// Each has mail and userPrincipalName account@corp.example.test and
// [FirstPassword].
//
//	alice, bob     ordinary
//	carol          has the password settings of [SambaStrictPolicyDN]
//	domainadmin    member of Domain Admins
//	nestedadmin    member of a group in Domain Admins
//	disabled       the account is disabled
//	expired        the account expired long ago
//	notenabled     member of the group [SambaNotEnabledDN]
//	nocontacts     ordinary; tests give this person no contact card
//	overlimit      ordinary; tests use up this person's limits
func SambaPeople() []string {
	return []string{"alice", "bob", "carol", "domainadmin", "nestedadmin", "disabled", "expired", "notenabled", "nocontacts", "overlimit"}
}

// SambaPersonLDIF returns one entry in OU=Staff. Lines are added as they stand.
func SambaPersonLDIF(account string, lines ...string) string {
	control := normalAccount
	if account == "disabled" {
		control |= accountDisabled
	}
	return sambaAccountLDIF(SambaPersonDN(account), account, FirstPassword, control, lines...)
}

func sambaAccountLDIF(dn, account, password string, control int, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: user\nsAMAccountName: %s\nuserPrincipalName: %[2]s@%s\n", dn, account, strings.ToLower(SambaRealm))
	fmt.Fprintf(&b, "givenName: %s\nsn: Example\ndisplayName: %[1]s Example\nmail: %[1]s@corp.example.test\n", account)
	fmt.Fprintf(&b, "userAccountControl: %d\nunicodePwd:: %s\n", control, base64.StdEncoding.EncodeToString([]byte(UnicodePassword(password))))
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// UnicodePassword returns a value of unicodePwd: the password in quotation
// marks, as UTF-16 ([MS-ADTS] 3.1.1.3.1.5.1).
func UnicodePassword(password string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// sambaPolicy has no maximum age, or the passwords of the snapshot would expire.
const sambaPolicy = `dn: ` + SambaBaseDN + `
changetype: modify
replace: minPwdLength
minPwdLength: 10
-
replace: pwdHistoryLength
pwdHistoryLength: 3
-
replace: minPwdAge
minPwdAge: 0
-
replace: maxPwdAge
maxPwdAge: -9223372036854775808
-
replace: lockoutThreshold
lockoutThreshold: 3
-
replace: lockoutDuration
lockoutDuration: -6000000000
-
replace: lockOutObservationWindow
lockOutObservationWindow: -6000000000
`

// sambaPeople is what a domain gets after it was provisioned.
func sambaPeople() string {
	var b strings.Builder
	b.WriteString(sambaPolicy)
	fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: organizationalUnit\n", SambaStaffDN)
	for _, account := range SambaPeople() {
		var lines []string
		if account == "expired" {
			lines = []string{"accountExpires: 116444736000000000"} // 1970
		}
		b.WriteString(SambaPersonLDIF(account, lines...))
	}
	b.WriteString(sambaAccountLDIF(SambaServiceDN, "ssprsvc", SambaServicePassword, normalAccount|neverExpires))
	for _, group := range []struct{ dn, member string }{{SambaStaffAdminsDN, "nestedadmin"}, {SambaNotEnabledDN, "notenabled"}} {
		name, _, _ := strings.Cut(strings.TrimPrefix(group.dn, "CN="), ",")
		fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: group\nsAMAccountName: %s\nmember: %s\n", group.dn, name, SambaPersonDN(group.member))
	}
	fmt.Fprintf(&b, "\ndn: %s\nchangetype: modify\nadd: member\nmember: %s\nmember: %s\n", SambaDomainAdminsDN, SambaPersonDN("domainadmin"), SambaStaffAdminsDN)
	fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: msDS-PasswordSettings\nmsDS-PSOAppliesTo: %s\n%s", SambaStrictPolicyDN, SambaPersonDN("carol"), sambaStrictPolicy)
	return b.String()
}

const sambaStrictPolicy = `msDS-PasswordSettingsPrecedence: 10
msDS-PasswordReversibleEncryptionEnabled: FALSE
msDS-PasswordHistoryLength: 5
msDS-PasswordComplexityEnabled: TRUE
msDS-MinimumPasswordLength: 16
msDS-MinimumPasswordAge: 0
msDS-MaximumPasswordAge: -9223372036854775808
msDS-LockoutThreshold: 3
msDS-LockoutObservationWindow: -6000000000
msDS-LockoutDuration: -6000000000
`
