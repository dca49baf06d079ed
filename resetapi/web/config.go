package web

import (
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"latchkey/internal/contact"
	"latchkey/internal/setting"
)

// Config is the section [support]: what the pages say about the place they are
// for, and whom to ask when nothing helps. It is shown to everyone alike.
type Config struct {
	// ServiceName is the heading of every page; default "Password reset" in the
	// language of the page.
	ServiceName string `toml:"service_name"`
	// SignInURL is where people sign in, shown when the new password is set.
	SignInURL string `toml:"sign_in_url"`
	// Name is who to contact, such as "IT service desk".
	Name string `toml:"name"`
	// Email is the address to write to.
	Email string `toml:"email"`
	// Phone is the number to call.
	Phone string `toml:"phone"`
	// Text is anything else, such as opening hours or a room.
	Text string `toml:"text"`
	// PanelAfter is for how long a page is shown before the ways to get help are;
	// default 10s, 0 for at once.
	PanelAfter setting.Duration `toml:"panel_after"`
	// RequestsTo is the address of support that requests for help go to; empty
	// means that the form for them is not offered.
	RequestsTo string `toml:"requests_to"`
	// RequestsToDirectory are the addresses of support of those directories that
	// have one of their own, by the name of the directory.
	RequestsToDirectory map[string]string `toml:"requests_to_directory"`
	// RequestsLanguage is the language that support reads; default "en".
	RequestsLanguage string `toml:"requests_language"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		PanelAfter: setting.Duration(10 * time.Second), RequestsToDirectory: map[string]string{}, RequestsLanguage: "en",
	}
}

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	if a, err := mail.ParseAddress(c.Email); c.Email != "" && (err != nil || a.Address != c.Email) {
		faults = append(faults, setting.Fault{Key: "email", Problem: "is not one e-mail address", Allowed: "an address such as \"help@example.org\""})
	}
	if strings.Trim(c.Phone, "0123456789+-/(). ") != "" {
		faults = append(faults, setting.Fault{Key: "phone", Problem: "is not a telephone number", Allowed: "digits, spaces and + - / ( ) ."})
	}
	if u, err := url.Parse(c.SignInURL); c.SignInURL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		faults = append(faults, setting.Fault{Key: "sign_in_url", Problem: "is not the address of a page", Allowed: "an https URL such as \"https://login.example.org/\""})
	}
	for _, text := range []struct {
		key, value string
		longest    int
	}{{"service_name", c.ServiceName, 60}, {"name", c.Name, 100}, {"text", c.Text, 500}} {
		if length := utf8.RuneCountInString(text.value); length > text.longest {
			faults = append(faults, setting.OutOfRange(text.key, length, "0", text.longest))
		}
	}
	return append(faults, c.requestFaults()...)
}

// longestPanelAfter is the longest that people are made to wait for help.
const longestPanelAfter = 5 * time.Minute

func (c Config) requestFaults() []setting.Fault {
	const allowed = "one plain address, such as \"support@example.org\""
	var faults []setting.Fault
	if d := c.PanelAfter.Std(); d < 0 || d > longestPanelAfter {
		faults = append(faults, setting.OutOfRange("panel_after", c.PanelAfter, "0s", longestPanelAfter))
	}
	if !isAddress(c.RequestsTo) && c.RequestsTo != "" {
		faults = append(faults, setting.Fault{Key: "requests_to", Problem: "is not an e-mail address", Allowed: allowed})
	}
	if c.RequestsTo == "" && len(c.RequestsToDirectory) > 0 {
		faults = append(faults, setting.Missing("requests_to", "the address for requests that belong to no directory"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.RequestsToDirectory)) {
		if !isAddress(c.RequestsToDirectory[name]) {
			faults = append(faults, setting.Fault{Key: "requests_to_directory." + name, Problem: "is not an e-mail address", Allowed: allowed})
		}
	}
	if _, err := language.Parse(c.RequestsLanguage); c.RequestsLanguage != "" && err != nil {
		faults = append(faults, setting.Fault{Key: "requests_language", Problem: "is not a language", Allowed: "a tag such as \"en\" or \"de\""})
	}
	return faults
}

// isAddress reports whether a text is an address in normal form.
func isAddress(s string) bool {
	normal, err := contact.NormalEmail(s)
	return err == nil && normal == s
}

// TakesRequests reports whether people can write to support.
func (c Config) TakesRequests() bool { return c.RequestsTo != "" }

// HasContact reports whether there is anything to show but a general advice.
func (c Config) HasContact() bool {
	return c.Name != "" || c.Email != "" || c.Phone != "" || c.Text != ""
}

// Dial returns the telephone number as it stands in a tel: link (RFC 3966).
func (c Config) Dial() string {
	return strings.Map(func(r rune) rune {
		if r == '+' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, c.Phone)
}
