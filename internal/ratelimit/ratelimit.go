// Package ratelimit owns named limits on rates: how often something may happen
// from one address, for one name, or in all.
//
// A limit is one or more rates, such as 10 in ten minutes and 30 an hour. Each
// rate is a bucket of the generic cell rate algorithm (GCRA): it lets a burst
// of its whole count through and refills evenly. [Limiter.Take] asks several
// budgets in one script: either all of them pay, or none does, so that a
// refused attempt costs nothing and parallel ones cannot slip through. The
// clock is Redis'. [Limiter.Once] makes what several workers do pay once.
//
// Guesses of codes are not rates; they are counted exactly by package recovery.
package ratelimit

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of times in a period, written "10/10m".
type Rate struct {
	Count  int
	Period time.Duration
}

// UnmarshalText reads the form "count/period".
func (r *Rate) UnmarshalText(text []byte) error {
	count, period, ok := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if !ok || err != nil || n < 1 || n > 1_000_000_000 {
		return fmt.Errorf("%q is not a rate such as \"10/10m\"", text)
	}
	d, err := time.ParseDuration(strings.TrimSpace(period))
	if err != nil || d < time.Second || d > 31*24*time.Hour {
		return fmt.Errorf("%q is not a rate such as \"10/10m\": the period is between 1s and 744h", text)
	}
	*r = Rate{n, d}
	return nil
}

// MarshalText writes the form that UnmarshalText reads.
func (r Rate) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d/%s", r.Count, r.Period), nil
}

// Limit is one section [limits.NAME].
type Limit struct {
	// Rates must all allow.
	Rates []Rate `toml:"rates"`
}

// The names of the limits.
const (
	// StartsPerAddress: recoveries begun from one address (/64 for IPv6).
	StartsPerAddress = "starts_per_address"
	// StartsPerNetwork: the same for its /24, or /48 for IPv6.
	StartsPerNetwork = "starts_per_network"
	// StartsPerOffice takes the place of the two above for addresses of the
	// organisation's own networks, behind which many people sit.
	StartsPerOffice = "starts_per_office"
	// StartsPerLogin: recoveries begun for one typed login.
	StartsPerLogin = "starts_per_login"
	// StartsPerDevice: recoveries begun by one known device, which do not count
	// against the login that was typed.
	StartsPerDevice = "starts_per_device"
	// Starts: recoveries begun in all.
	Starts = "starts"
	// StartsPerPerson: beyond it a recovery is silently a decoy.
	StartsPerPerson = "starts_per_person"
	// CodesPerAddress: codes submitted from one address.
	CodesPerAddress = "codes_per_address"
	// WrongCodesAlarm: wrong codes of real accounts in all, beyond which the
	// operator is told.
	WrongCodesAlarm = "wrong_codes_alarm"
	// WrongCodes: the same, beyond which strict mode begins.
	WrongCodes = "wrong_codes"
	// StrictMessages: messages to one contact in strict mode.
	StrictMessages = "strict_messages"
	// CodesPerOffice takes the place of the one above for such addresses.
	CodesPerOffice = "codes_per_office"
	// MessagesPerContact: beyond it nothing is sent, silently.
	MessagesPerContact = "messages_per_contact"
	// SMSPerPrefix: SMS to numbers that differ in their last four digits only.
	SMSPerPrefix = "sms_per_prefix"
	// SMSPerCountry: SMS to one country.
	SMSPerCountry = "sms_per_country"
	// SMS: SMS in all.
	SMS = "sms"
	// SMSPerMessage makes one message pay the three above once, however often it
	// is sent; its period is longer than any message lives.
	SMSPerMessage = "sms_per_message"
	// ChangesPerAddress: tries to change a known password from one address.
	ChangesPerAddress = "changes_per_address"
	// ChangesPerNetwork: the same for its /24, or /48 for IPv6.
	ChangesPerNetwork = "changes_per_network"
	// ChangesPerOffice takes the place of the two above for addresses of the
	// organisation's own networks.
	ChangesPerOffice = "changes_per_office"
	// ChangesPerLogin: tries for one typed login, each of which the directory may
	// count as a wrong password; so it stays below what locks an account.
	ChangesPerLogin = "changes_per_login"
	// ChangesPerPerson: the same for the person whom the logins name; beyond it no
	// password is compared, silently.
	ChangesPerPerson = "changes_per_person"
	// Changes: tries in all.
	Changes = "changes"
	// SupportPerAddress: requests for help sent from one address.
	SupportPerAddress = "support_per_address"
	// SupportPerNetwork: the same for its /24, or /48 for IPv6.
	SupportPerNetwork = "support_per_network"
	// SupportPerOffice takes the place of the two above for addresses of the
	// organisation's own networks.
	SupportPerOffice = "support_per_office"
	// Support: requests for help in all.
	Support = "support"
)

