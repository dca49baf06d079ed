package sms

import (
	"strings"
	"testing"

	"latchkey/internal/finding"
	"latchkey/internal/testenv"
)

func TestExamine(t *testing.T) {
	secure, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Config)
		check  string
		state  finding.State
		text   string
		fix    string
	}{
		"right":          {func(*Config) {}, checkReached, finding.Good, "nothing was sent", ""},
		"off":            {func(c *Config) { c.Countries = nil }, checkCountries, finding.Skipped, "SMS is off", "countries ="},
		"not listed":     {func(c *Config) { c.AllowPrivate = nil }, checkReached, finding.Failed, "not public", `allow_private = ["127.0.0.1"]`},
		"nobody":         {func(c *Config) { c.URL = "https://127.0.0.1:1/" }, checkReached, finding.Failed, "refused", "openssl s_client"},
		"clear for TLS":  {func(c *Config) { c.URL = strings.Replace(c.URL, "http:", "https:", 1) }, finding.TLS, finding.Failed, "", "openssl s_client"},
		"no such server": {func(c *Config) { c.CAFile = secure.CAFile + "x"; c.URL = strings.Replace(c.URL, "http:", "https:", 1) }, finding.TLS, finding.Failed, "no such file", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, c := newGateway(t)
			test.change(&c)
			var found finding.Finding
			for _, f := range Examine(t.Context(), c) {
				if f.Check == test.check {
					found = f
				}
			}
			if found.State != test.state || !strings.Contains(found.Finding, test.text) || !strings.Contains(found.Fix, test.fix) {
				t.Errorf("%s is %q, %q, fix %q", test.check, found.State, found.Finding, found.Fix)
			}
			if n := len(g.Requests()); n > 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}
