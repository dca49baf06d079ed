package ldapsync

import (
	"slices"
	"strings"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/ldapsync/writeback"
)

// Config is one section [[sync]].
type Config struct {
	// Directory is the name of the [[directory]] that is read.
	Directory string `toml:"directory"`
	// Filter finds the people; empty means everyone whom the directory's
	// user_filter may find.
	Filter string `toml:"filter"`
	// Email and Mobile are attributes in the order of preference: the first
	// that has a usable value gives all contacts of the kind.
	Email  []string `toml:"email"`
	Mobile []string `toml:"mobile"`
	// Unverified are those of them whose values nobody has verified: they are kept
	// and not used.
	Unverified []string `toml:"unverified"`
	// Precedence is what counts where others, such as staff, entered contacts of
	// the same kind: [PrecedenceAll], the default, or [PrecedenceOthers].
	Precedence string `toml:"precedence"`
	// AllowMail lets the primary mail address be a contact.
	AllowMail bool `toml:"allow_mail"`
	// MaxValues is how many contacts of a kind are taken of one person;
	// default 5.
	MaxValues int `toml:"max_values"`
	// MaxRemovals is how many contacts, and how many people's, one run may
	// remove; default 1000 (SECURITY: S52).
	MaxRemovals int `toml:"max_removals"`
	// MaxRemovalsPercent is the same in percent of those that were synchronized
	// before; default 5 (SECURITY: S52).
	MaxRemovalsPercent int `toml:"max_removals_percent"`
	// Follow has `latchkey serve` follow the directory all the time; default false.
	Follow bool `toml:"follow"`
	// Source is how it is followed, one of [Sources]; empty means the best way
	// that the directory offers.
	Source string `toml:"source"`
	// BaseDN is where people are looked for, inside the base_dn of the directory;
	// empty means all of it.
	BaseDN string `toml:"base_dn"`
	// Bases are several of them, none inside another.
	Bases []string `toml:"base_dns"`
	// DefaultRegion is the country of numbers without a country code; empty means
	// that of [contacts].
	DefaultRegion string `toml:"default_region"`
	// PollInterval is how often a directory is asked that does not tell changes by
	// itself, and one that does whether it still answers; default 0, which means
	// what is usual for the source.
	PollInterval setting.Duration `toml:"poll_interval"`
	// FullEvery is how often everything is read again although nothing seems to
	// have changed; default 24h.
	FullEvery setting.Duration `toml:"full_every"`
	// ReconcileEvery is how often a directory that does not tell of all deletions
	// is asked who is there; default 5m.
	ReconcileEvery setting.Duration `toml:"reconcile_every"`
	// PageSize is how many entries are asked for at a time; default 1000, the
	// most that Active Directory gives.
	PageSize int `toml:"page_size"`
	// WriteBack puts contacts that did not come from the directory into it; off by
	// default.
	WriteBack writeback.Config `toml:"write_back"`
}

// The precedences.
const (
	// PrecedenceAll: contacts of the directory count beside the others.
	PrecedenceAll = "all"
	// PrecedenceOthers: of a kind of which others entered contacts, those of the
	// directory are not taken.
	PrecedenceOthers = "others"
)

