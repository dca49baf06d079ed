package directory

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// policyNames are the attributes of a password settings object and, behind them,
// those of the head of a domain.
type policyNames struct{ settings, domain string }

var (
	nameMinLength = policyNames{"msDS-MinimumPasswordLength", "minPwdLength"}
	nameHistory   = policyNames{"msDS-PasswordHistoryLength", "pwdHistoryLength"}
	nameMinAge    = policyNames{"msDS-MinimumPasswordAge", "minPwdAge"}
	nameLockout   = policyNames{"msDS-LockoutDuration", "lockoutDuration"}
	nameComplex   = policyNames{"msDS-PasswordComplexityEnabled", "pwdProperties"}
)

func (activeDirectory) policyAttributes() []string {
	var names []string
	for _, n := range []policyNames{nameMinLength, nameHistory, nameMinAge, nameLockout, nameComplex} {
		names = append(names, n.settings, n.domain)
	}
	return names
}

// complexClasses is how many of the five kinds of characters a password has to
// mix ([MS-SAMR] 3.1.1.7.2).
const complexClasses = 3

// policy reads a password settings object, or the head of a domain. Both have a
// shortest length; of one that shows none nothing may be read, though it may be
// seen that it is there. A minimum age is in the way of the person's own change
// only.
func (activeDirectory) policy(entry *ldap.Entry, changeStamp string, now time.Time) (*PasswordPolicy, error) {
	read := func(n policyNames) string {
		return cmp.Or(entry.GetEqualFoldAttributeValue(n.settings), entry.GetEqualFoldAttributeValue(n.domain))
	}
	if read(nameMinLength) == "" {
		return nil, nil
	}
	p := &PasswordPolicy{MustChange: true}
	var err error
	number := func(n policyNames) (value int64) {
		if text := read(n); text != "" && err == nil {
			if value, err = strconv.ParseInt(text, 10, 64); err != nil {
				err = fmt.Errorf("%w: the password policy has a %s that is no number", ErrUnavailable, n.domain)
			}
		}
		return value
	}
	p.MinLength, p.History = count(number(nameMinLength)), count(number(nameHistory))
	p.MinAge, p.LockoutDuration = interval(number(nameMinAge)), interval(number(nameLockout))
	complex, complexErr := isComplex(read(nameComplex))
	if err = cmp.Or(err, complexErr); err != nil {
		return nil, err
	}
	if complex {
		p.Classes, p.NoNames = complexClasses, true
	}
	if changed, err := fileTime(changeStamp); err == nil && !changed.IsZero() && p.MinAge > 0 {
		p.OwnChangeAt = stillToCome(changed.Add(p.MinAge), now)
	}
	return p, nil
}

// isComplex reads TRUE of a password settings object, or the first bit of
// pwdProperties.
func isComplex(value string) (bool, error) {
	const complex = 1 // DOMAIN_PASSWORD_COMPLEX
	switch {
	case value == "", strings.EqualFold(value, "FALSE"):
		return false, nil
	case strings.EqualFold(value, "TRUE"):
		return true, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return false, fmt.Errorf("%w: the password policy has a %s that is no number", ErrUnavailable, nameComplex.domain)
	}
	return n&complex != 0, nil
}

// count keeps what a strange entry says within reason.
func count(n int64) int { return int(min(max(n, 0), math.MaxInt32)) }

// interval reads a span of time, which is kept as a negative number of 100 ns;
// the smallest number stands for one without end, which is zero here.
func interval(n int64) time.Duration {
	if n >= 0 || n == math.MinInt64 {
		return 0
	}
	return time.Duration(min(-n, math.MaxInt64/nanosASubInterval)) * nanosASubInterval
}
