package directory

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

func (openLDAP) policyAttributes() []string {
	return []string{"pwdMinLength", "pwdMaxLength", "pwdInHistory", "pwdMinAge", "pwdCheckQuality", "pwdSafeModify", "pwdCheckModule", "pwdUseCheckModule", "pwdLockoutDuration", "pwdMustChange"}
}

// policy reads a pwdPolicy entry. slapd looks at lengths and modules only where
// pwdCheckQuality is not 0.
func (openLDAP) policy(entry *ldap.Entry, changeStamp string, now time.Time) (*PasswordPolicy, error) {
	numbers := make(map[string]int)
	for _, name := range []string{"pwdMinLength", "pwdMaxLength", "pwdInHistory", "pwdMinAge", "pwdCheckQuality", "pwdLockoutDuration"} {
		text := entry.GetEqualFoldAttributeValue(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%w: the password policy has a %s that is no number", ErrUnavailable, name)
		}
		numbers[name] = n
	}
	p := &PasswordPolicy{
		History:         numbers["pwdInHistory"],
		MinAge:          seconds(numbers["pwdMinAge"]),
		LockoutDuration: seconds(numbers["pwdLockoutDuration"]),
		SafeModify:      isTrue(entry, "pwdSafeModify"),
		MustChange:      isTrue(entry, "pwdMustChange"),
	}
	if numbers["pwdCheckQuality"] > 0 {
		p.MinLength, p.MaxLength = numbers["pwdMinLength"], numbers["pwdMaxLength"]
		p.QualityChecked = isTrue(entry, "pwdUseCheckModule") || entry.GetEqualFoldAttributeValue("pwdCheckModule") != ""
	}
	p.waitFrom(changeStamp, now)
	return p, nil
}

// waitFrom reckons when a minimum age is over.
func (p *PasswordPolicy) waitFrom(changeStamp string, now time.Time) {
	if changed, err := generalizedTime(changeStamp); err == nil && p.MinAge > 0 {
		p.waitUntil(changed.Add(p.MinAge), now)
	}
}

func (p *PasswordPolicy) waitUntil(at, now time.Time) {
	if p.MinAge > 0 {
		p.ChangeableAt = stillToCome(at, now)
	}
}

// stillToCome is a time that lies ahead, or zero.
func stillToCome(at, now time.Time) time.Time {
	const lastYear = 9999 // of RFC 3339; nobody waits that long
	if at.After(now) && at.Year() <= lastYear {
		return at
	}
	return time.Time{}
}

// seconds is a span of time, the longest that there is for one that is longer.
func seconds(n int) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int(time.Second))) * time.Second
}

func isTrue(entry *ldap.Entry, name string) bool {
	return strings.EqualFold(entry.GetEqualFoldAttributeValue(name), "TRUE")
}
