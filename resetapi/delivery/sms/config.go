package sms

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/http/httpguts"

	"latchkey/internal/contact"
	"latchkey/internal/setting"
)

// Config is the section [sms]: an HTTP gateway that takes SMS.
type Config struct {
	// Countries (ISO 3166-1, such as "DE") are those whose numbers get SMS.
	// Empty, the default, means that SMS is off.
	Countries []string `toml:"countries"`
	// URL is where messages are sent to: https, or http on this machine. With
	// method GET its query holds the placeholders.
	URL string `toml:"url"`
	// Method is POST (the default), PUT or GET.
	Method string `toml:"method"`
	// Headers are lines "Name: value", in which {secret}, {id} and {sender} stand
	// for their values.
	Headers []string `toml:"headers"`
	// ContentType of the body, by which values are escaped; default
	// application/json.
	ContentType string `toml:"content_type"`
	// Body is the text to send, in which {to}, {digits} (to without its +),
	// {text}, {id}, {sender} and {secret} stand for their values.
	Body string `toml:"body"`
	// Secret is {secret}; set SecretFile or the environment.
	Secret setting.Secret `toml:"secret"`
	// SecretFile names the file that holds the secret.
	SecretFile string `toml:"secret_file"`
	// Sender is {sender}: who SMS come from, as the gateway wants it.
	Sender string `toml:"sender"`
	// IdempotencyHeader names the header that holds {id}, by which the gateway
	// knows a message that is sent again; default Idempotency-Key.
	IdempotencyHeader string `toml:"idempotency_header"`
	// SuccessStatus are the status codes of a message that was taken.
	SuccessStatus []int `toml:"success_status"`
	// SuccessText must be in the answer too, if it is set.
	SuccessText string `toml:"success_text"`
	// CAFile holds the certificate authorities to trust; default the system's.
	CAFile string `toml:"ca_file"`
	// AllowPrivate lists addresses and prefixes that the gateway may have
	// although they are not public.
	AllowPrivate []string `toml:"allow_private"`
	// Timeout bounds the sending of one message; default 10s.
	Timeout setting.Duration `toml:"timeout"`
	// Currency names what prices are in, for people; default EUR.
	Currency string `toml:"currency"`
	// Price is what one SMS costs where none of Prices fits.
	Price Amount `toml:"price"`
	// Prices are those of numbers that begin with a prefix, such as "+49"; the
	// longest that fits counts.
	Prices map[string]string `toml:"prices"`
	// MaxCostPerDay is what all SMS of a day (UTC) may cost; beyond it none is
	// sent but notices. 0, the default, is no cap.
	MaxCostPerDay Amount `toml:"max_cost_per_day"`
	// WatchPercent is the least share of codes to a prefix that must be entered,
	// or the prefix pauses; default 20, and 0 is off.
	WatchPercent int `toml:"watch_percent"`
	// WatchMinimum is how many codes must have been sent to a prefix before it is
	// judged; default 10.
	WatchMinimum int `toml:"watch_minimum"`
	// WatchWindow is the time over which the share is taken, and for which a
	// prefix pauses; default 1h.
	WatchWindow setting.Duration `toml:"watch_window"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		Method: http.MethodPost, ContentType: typeJSON, Body: `{"to":"{to}","text":"{text}"}`,
		IdempotencyHeader: "Idempotency-Key", SuccessStatus: []int{200, 201, 202}, Timeout: setting.Duration(10 * time.Second),
		Currency: "EUR", WatchPercent: 20, WatchMinimum: 10, WatchWindow: setting.Duration(time.Hour),
	}
}

// On reports whether SMS are sent at all.
func (c Config) On() bool { return len(c.Countries) > 0 }

// Reaches reports whether a number, in the form of E.164, gets SMS.
func (c Config) Reaches(number string) bool {
	return slices.Contains(c.Countries, contact.Country(number))
}

// Faults returns everything that is wrong in the section; nothing is while SMS
// is off.
func (c Config) Faults() []setting.Fault {
	if !c.On() {
		return nil
	}
	var faults []setting.Fault
	for _, country := range c.Countries {
		if !contact.IsCountry(country) {
			faults = append(faults, setting.Fault{Key: "countries", Problem: fmt.Sprintf("has %q, which is not a country", country), Allowed: `two capital letters of ISO 3166-1, such as "DE"`})
		}
	}
	for _, entry := range c.AllowPrivate {
		if _, err := parsePrefix(entry); err != nil {
			faults = append(faults, setting.Fault{Key: "allow_private", Problem: fmt.Sprintf("has %q, which is neither an address nor a prefix", entry), Allowed: `such as "10.1.2.3" or "10.1.2.0/24"`})
		}
	}
	if len(c.SuccessStatus) == 0 || slices.ContainsFunc(c.SuccessStatus, func(code int) bool { return code < 200 || code > 299 }) {
		faults = append(faults, setting.Fault{Key: "success_status", Problem: "is not a list of status codes that mean success", Allowed: "codes from 200 to 299"})
	}
	if d := c.Timeout.Std(); d < time.Second || d > time.Minute {
		faults = append(faults, setting.OutOfRange("timeout", c.Timeout, "1s", "1m"))
	}
	faults = append(faults, setting.Authorities("ca_file", c.CAFile)...)
	faults = append(faults, c.moneyFaults()...)
	faults = append(faults, c.watchFaults()...)
	faults = append(faults, c.urlFaults()...)
	faults = append(faults, c.headerFaults()...)
	return append(faults, c.bodyFaults()...)
}

func (c Config) urlFaults() []setting.Fault {
	fault := func(problem, allowed string) []setting.Fault {
		return []setting.Fault{{Key: "url", Problem: problem, Allowed: allowed}}
	}
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return []setting.Fault{setting.Missing("url", "where the gateway takes messages, such as https://sms.example.org/messages")}
	case err != nil || u.Hostname() == "" || u.Fragment != "" || u.Opaque != "":
		return fault("is not an address of the web", "such as https://sms.example.org/messages")
	case u.User != nil:
		return fault("has a user in it", "an address without user and password; write them as a header with {secret}")
	case strings.Contains(u.Host+u.Path, "{"):
		return fault("has a placeholder before its query", "placeholders after the ? only")
	case u.Scheme != "https" && (u.Scheme != "http" || !setting.Loopback(u.Hostname())):
		return fault("is not https", "https, or http on this machine")
	}
	if found := foreign(u.RawQuery, "{to}", "{digits}", "{text}", "{id}", "{sender}"); found != "" {
		return fault("has "+found+" in it", "{to}, {digits}, {text}, {id} and {sender}; a secret belongs into a header or the body, because addresses are logged on their way")
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil && !c.reachable(ip) {
		return fault("leads to an address that is not public", "an address that is listed in allow_private, or a public one")
	}
	return nil
}

// reservedHeaders are made by the client itself.
func reservedHeaders() []string {
	return []string{"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Trailer", "Te", "Upgrade"}
}

func (c Config) headerFaults() []setting.Fault {
	var faults []setting.Fault
	add := func(key, problem, allowed string) {
		faults = append(faults, setting.Fault{Key: key, Problem: problem, Allowed: allowed})
	}
	for i, line := range c.Headers {
		name, value, ok := strings.Cut(line, ":")
		number := fmt.Sprintf("has an entry (number %d) that ", i+1)
		switch {
		case !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			add("headers", number+"is no header", `lines such as "Authorization: Bearer {secret}"`)
		case slices.Contains(reservedHeaders(), http.CanonicalHeaderKey(name)):
			add("headers", number+"sets "+name, "other headers; the content type has a key of its own")
		case foreign(value, "{secret}", "{id}", "{sender}") != "":
			add("headers", number+"has an unknown placeholder", "{secret}, {id} and {sender}")
		}
	}
	if c.IdempotencyHeader != "" && !httpguts.ValidHeaderFieldName(c.IdempotencyHeader) {
		add("idempotency_header", "is not the name of a header", "a name such as Idempotency-Key, or nothing")
	}
	if strings.ContainsFunc(c.Secret.Reveal()+c.Sender, unicode.IsControl) {
		add("secret_file", "or sender holds control characters", "one line of text each")
	}
	if c.Secret.IsZero() && strings.Contains(strings.Join(c.Headers, "")+c.Body, "{secret}") {
		faults = append(faults, setting.Missing("secret_file", "the file that holds what {secret} stands for"))
	}
	return faults
}

func (c Config) bodyFaults() []setting.Fault {
	key, template := "body", c.Body
	switch c.Method {
	case http.MethodGet:
		key, template = "url", c.URL
	case http.MethodPost, http.MethodPut:
	default:
		return []setting.Fault{{Key: "method", Problem: "is none that sends a message", Allowed: "POST, PUT or GET"}}
	}
	if key == "body" {
		if escaping(c.ContentType) == nil {
			return []setting.Fault{{Key: "content_type", Problem: "is none of the known types", Allowed: strings.Join([]string{typeJSON, typeForm, typeXML, typeText}, ", ")}}
		}
		if found := foreign(template, "{to}", "{digits}", "{text}", "{id}", "{sender}", "{secret}"); found != "" {
			return []setting.Fault{{Key: key, Problem: "has the unknown placeholder " + found, Allowed: "{to}, {digits}, {text}, {id}, {sender} and {secret}"}}
		}
		if err := wellFormed(c.ContentType, template); err != nil {
			return []setting.Fault{{Key: key, Problem: "is not in the form of its content_type", Allowed: "a text that is " + c.ContentType + " once its placeholders are filled in; quotes around placeholders stay"}}
		}
	}
	if !strings.Contains(template, "{text}") || !strings.Contains(template, "{to}") && !strings.Contains(template, "{digits}") {
		return []setting.Fault{{Key: key, Problem: "does not say what is sent to whom", Allowed: "a text with {text}, and with {to} or {digits}"}}
	}
	return nil
}
