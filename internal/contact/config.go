package contact

import (
	"fmt"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"latchkey/internal/setting"
)

// Config is the section [contacts].
type Config struct {
	// DefaultRegion is the country (ISO 3166-1, such as "DE") of numbers that
	// have no country code. Empty means that every number must begin with +.
	DefaultRegion string `toml:"default_region"`
	// CorporateDomains are mail domains, with everything below them, that are
	// refused as alternate contacts: a mailbox that opens with the forgotten
	// password is no way back in.
	CorporateDomains []string `toml:"corporate_domains"`
	// NoticeLimit is how many people whose contacts are changed, by one import or
	// within an hour of following a directory, are told so by the contacts that they
	// had; of more than that, nobody is. Default 100; 0 tells nobody ever.
	NoticeLimit int `toml:"notice_limit"`
	// Cooling is how long a contact that was entered by hand is not used, so that
	// whoever had one before can object. Default 24h; 0s is no rest. Contacts of an
	// import or a directory never rest: those are the source of truth.
	Cooling setting.Duration `toml:"cooling"`
}

// maxCooling is two weeks: longer, and nobody remembers the call.
const maxCooling = 14 * 24 * time.Hour

// maxNotices is half of what the delivery queue holds by default.
const maxNotices = 5000

// Defaults returns the section as it is when nothing is written.
func Defaults() Config { return Config{NoticeLimit: 100, Cooling: setting.Duration(24 * time.Hour)} }

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if c.DefaultRegion != "" && !knownRegion(c.DefaultRegion) {
		faults = append(faults, setting.Fault{Key: "default_region", Problem: "is not a country", Allowed: "two capital letters of ISO 3166-1, such as \"DE\", or nothing"})
	}
	if c.NoticeLimit < 0 || c.NoticeLimit > maxNotices {
		faults = append(faults, setting.OutOfRange("notice_limit", c.NoticeLimit, 0, maxNotices))
	}
	if d := c.Cooling.Std(); d < 0 || d > maxCooling {
		faults = append(faults, setting.OutOfRange("cooling", c.Cooling, "0s", setting.Duration(maxCooling)))
	}
	for _, domain := range c.CorporateDomains {
		if _, err := normalDomain(domain); err != nil {
			faults = append(faults, setting.Fault{Key: "corporate_domains", Problem: fmt.Sprintf("holds %q, which is not a domain name", domain), Allowed: "domain names such as \"example.org\""})
		}
	}
	return faults
}

// Normal returns the normal form of a contact, or why it may not be one: it is
// the one door for contacts from files, commands and pages.
func (c Config) Normal(kind Kind, value string) (string, error) {
	switch kind {
	case Email:
		address, err := NormalEmail(value)
		if err == nil && c.corporate(address) {
			return "", ErrCorporate
		}
		return address, err
	case Mobile:
		return NormalMobile(value, c.DefaultRegion)
	}
	return "", fmt.Errorf("%q is not a kind of contact: %s or %s", kind, Email, Mobile)
}

// corporate reports whether an address in normal form is in a corporate domain
// or below one.
func (c Config) corporate(address string) bool {
	_, domain, _ := strings.Cut(address, "@")
	for _, listed := range c.CorporateDomains {
		// An entry that is no domain name is a fault of the configuration.
		listed, err := normalDomain(listed)
		if err == nil && (domain == listed || strings.HasSuffix(domain, "."+listed)) {
			return true
		}
	}
	return false
}

func knownRegion(region string) bool { return phonenumbers.GetSupportedRegions()[region] }
