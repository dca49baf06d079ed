package directory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	passwordTrackUpdateTime = "passwordTrackUpdateTime"
	passwordMustChange      = "passwordMustChange"
)

// kindCounts389 are how many characters of each kind a password must have.
func kindCounts389() []string {
	return []string{"passwordMinDigits", "passwordMinUppers", "passwordMinLowers", "passwordMinSpecials", "passwordMin8bit"}
}

// further389 are the rules that a PasswordPolicy has no word for.
func further389() []string {
	return []string{"passwordMinAlphas", "passwordMaxRepeats", "passwordMaxSequence", "passwordMaxSeqSets", "passwordMaxClassChars"}
}

func numbers389() []string {
	return slices.Concat(kindCounts389(), further389(), []string{
		"passwordMinLength", "passwordMinCategories", "passwordMinTokenLength", "passwordInHistory", "passwordMinAge", "passwordLockoutDuration",
	})
}

func flags389() []string {
	return []string{"passwordCheckSyntax", "passwordDictCheck", "passwordPalindrome", "passwordHistory", "passwordUnlock", passwordMustChange, passwordTrackUpdateTime}
}

func (ds389) policyAttributes() []string {
	return slices.Concat(numbers389(), flags389(), []string{"objectClass", "passwordBadWords", "passwordUserAttributes"})
}

// default389 is what counts where a policy of some people says nothing, which
// inherits nothing from that of all; the latter shows all that it says.
func default389(name string) int {
	return map[string]int{
		"passwordMinLength": 8, "passwordMinCategories": 3, "passwordMinTokenLength": 3, "passwordInHistory": 6, "passwordLockoutDuration": 3600,
	}[name]
}

// longestName: a rule against longer parts of a name is none for people.
const longestName = 32

// policy reads cn=config or an entry of class passwordPolicy. Rules on the
// characters count where passwordCheckSyntax is on.
func (ds389) policy(entry *ldap.Entry, changeStamp string, now time.Time) (*PasswordPolicy, error) {
	numbers, err := policyNumbers389(entry)
	if err != nil {
		return nil, err
	}
	p := &PasswordPolicy{
		MinAge:     seconds(numbers["passwordMinAge"]),
		MustChange: isOn(entry, passwordMustChange),
	}
	if isOn(entry, "passwordHistory") {
		p.History = numbers["passwordInHistory"]
	}
	if !isOff(entry, "passwordUnlock") {
		p.LockoutDuration = seconds(numbers["passwordLockoutDuration"])
	}
	if isOn(entry, "passwordCheckSyntax") {
		p.readSyntax389(entry, numbers)
	}
	p.waitFrom(changeStamp, now)
	return p, nil
}

func (p *PasswordPolicy) readSyntax389(entry *ldap.Entry, numbers map[string]int) {
	p.MinLength = numbers["passwordMinLength"]
	for _, name := range kindCounts389() {
		if numbers[name] > 0 {
			p.Classes++
		}
		p.QualityChecked = p.QualityChecked || numbers[name] > 1
	}
	p.Classes = max(p.Classes, numbers["passwordMinCategories"])
	token := numbers["passwordMinTokenLength"]
	p.NoNames = token > 0 && token <= longestName
	p.Dictionary = isOn(entry, "passwordDictCheck")
	for _, name := range further389() {
		p.QualityChecked = p.QualityChecked || numbers[name] > 0
	}
	p.QualityChecked = p.QualityChecked || isOn(entry, "passwordPalindrome") ||
		entry.GetEqualFoldAttributeValue("passwordBadWords") != "" || entry.GetEqualFoldAttributeValue("passwordUserAttributes") != ""
}

func policyNumbers389(entry *ldap.Entry) (map[string]int, error) {
	ofSome := lists(entry, "objectClass", "passwordPolicy")
	numbers := make(map[string]int)
	for _, name := range numbers389() {
		text := entry.GetEqualFoldAttributeValue(name)
		if text == "" {
			if ofSome {
				numbers[name] = default389(name)
			}
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%w: the password policy has a %s that is no number", ErrUnavailable, name)
		}
		numbers[name] = n
	}
	return numbers, nil
}

func (ds389) cautions(_, policy *ldap.Entry, c Config) []string {
	if policy == nil {
		return nil
	}
	var all []string
	// The configuration of the server shows all settings, whatever they are.
	if !lists(policy, "objectClass", "passwordPolicy") && (policy.GetEqualFoldAttributeValue(passwordTrackUpdateTime) == "" || policy.GetEqualFoldAttributeValue(passwordMustChange) == "") {
		return []string{"the service account may read a part of the password policy only, so what it does not say is not known: give it read access to all attributes that begin with password"}
	}
	if !isOn(policy, passwordTrackUpdateTime) {
		all = append(all, "the directory does not record when a password was changed, so a change by somebody else does not end a reset that is under way, and one whose answer was lost is settled by a sign-in only: dsconf INSTANCE config replace passwordTrackUpdateTime=on")
	}
	demands := isOn(policy, passwordMustChange)
	switch {
	case c.MustChange && !demands:
		all = append(all, "must_change has no effect under this policy: dsconf INSTANCE config replace passwordMustChange=on")
	case !c.MustChange && demands:
		all = append(all, "people have to choose yet another password at the sign-in after a reset, for this policy has passwordMustChange on: set must_change to true to say so, or turn that off")
	}
	return all
}

func isOn(entry *ldap.Entry, name string) bool {
	return is389Flag(entry, name, "on", "true", "yes", "1")
}

func isOff(entry *ldap.Entry, name string) bool {
	return is389Flag(entry, name, "off", "false", "no", "0")
}

func is389Flag(entry *ldap.Entry, name string, words ...string) bool {
	return slices.Contains(words, strings.ToLower(entry.GetEqualFoldAttributeValue(name)))
}