// Defaults returns the limits as they are when nothing is written. The source
// of each figure is table (e) of the project's security requirements.
func Defaults() map[string]Limit {
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	return map[string]Limit{
		StartsPerAddress:   {[]Rate{{10, 10 * minute}, {30, hour}}},
		StartsPerNetwork:   {[]Rate{{150, hour}}},
		StartsPerOffice:    {[]Rate{{200, 10 * minute}, {600, hour}}},
		CodesPerOffice:     {[]Rate{{600, 10 * minute}}},
		StartsPerLogin:     {[]Rate{{10, hour}, {20, day}}},
		StartsPerDevice:    {[]Rate{{5, hour}, {10, day}}},
		Starts:             {[]Rate{{3000, hour}}},
		StartsPerPerson:    {[]Rate{{5, hour}, {10, day}}},
		CodesPerAddress:    {[]Rate{{30, 10 * minute}}},
		WrongCodesAlarm:    {[]Rate{{200, hour}}},
		WrongCodes:         {[]Rate{{1000, hour}}},
		StrictMessages:     {[]Rate{{1, hour}}},
		MessagesPerContact: {[]Rate{{3, 10 * minute}, {5, hour}, {10, day}}},
		SMSPerPrefix:       {[]Rate{{20, hour}}},
		SMSPerCountry:      {[]Rate{{200, day}}},
		SMS:                {[]Rate{{1000, day}}},
		SMSPerMessage:      {[]Rate{{1, 2 * day}}},
		ChangesPerAddress:  {[]Rate{{10, 10 * minute}, {30, hour}}},
		ChangesPerNetwork:  {[]Rate{{100, hour}}},
		ChangesPerOffice:   {[]Rate{{200, 10 * minute}, {600, hour}}},
		ChangesPerLogin:    {[]Rate{{3, 30 * minute}, {10, day}}},
		ChangesPerPerson:   {[]Rate{{3, 30 * minute}, {10, day}}},
		Changes:            {[]Rate{{600, hour}}},
		SupportPerAddress:  {[]Rate{{3, 10 * minute}, {10, day}}},
		SupportPerNetwork:  {[]Rate{{30, hour}}},
		SupportPerOffice:   {[]Rate{{30, 10 * minute}, {200, day}}},
		Support:            {[]Rate{{100, hour}}},
	}
}

// Merge returns the defaults with the written limits in their place.
func Merge(written map[string]Limit) map[string]Limit {
	limits := Defaults()
	maps.Copy(limits, written)
	return limits
}

// Budget is one limit applied to one thing.
type Budget struct {
	Limit string
	// Of is whose budget it is; empty for a limit on everything.
	Of string
}

// Decision is the answer to a request for budgets.
type Decision struct {
	Allowed bool
	// RetryAfter is when the same request would be allowed, if nothing else
	// happens meanwhile.
	RetryAfter time.Duration
	// Limit names the limit that refused.
	Limit string
	// Used is, where all allow, how much of the last rate of the last budget is
	// used up, in percent.
	Used int
	// At is the store's time of the decision; zero where no bucket was asked, and
	// from [Limiter.Once].
	At time.Time
}

// Used is how much of one rate of a limit is used up.
type Used struct {
	Rate  Rate
	Count int
}
