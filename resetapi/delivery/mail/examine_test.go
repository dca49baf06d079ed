package mail

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/internal/finding"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

func TestExamine(t *testing.T) {
	for name, test := range map[string]struct {
		options  testenv.MailOptions
		behavior testenv.MailBehavior
		name     string
		change   func(*Config)
		check    string
		state    finding.State
		text     string
		fix      string
	}{
		"right":        {check: checkSignIn, state: finding.Good},
		"implicit":     {options: testenv.MailOptions{Implicit: true}, change: func(c *Config) { c.TLS = ImplicitTLS }, check: checkSignIn, state: finding.Good},
		"no STARTTLS":  {behavior: testenv.MailBehavior{StripStartTLS: true}, check: checkStartTLS, state: finding.Failed, text: "not offered", fix: "smtpd_tls_security_level"},
		"wrong secret": {change: func(c *Config) { c.Password = setting.NewSecret("something else") }, check: checkSignIn, state: finding.Failed, text: "535"},
		"other name":   {name: "mail.example.org", check: finding.Certificate, state: finding.Failed, text: "it is for mail.example.org, and the configuration says 127.0.0.1", fix: "-starttls smtp"},
		"nobody":       {change: func(c *Config) { c.Port = 1 }, check: checkReached, state: finding.Failed, text: "refused"},
		"wrong port":   {options: testenv.MailOptions{Implicit: true}, change: func(c *Config) { c.Timeout = setting.Duration(2 * time.Second) }, check: checkReached, state: finding.Failed, fix: "openssl s_client"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			make := testenv.NewCertificates
			if test.name != "" {
				make = func(dir string) (*testenv.Certificates, error) { return testenv.NewCertificatesFor(dir, test.name) }
			}
			certificates, err := make(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s := testenv.NewMailServer(t, certificates, test.options)
			s.Behave(test.behavior)
			host, port, err := net.SplitHostPort(s.Addr)
			if err != nil {
				t.Fatal(err)
			}
			c := Defaults()
			c.Host, c.CAFile, c.Username, c.Password, c.From = host, certificates.CAFile, s.Username, setting.NewSecret(s.Password), "reset@example.test"
			if c.Port, err = strconv.Atoi(port); err != nil {
				t.Fatal(err)
			}
			if test.change != nil {
				test.change(&c)
			}
			var found finding.Finding
			for _, f := range Examine(t.Context(), c) {
				if f.Check == test.check {
					found = f
				} else if f.State == finding.Failed {
					t.Errorf("%s failed too: %s", f.Check, f.Finding)
				}
				if strings.Contains(f.Finding+f.Fix, s.Password) {
					t.Errorf("%s shows the password", f.Check)
				}
			}
			if found.State != test.state || !strings.Contains(found.Finding, test.text) || !strings.Contains(found.Fix, test.fix) {
				t.Errorf("%s is %q, %q, fix %q", test.check, found.State, found.Finding, found.Fix)
			}
			if n := len(s.Messages()); n > 0 {
				t.Errorf("%d mails were sent", n)
			}
		})
	}
}
