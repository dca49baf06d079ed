package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// commonStateAttributes are those that switch accounts off in many directories.
func commonStateAttributes() []string {
	return []string{"pwdStartTime", "pwdEndTime", "nsAccountLock", "loginDisabled", "shadowExpire"}
}

// commonStates are what they say.
func commonStates(entry *ldap.Entry, now time.Time) []State {
	return []State{
		flagState(entry.GetEqualFoldAttributeValues("nsAccountLock")),
		flagState(entry.GetEqualFoldAttributeValues("loginDisabled")),
		timeState(entry.GetEqualFoldAttributeValues("pwdStartTime"), Disabled, now.Before),
		timeState(entry.GetEqualFoldAttributeValues("pwdEndTime"), Expired, func(t time.Time) bool { return !now.Before(t) }),
		shadowState(entry.GetEqualFoldAttributeValues("shadowExpire"), now),
	}
}

// worst is the state that forbids most.
func worst(states []State) State {
	for _, state := range []State{LockedByAdministrator, Disabled, Expired, Locked} {
		if slices.Contains(states, state) {
			return state
		}
	}
	return Active
}

func flagState(values []string) State {
	for _, value := range values {
		if !strings.EqualFold(value, "FALSE") {
			return Disabled
		}
	}
	return Active
}

func timeState(values []string, state State, holds func(time.Time) bool) State {
	for _, value := range values {
		t, err := generalizedTime(value)
		if err != nil {
			return Disabled
		}
		if holds(t) {
			return state
		}
	}
	return Active
}

// shadowState reads the day on which the account expires, counted from 1970;
// -1 and 0 stand for none.
func shadowState(values []string, now time.Time) State {
	for _, value := range values {
		day, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return Disabled
		}
		if day > 0 && now.Unix()/int64((24*time.Hour).Seconds()) >= day {
			return Expired
		}
	}
	return Active
}

// latest returns the last of some times; zero where there is none.
func latest(values []string) time.Time {
	var last time.Time
	for _, value := range values {
		if t, err := generalizedTime(value); err == nil && t.After(last) {
			last = t
		}
	}
	return last
}

// generalizedTime reads RFC 4517 §3.3.13.
func generalizedTime(value string) (time.Time, error) {
	return ber.ParseGeneralizedTime([]byte(value))
}
