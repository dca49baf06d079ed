package mail

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"latchkey/internal/contact"
	"latchkey/internal/setting"
)

// The values of tls.
const (
	StartTLS    = "starttls"
	ImplicitTLS = "implicit"
	NoTLS       = "none"
)

// Config is the section [mail].
type Config struct {
	// Host is the mail server that takes our mail (a submission server).
	Host string `toml:"host"`
	// Port is its port; default 587.
	Port int `toml:"port"`
	// Fallbacks are further servers, "host:port", that are asked in their order
	// when the ones before cannot be reached or do not take a mail now. Everything
	// else in this section holds for them too.
	Fallbacks []string `toml:"fallbacks"`
	// TLS is starttls (the default), implicit (usually port 465), or none,
	// which is for the loopback only. The certificate is always verified.
	TLS string `toml:"tls"`
	// CAFile holds the certificate authorities to trust; default the system's.
	CAFile string `toml:"ca_file"`
	// Username signs in; empty means that the server wants no sign-in.
	Username string `toml:"username"`
	// Password is the user's password; set PasswordFile or the environment.
	Password setting.Secret `toml:"password"`
	// PasswordFile names the file that holds the password.
	PasswordFile string `toml:"password_file"`
	// From is the address that mails come from.
	From string `toml:"from"`
	// FromName is the name beside it; default ServiceName.
	FromName string `toml:"from_name"`
	// ServiceName is how mails call what people sign in to; default "Latchkey".
	ServiceName string `toml:"service_name"`
	// Timeout bounds the sending of one mail; default 10s.
	Timeout setting.Duration `toml:"timeout"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{Port: 587, TLS: StartTLS, ServiceName: "Latchkey", Timeout: setting.Duration(10 * time.Second)}
}

// Faults returns everything that is wrong in the section.
func (c Config) Faults() []setting.Fault {
	var faults []setting.Fault
	add := func(key, problem, allowed string) {
		faults = append(faults, setting.Fault{Key: key, Problem: problem, Allowed: allowed})
	}
	switch {
	case c.Host == "":
		faults = append(faults, setting.Missing("host", "the mail server, such as \"mail.example.org\""))
	case !isHost(c.Host):
		add("host", "is not the name of a server", "a host name or IP address, without a port")
	}
	if c.Port < 1 || c.Port > 65535 {
		faults = append(faults, setting.OutOfRange("port", c.Port, 1, 65535))
	}
	switch c.TLS {
	case StartTLS, ImplicitTLS:
	case NoTLS:
		if !setting.Loopback(c.Host) || slices.ContainsFunc(c.Fallbacks, func(address string) bool { return !setting.Loopback(address) }) {
			add("tls", "is \"none\" although a mail server is not on this machine", "\"starttls\" or \"implicit\"")
		}
	default:
		add("tls", "is none of the ways to encrypt", "\"starttls\", \"implicit\", or \"none\" on the loopback")
	}
	for _, fallback := range c.Fallbacks {
		if _, _, err := splitAddress(fallback); err != nil {
			add("fallbacks", "is not a list of servers: "+fallback, "host:port, such as \"mail2.example.org:587\"")
			break
		}
	}
	faults = append(faults, setting.Authorities("ca_file", c.CAFile)...)
	if from, err := contact.NormalEmail(c.From); err != nil || from == "" {
		add("from", "is not an e-mail address", "one plain address, such as \"reset@example.org\"")
	}
	return append(faults, c.textFaults()...)
}

func (c Config) textFaults() []setting.Fault {
	var faults []setting.Fault
	switch {
	case c.Username != "" && strings.TrimSpace(c.Password.Reveal()) == "":
		faults = append(faults, setting.Missing("password_file", "the file that holds the password of username"))
	case c.Username == "" && !c.Password.IsZero():
		faults = append(faults, setting.Missing("username", "the user whose password is set"))
	}
	for _, text := range []struct{ key, value string }{{"from_name", c.FromName}, {"service_name", c.ServiceName}, {"username", c.Username}} {
		if strings.ContainsFunc(text.value, unicode.IsControl) {
			faults = append(faults, setting.Fault{Key: text.key, Problem: "holds control characters", Allowed: "one line of text"})
		}
	}
	if c.ServiceName == "" {
		faults = append(faults, setting.Missing("service_name", "how mails call what people sign in to"))
	}
	if d := c.Timeout.Std(); d < time.Second || d > time.Minute {
		faults = append(faults, setting.OutOfRange("timeout", c.Timeout, "1s", "1m"))
	}
	return faults
}

// isHost reports whether a text can be the name or address of a server.
func isHost(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r == '/' || r <= ' ' || r > unicode.MaxASCII })
}
