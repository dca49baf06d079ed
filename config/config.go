// Package config owns the configuration file: it reads the TOML text strictly,
// lays the environment over it, fetches secrets from their files, and reports
// every fault at once with its place.
//
// Rules:
//   - A section is the Config struct of the package that it configures, with
//     the defaults of that package; this package only knows which section
//     belongs to whom. No package but the commands imports this one.
//   - Nothing is ignored: an unknown section, key or variable is a fault, and
//     so is a key that is written twice or has a value of the wrong type.
//   - The environment wins over the file: LATCHKEY_SECTION__KEY, and
//     LATCHKEY_DIRECTORY__0__KEY for the first [[directory]].
//   - A secret comes from the file that its key with _file names, or from the
//     environment, never from the configuration file and never from both. Its
//     value is in no fault.
//
// The example that `latchkey config init` writes holds every key with its
// default; a test keeps it so.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/telemetry"
	"latchkey/ldapsync"
	"latchkey/resetapi"
	"latchkey/resetapi/change"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/delivery/mail"
	"latchkey/resetapi/delivery/sms"
	"latchkey/resetapi/password"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/web"
)

// DefaultPath is where the configuration is looked for when nothing is said.
const DefaultPath = "/etc/latchkey/latchkey.toml"

// Config is the whole configuration.
type Config struct {
	Server         resetapi.Config            `toml:"server"`
	Log            telemetry.Config           `toml:"log"`
	Directories    []directory.Config         `toml:"directory"`
	Syncs          []ldapsync.Config          `toml:"sync"`
	Policies       []policy.Rule              `toml:"policy"`
	Protected      policy.Protected           `toml:"protected"`
	Administrators policy.Administrators      `toml:"administrators"`
	Password       password.Config            `toml:"password"`
	Recovery       recovery.Config            `toml:"recovery"`
	Change         change.Config              `toml:"change"`
	Contacts       contact.Config             `toml:"contacts"`
	Support        web.Config                 `toml:"support"`
	Mail           mail.Config                `toml:"mail"`
	SMS            sms.Config                 `toml:"sms"`
	Delivery       delivery.Config            `toml:"delivery"`
	Redis          store.Config               `toml:"redis"`
	Keys           keyring.Config             `toml:"keys"`
	Audit          audit.Config               `toml:"audit"`
	Doctor         Doctor                     `toml:"doctor"`
	Limits         map[string]ratelimit.Limit `toml:"limits"`
}

// Defaults returns the configuration as it is when nothing is written. There
// is no directory in it.
func Defaults() *Config {
	return &Config{
		Server:   resetapi.Defaults(),
		Log:      telemetry.Defaults(),
		Password: password.Defaults(),
		Recovery: recovery.Defaults(),
		Change:   change.Defaults(),
		Contacts: contact.Defaults(),
		Support:  web.Defaults(),
		Mail:     mail.Defaults(),
		SMS:      sms.Defaults(),
		Delivery: delivery.Defaults(),
		Redis:    store.Defaults(),
		Audit:    audit.Defaults(),
		Limits:   ratelimit.Defaults(),
	}
}

// newEntry returns an entry of a [[section]] with its defaults.
func newEntry(entry reflect.Type) reflect.Value {
	switch entry {
	case reflect.TypeFor[directory.Config]():
		return reflect.ValueOf(directory.Defaults())
	case reflect.TypeFor[ldapsync.Config]():
		return reflect.ValueOf(ldapsync.Defaults())
	case reflect.TypeFor[policy.Rule]():
		return reflect.ValueOf(policy.RuleDefaults())
	}
	return reflect.Zero(entry)
}

// judge is a section that knows what is wrong with it.
type judge interface {
	Faults() []setting.Fault
}

// sections lists everything that judges itself, by its place in the file.
func (c *Config) sections() map[string]judge {
	sections := map[string]judge{
		"server":   c.Server,
		"log":      c.Log,
		"password": c.Password,
		"recovery": c.Recovery,
		"change":   c.Change,
		"contacts": c.Contacts,
		"support":  c.Support,
		"mail":     c.Mail,
		"sms":      c.SMS,
		"delivery": c.Delivery,
		"redis":    c.Redis,
		"keys":     c.Keys,
		"audit":    c.Audit,
		"doctor":   c.Doctor,
	}
	for i, d := range c.Directories {
		sections[fmt.Sprintf("directory[%d]", i)] = d
	}
	for i, s := range c.Syncs {
		sections[fmt.Sprintf("sync[%d]", i)] = s
	}
	for i, rule := range c.Policies {
		sections[fmt.Sprintf("policy[%d]", i)] = rule
	}
	return sections
}

// Load reads the file at path and the environment, in the form of
// [os.Environ]. The error is an [*Errors] where the configuration is at fault.
func Load(path string, environ []string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the configuration: %w; `latchkey config init %s` writes one to start from", err, path)
		}
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return parse(path, text, environ)
}

// parse is Load without the file.
func parse(file string, text []byte, environ []string) (*Config, error) {
	c := Defaults()
	l := newLoader(file, c)
	l.readFile(text)
	l.readEnviron(environ)
	l.readSecrets(l.target, nil)
	for at, section := range c.sections() {
		for _, fault := range section.Faults() {
			l.judged(at, fault)
		}
	}
	l.checkWhole(c)
	if len(l.faults) > 0 {
		return nil, newErrors(l.faults)
	}
	return c, nil
}

// checkWhole finds what no section can know alone.
func (l *loader) checkWhole(c *Config) {
	for name, limit := range c.Limits {
		if len(limit.Rates) == 0 {
			l.judged("limits."+name, setting.Fault{Key: "rates", Problem: "is empty, which would limit nothing", Allowed: `at least one rate such as "10/10m"`})
		}
	}
	if len(c.Directories) == 0 && !l.faulty["directory"] {
		l.judged("directory", setting.Missing("", "at least one [[directory]] section"))
	}
	l.checkSMS(c)
	first := make(map[string]int)
	for i, d := range c.Directories {
		if j, twice := first[d.Name]; twice && d.Name != "" {
			l.judged(fmt.Sprintf("directory[%d]", i), setting.Fault{
				Key: "name", Problem: fmt.Sprintf("is the name of directory[%d] too", j), Allowed: "a name of its own",
			})
		}
		first[d.Name] = i
	}
	l.checkSyncs(c, first)
	l.checkSupport(c, first)
}