// Defaults returns an entry as it is when nothing is written.
func Defaults() Config {
	return Config{Precedence: PrecedenceAll, MaxValues: 5, MaxRemovals: 1000, MaxRemovalsPercent: 5, PageSize: 1000, FullEvery: setting.Duration(24 * time.Hour), ReconcileEvery: setting.Duration(5 * time.Minute), WriteBack: writeback.Defaults()}
}

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if c.Directory == "" {
		faults = append(faults, setting.Missing("directory", "the name of a [[directory]]"))
	}
	if c.Filter != "" && directory.CheckFilter(c.Filter) != nil {
		faults = append(faults, setting.Fault{Key: "filter", Problem: "is not a filter", Allowed: "a filter in the form of RFC 4515, or nothing for the directory's user_filter"})
	}
	if len(c.Email)+len(c.Mobile) == 0 {
		faults = append(faults, setting.Missing("email", "at least one attribute in email or mobile"))
	}
	for _, list := range []struct {
		key        string
		attributes []string
	}{{"email", c.Email}, {"mobile", c.Mobile}} {
		if slices.ContainsFunc(list.attributes, notAnAttribute) {
			faults = append(faults, setting.Fault{Key: list.key, Problem: "holds what is not the name of an attribute", Allowed: "names of attributes without options, such as \"mobile\""})
		}
	}
	if !c.AllowMail && slices.ContainsFunc(c.Email, isPrimaryMail) {
		faults = append(faults, setting.Fault{
			Key: "email", Problem: "names the primary mail address, which opens with the password that is to be reset",
			Allowed: "attributes with an alternate address; or allow_mail = true where that mailbox has a password of its own",
		})
	}
	faults = append(faults, c.baseFaults()...)
	faults = append(faults, contact.Config{DefaultRegion: c.DefaultRegion}.Faults()...)
	faults = append(faults, c.followFaults()...)
	for _, fault := range c.WriteBack.Faults(c.AllowMail) {
		fault.Key = "write_back." + fault.Key
		faults = append(faults, fault)
	}
	for _, number := range []struct {
		key                    string
		value, lowest, highest int
	}{
		{"max_values", c.MaxValues, 1, 20},
		{"max_removals", c.MaxRemovals, 0, 1_000_000},
		{"max_removals_percent", c.MaxRemovalsPercent, 0, 100},
		{"page_size", c.PageSize, 1, 10_000},
	} {
		if number.value < number.lowest || number.value > number.highest {
			faults = append(faults, setting.OutOfRange(number.key, number.value, number.lowest, number.highest))
		}
	}
	return faults
}

// followFaults are those in what [Config.Follow] needs.
func (c Config) followFaults() []setting.Fault {
	var faults []setting.Fault
	if c.Precedence != PrecedenceAll && c.Precedence != PrecedenceOthers {
		faults = append(faults, setting.Fault{Key: "precedence", Problem: "is no precedence", Allowed: PrecedenceAll + ", " + PrecedenceOthers})
	}
	for _, attribute := range c.Unverified {
		if !slices.Contains(c.Email, attribute) && !slices.Contains(c.Mobile, attribute) {
			faults = append(faults, setting.Fault{Key: "unverified", Problem: "names an attribute that is not read", Allowed: "attributes in email or mobile"})
		}
	}
	if c.Source != "" && !slices.Contains(Sources(), c.Source) {
		faults = append(faults, setting.Fault{Key: "source", Problem: "is no way to follow a directory", Allowed: strings.Join(Sources(), ", ") + ", or nothing for the best that the directory offers"})
	}
	if d := c.PollInterval.Std(); d != 0 && (d < 100*time.Millisecond || d > 24*time.Hour) {
		faults = append(faults, setting.OutOfRange("poll_interval", c.PollInterval, "100ms", "24h"))
	}
	if d := c.ReconcileEvery.Std(); d < time.Second || d > 24*time.Hour {
		faults = append(faults, setting.OutOfRange("reconcile_every", c.ReconcileEvery, "1s", "24h"))
	}
	if d := c.FullEvery.Std(); d < time.Minute || d > 31*24*time.Hour {
		faults = append(faults, setting.OutOfRange("full_every", c.FullEvery, "1m", "744h"))
	}
	return faults
}

// poll is how often to ask, where the source asks so often by itself.
func (c Config) poll(usual time.Duration) time.Duration {
	if d := c.PollInterval.Std(); d > 0 {
		return d
	}
	return usual
}

// isPrimaryMail knows both names of the attribute (RFC 4524 §2.16).
func isPrimaryMail(attribute string) bool {
	return strings.EqualFold(attribute, mailAttribute) || strings.EqualFold(attribute, "rfc822Mailbox")
}

const mailAttribute = "mail"

// notAnAttribute accepts short names only (RFC 4512 §1.4), so that no other
// spelling of an attribute passes as another one.
func notAnAttribute(name string) bool {
	first := true
	bad := strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		other := !first && ('0' <= r && r <= '9' || r == '-')
		first = false
		return !letter && !other
	})
	return bad || name == ""
}
