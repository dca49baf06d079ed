package directory

import (
	"fmt"
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
		MinAge:          time.Duration(numbers["pwdMinAge"]) * time.Second,
		LockoutDuration: time.Duration(numbers["pwdLockoutDuration"]) * time.Second,
		SafeModify:      isTrue(entry, "pwdSafeModify"),
		MustChange:      isTrue(entry, "pwdMustChange"),
	}
	if numbers["pwdCheckQuality"] > 0 {
		p.MinLength, p.MaxLength = numbers["pwdMinLength"], numbers["pwdMaxLength"]
		p.QualityChecked = isTrue(entry, "pwdUseCheckModule") || entry.GetEqualFoldAttributeValue("pwdCheckModule") != ""
	}
	if changed, err := generalizedTime(changeStamp); err == nil && p.MinAge > 0 {
		if at := changed.Add(p.MinAge); at.After(now) {
			p.ChangeableAt = at
		}
	}
	return p, nil
}

func isTrue(entry *ldap.Entry, name string) bool {
	return strings.EqualFold(entry.GetEqualFoldAttributeValue(name), "TRUE")
}
