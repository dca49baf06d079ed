package directory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	objectGUID         = "objectGUID"
	userAccountControl = "userAccountControl"
	computedControl    = "msDS-User-Account-Control-Computed"
	accountExpires     = "accountExpires"
	pwdLastSet         = "pwdLastSet"
	lockoutTime        = "lockoutTime"
	resultantPolicy    = "msDS-ResultantPSO"
)

// Bits of userAccountControl and of its computed form ([MS-ADTS] 2.2.16,
// 3.1.1.4.5.17).
const (
	controlDisabled     = 0x2
	controlLocked       = 0x10
	controlNormal       = 0x200
	controlSmartcard    = 0x40000
	controlOtherAccount = 0x800 | 0x1000 | 0x2000 // of trusts and computers
)

const guidSize = 16

func (activeDirectory) accountAttributes() []string {
	return []string{
		objectGUID, userAccountControl, computedControl, accountExpires, pwdLastSet, lockoutTime, resultantPolicy,
		objectSID, "objectClass", "adminCount", "sAMAccountName",
	}
}

func (activeDirectory) id(entry *ldap.Entry) (ID, error) {
	guid := entry.GetEqualFoldAttributeValue(objectGUID)
	if len(guid) != guidSize {
		return ID{}, errors.New("the entry shows no objectGUID: give the service account read access to it")
	}
	return ID{Kind: objectGUID, Bytes: guid}, nil
}

func (f activeDirectory) account(entry *ldap.Entry, now time.Time) (account, error) {
	id, err := f.id(entry)
	if err != nil {
		return account{}, err
	}
	domain := domainOf(entry.DN)
	stamp := entry.GetEqualFoldAttributeValue(pwdLastSet)
	a := account{
		id:             id,
		state:          activeDirectoryState(entry, now),
		changeStamp:    stamp,
		policyDN:       cmp.Or(entry.GetEqualFoldAttributeValue(resultantPolicy), domain),
		domainPolicyDN: domain,
		privileged:     privilegedAccount(entry),
		mustChange:     stamp == flaggedStamp,
	}
	if a.state == Locked {
		a.lock = entry.GetEqualFoldAttributeValues(lockoutTime)
		a.lockedAt, _ = fileTime(entry.GetEqualFoldAttributeValue(lockoutTime))
	}
	return a, nil
}

func (activeDirectory) idFilter(id ID) (string, error) {
	if id.Kind != objectGUID || len(id.Bytes) != guidSize {
		return "", fmt.Errorf("%w: the id is of another kind of directory", ErrNotFound)
	}
	return "(" + objectGUID + "=" + escapeBytes(id.Bytes) + ")", nil
}

// escapeBytes writes a binary value into a filter (RFC 4515 §3).
func escapeBytes(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		fmt.Fprintf(&b, "\\%02x", c)
	}
	return b.String()
}

// guidName names an entry by its id, wherever it is and whatever it is called
// ([MS-ADTS] 3.1.1.3.1.2.4).
func guidName(id ID) string { return fmt.Sprintf("<GUID=%x>", id.Bytes) }

// activeDirectoryState needs to read all that tells a state. The attribute
// itself shows neither a lock nor an expiry; its computed form does, and lets a
// lock end with its time. Where a smart card is required nobody signs in with a
// password, so nobody gets one.
func activeDirectoryState(entry *ldap.Entry, now time.Time) State {
	control, err := strconv.ParseInt(entry.GetEqualFoldAttributeValue(userAccountControl), 10, 64)
	computed, computedErr := strconv.ParseInt(entry.GetEqualFoldAttributeValue(computedControl), 10, 64)
	expires, expiresErr := fileTime(entry.GetEqualFoldAttributeValue(accountExpires))
	_, stampErr := strconv.ParseUint(entry.GetEqualFoldAttributeValue(pwdLastSet), 10, 63)
	switch {
	case errors.Join(err, computedErr, expiresErr, stampErr) != nil:
		return Disabled
	case control&controlDisabled != 0, control&controlNormal == 0, control&controlSmartcard != 0:
		return Disabled
	case !expires.IsZero() && !now.Before(expires):
		return Expired
	case computed&controlLocked != 0:
		return Locked
	default:
		return Active
	}
}

const (
	// fileTimeEpoch is 1970 in intervals of 100 ns since 1601.
	fileTimeEpoch = 116444736000000000
	// fileTimeNever stands for no time, as 0 does.
	fileTimeNever     = 0x7fffffffffffffff
	intervalsASecond  = 10_000_000
	nanosASubInterval = 100
)

// fileTime reads a moment; zero stands for never.
func fileTime(value string) (time.Time, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	if n <= 0 || n == fileTimeNever {
		return time.Time{}, nil
	}
	n -= fileTimeEpoch
	return time.Unix(n/intervalsASecond, n%intervalsASecond*nanosASubInterval).UTC(), nil
}

// firstOrdinaryRID is the first that a domain gives to accounts of its own.
const firstOrdinaryRID = 1000

// privilegedAccount tells from the entry alone what the domain protects
// ([MS-ADTS] 3.1.1.6.1) or uses itself. adminCount stays where somebody has left
// the group; the directory then keeps its protection too.
func privilegedAccount(entry *ldap.Entry) string {
	id, err := parseSID(entry.GetEqualFoldAttributeValue(objectSID))
	control, _ := strconv.ParseInt(entry.GetEqualFoldAttributeValue(userAccountControl), 10, 64)
	name := strings.ToLower(entry.GetEqualFoldAttributeValue("sAMAccountName"))
	classes := entry.GetEqualFoldAttributeValues("objectClass")
	switch {
	case err != nil || !id.inDomain():
		return "its objectSid cannot be read"
	case id.rid() < firstOrdinaryRID:
		return "it is a built-in account of the domain"
	case name == "":
		return "its sAMAccountName cannot be read"
	case name == "krbtgt" || strings.HasPrefix(name, "krbtgt_"):
		return "it is an account of the key distribution center"
	case control&controlOtherAccount != 0, !isPersonClass(classes):
		return "it is not an account of a person"
	case !slices.Contains([]string{"", "0"}, entry.GetEqualFoldAttributeValue("adminCount")):
		return "adminCount is set"
	default:
		return ""
	}
}

// isPersonClass: the accounts of computers and managed service accounts are
// users too.
func isPersonClass(classes []string) bool {
	user := false
	for _, class := range classes {
		switch class = strings.ToLower(class); {
		case class == "user":
			user = true
		case class == "computer", strings.HasPrefix(class, "msds-") && strings.HasSuffix(class, "managedserviceaccount"), class == "trusteddomain":
			return false
		}
	}
	return user
}
