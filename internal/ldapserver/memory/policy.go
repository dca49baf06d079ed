package memory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/ldapserver"
)

// The attributes of an entry that the password policy keeps.
const (
	pwdChangedTime       = "pwdChangedTime"
	pwdAccountLockedTime = "pwdAccountLockedTime"
	pwdFailureTime       = "pwdFailureTime"
	pwdGraceUseTime      = "pwdGraceUseTime"
	pwdHistory           = "pwdHistory"
	pwdReset             = "pwdReset"
	pwdPolicySubentry    = "pwdPolicySubentry"
)

// policy is a pwdPolicy entry (slapo-ppolicy(5)). The zero value has no rules.
type policy struct {
	minAge, maxAge, expireWarning    time.Duration
	lockoutDuration, failureInterval time.Duration
	history, quality                 int
	minLength, maxLength             int
	maxFailure, grace                int
	lockout, mustChange, safeModify  bool
	noUserChange                     bool
}

// policyOf returns the policy of an entry.
func (d *Directory) policyOf(e *entry) policy {
	n := d.policy
	if own, err := parseName(e.value(pwdPolicySubentry)); err == nil && !own.isRoot() {
		n = own
	}
	p, ok := d.get(n)
	if !ok {
		return policy{}
	}
	count := func(attribute string) int {
		n, err := strconv.Atoi(p.value(attribute))
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	seconds := func(attribute string) time.Duration { return time.Duration(count(attribute)) * time.Second }
	return policy{
		minAge: seconds("pwdMinAge"), maxAge: seconds("pwdMaxAge"), expireWarning: seconds("pwdExpireWarning"),
		lockoutDuration: seconds("pwdLockoutDuration"), failureInterval: seconds("pwdFailureCountInterval"),
		history: count("pwdInHistory"), quality: count("pwdCheckQuality"),
		minLength: count("pwdMinLength"), maxLength: count("pwdMaxLength"),
		maxFailure: count("pwdMaxFailure"), grace: count("pwdGraceAuthNLimit"),
		lockout: p.isTrue("pwdLockout"), mustChange: p.isTrue("pwdMustChange"), safeModify: p.isTrue("pwdSafeModify"),
		noUserChange: strings.EqualFold(p.value("pwdAllowUserChange"), "FALSE"),
	}
}

// isLocked reads pwdAccountLockedTime. The year 0 is a lock for good, and so is
// any other where the policy has no duration.
func (p policy) isLocked(e *entry, now time.Time) bool {
	for _, bound := range []struct {
		attribute string
		holds     func(time.Time) bool
	}{{"pwdStartTime", now.Before}, {"pwdEndTime", func(t time.Time) bool { return !now.Before(t) }}} {
		if t, ok := parseTime(e.value(bound.attribute)); ok && bound.holds(t) {
			return true
		}
	}
	value := e.value(pwdAccountLockedTime)
	if value == "" || !p.lockout {
		return false
	}
	since, ok := parseTime(value)
	if !ok || since.Year() <= 0 || p.lockoutDuration == 0 {
		return true
	}
	return now.Before(since.Add(p.lockoutDuration))
}

// fail counts a wrong password and locks the account where it was one too many.
func (p policy) fail(e *entry, now time.Time) {
	failures := slices.DeleteFunc(slices.Clone(e.values(pwdFailureTime)), func(value string) bool {
		t, ok := parseTime(value)
		return !ok || p.failureInterval > 0 && now.Sub(t) > p.failureInterval
	})
	failures = append(failures, moment(failures, now))
	if most := max(p.maxFailure, 1); len(failures) > most {
		failures = failures[len(failures)-most:]
	}
	e.set(pwdFailureTime, failures...)
	if p.lockout && p.maxFailure > 0 && len(failures) >= p.maxFailure {
		e.set(pwdAccountLockedTime, generalizedTime(now))
	}
}

// moment is a time that is not among others: two equal values would be one.
func moment(others []string, now time.Time) string {
	for slices.Contains(others, preciseTime(now)) {
		now = now.Add(time.Microsecond)
	}
	return preciseTime(now)
}

// age is how old the password is; a password without a time has none.
func age(e *entry, now time.Time) (time.Duration, bool) {
	changed, ok := parseTime(e.value(pwdChangedTime))
	return now.Sub(changed), ok
}

// expire looks whether a right password may still be used.
func (p policy) expire(e *entry, now time.Time) ldapserver.Policy {
	if p.mustChange && e.isTrue(pwdReset) {
		return ldapserver.Policy{Error: ldapserver.PolicyChangeAfterReset}
	}
	old, known := age(e, now)
	switch {
	case p.maxAge == 0 || !known:
		return ldapserver.Policy{}
	case old > p.maxAge:
		left := p.grace - len(e.values(pwdGraceUseTime))
		if left < 1 {
			return ldapserver.Policy{Error: ldapserver.PolicyExpired}
		}
		e.add(pwdGraceUseTime, moment(e.values(pwdGraceUseTime), now))
		return ldapserver.Policy{Grace: true, GraceLeft: left - 1}
	case p.maxAge-old < p.expireWarning:
		return ldapserver.Policy{Expiring: true, ExpiresIn: int((p.maxAge - old) / time.Second)}
	}
	return ldapserver.Policy{}
}

// judge refuses a new password with the answers of slapd, in its order.
func (d *Directory) judge(p policy, e *entry, password string, self, hasOld bool, now time.Time) (ldapserver.Result, ldapserver.PolicyError) {
	refuse := func(code ldapserver.Code, text string, why ldapserver.PolicyError) (ldapserver.Result, ldapserver.PolicyError) {
		return ldapserver.Failure(code, text), why
	}
	const quality = "Password fails quality checking policy"
	old, known := age(e, now)
	switch {
	case self && p.noUserChange:
		return refuse(ldapserver.InsufficientAccessRights, "User alteration of password is not allowed", ldapserver.PolicyModNotAllowed)
	case p.minAge > 0 && known && old < p.minAge && !e.isTrue(pwdReset):
		return refuse(ldapserver.ConstraintViolation, "Password is too young to change", ldapserver.PolicyTooYoung)
	case p.safeModify && !hasOld:
		return refuse(ldapserver.InsufficientAccessRights, "Must supply old password to be changed as well as new one", ldapserver.PolicyMustSupplyOld)
	case p.quality > 1 && isHashed(password):
		return refuse(ldapserver.ConstraintViolation, quality, ldapserver.PolicyInsufficientQuality)
	case p.quality > 0 && len(password) < p.minLength:
		return refuse(ldapserver.ConstraintViolation, quality, ldapserver.PolicyTooShort)
	case p.quality > 0 && p.maxLength > 0 && len(password) > p.maxLength:
		return refuse(ldapserver.ConstraintViolation, quality, ldapserver.PolicyTooLong)
	case p.history == 0:
		return ldapserver.Result{}, ldapserver.NoPolicyError
	case d.hasher.matches(e.values(userPassword), password):
		return refuse(ldapserver.ConstraintViolation, "Password is not being changed from existing value", ldapserver.PolicyInHistory)
	case d.hasher.matches(pastHashes(e), password):
		return refuse(ldapserver.ConstraintViolation, "Password is in history of old passwords", ldapserver.PolicyInHistory)
	}
	return ldapserver.Result{}, ldapserver.NoPolicyError
}

// octetStringOID is the syntax that pwdHistory names.
const octetStringOID = "1.3.6.1.4.1.1466.115.121.1.40"

// pastHashes reads pwdHistory: time#syntax#length#hash.
func pastHashes(e *entry) []string {
	var hashes []string
	for _, value := range e.values(pwdHistory) {
		if parts := strings.SplitN(value, "#", 4); len(parts) == 4 {
			hashes = append(hashes, parts[3])
		}
	}
	return hashes
}

// renew puts a new password in place and notes what the policy wants to know.
func (d *Directory) renew(p policy, e *entry, password string, now time.Time) {
	past := slices.Clone(e.values(pwdHistory))
	for _, hashed := range e.values(userPassword) {
		past = append(past, generalizedTime(now)+"#"+octetStringOID+"#"+strconv.Itoa(len(hashed))+"#"+hashed)
	}
	e.set(pwdHistory, past[max(0, len(past)-p.history):]...)
	if !isHashed(password) {
		password = d.hasher.hash(password)
	}
	e.set(userPassword, password)
	e.set(pwdChangedTime, generalizedTime(now))
	for _, attribute := range []string{pwdFailureTime, pwdAccountLockedTime, pwdGraceUseTime, pwdReset} {
		e.set(attribute)
	}
}
