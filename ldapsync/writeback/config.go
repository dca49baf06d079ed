package writeback

import (
	"fmt"
	"slices"
	"strings"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
)

// Config is the table write_back of a [[sync]].
type Config struct {
	// BindDN is the account that writes: not that of the [[directory]].
	BindDN string `toml:"bind_dn"`
	// BindPassword and the following are as in [[directory]].
	BindPassword        setting.Secret `toml:"bind_password"`
	BindPasswordFile    string         `toml:"bind_password_file"`
	BindPasswordOld     setting.Secret `toml:"bind_password_old"`
	BindPasswordOldFile string         `toml:"bind_password_old_file"`
	// Email and Mobile are the attributes that get addresses and numbers; an
	// empty one gets none. With both empty nothing is written back.
	Email  string `toml:"email"`
	Mobile string `toml:"mobile"`
	// Sources say whose contacts are written: "registered", "staff", "import";
	// default "registered".
	Sources []string `toml:"sources"`
}

// Defaults returns the table as it is when nothing is written.
func Defaults() Config { return Config{Sources: []string{string(contact.Registered)}} }

// On reports whether contacts are written back.
func (c Config) On() bool { return c.Email != "" || c.Mobile != "" }

// sources are what may be written; what came from the directory is not.
func sources() []string {
	return []string{string(contact.Registered), string(contact.Staff), string(contact.Imported)}
}

// Faults returns everything that is wrong in the table. allowMail is that of the
// [[sync]].
func (c Config) Faults(allowMail bool) []setting.Fault {
	if !c.On() {
		if c.BindDN != "" {
			return []setting.Fault{setting.Missing("email", "at least one attribute in email or mobile; or nothing in this table")}
		}
		return nil
	}
	var faults []setting.Fault
	if strings.TrimSpace(c.BindDN) == "" {
		faults = append(faults, setting.Missing("bind_dn", "an account of its own, such as \"cn=latchkey-contacts,ou=services,dc=example,dc=org\""))
	}
	if c.BindPassword.IsZero() {
		faults = append(faults, setting.Missing("bind_password_file", "the file that holds the password of that account"))
	}
	for _, a := range []struct{ key, attribute string }{{"email", c.Email}, {"mobile", c.Mobile}} {
		if a.attribute != "" && directory.CheckWriteBack(a.attribute) != nil {
			faults = append(faults, setting.Fault{Key: a.key, Problem: "is not an attribute for contacts", Allowed: "the name of one attribute without options, none for passwords, names, groups, rights or what servers keep themselves"})
		}
	}
	if !allowMail && (strings.EqualFold(c.Email, "mail") || strings.EqualFold(c.Email, "rfc822Mailbox")) {
		faults = append(faults, setting.Fault{Key: "email", Problem: "names the primary mail address", Allowed: "an attribute for an alternate address; or allow_mail = true in this [[sync]]"})
	}
	if c.Email != "" && strings.EqualFold(c.Email, c.Mobile) {
		faults = append(faults, setting.Fault{Key: "mobile", Problem: "is the attribute of email too", Allowed: "an attribute of its own"})
	}
	if len(c.Sources) == 0 || slices.ContainsFunc(c.Sources, func(s string) bool { return !slices.Contains(sources(), s) }) {
		faults = append(faults, setting.Fault{Key: "sources", Problem: fmt.Sprintf("is %q", c.Sources), Allowed: "some of " + strings.Join(sources(), ", ")})
	}
	return faults
}

// Account is the identity with all that it may write.
func (c Config) Account() directory.WriteBackAccount {
	a := directory.WriteBackAccount{
		BindDN: c.BindDN, BindPassword: c.BindPassword, BindPasswordFile: c.BindPasswordFile,
		BindPasswordOld: c.BindPasswordOld, BindPasswordOldFile: c.BindPasswordOldFile,
	}
	for _, attribute := range []string{c.Email, c.Mobile} {
		if attribute != "" {
			a.Attributes = append(a.Attributes, attribute)
		}
	}
	return a
}

// attribute is where contacts of a kind go; empty for nowhere.
func (c Config) attribute(kind contact.Kind) string {
	switch kind {
	case contact.Email:
		return c.Email
	case contact.Mobile:
		return c.Mobile
	}
	return ""
}
