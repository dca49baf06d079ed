package web

import (
	"net/mail"
	"net/url"
	"strings"
	"unicode/utf8"

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
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config { return Config{} }

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
	return faults
}

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
