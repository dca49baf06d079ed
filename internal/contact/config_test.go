package contact

import (
	"errors"
	"testing"
)

func TestConfigFaults(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		key    string
	}{
		"nothing written": {Defaults(), ""},
		"all right":       {Config{DefaultRegion: "DE", CorporateDomains: []string{"Example.org", "bücher.example"}}, ""},
		"no country":      {Config{DefaultRegion: "Germany"}, "default_region"},
		"no domain":       {Config{CorporateDomains: []string{"@example.org"}}, "corporate_domains"},
	} {
		faults := test.config.Faults()
		if test.key == "" && len(faults) != 0 || test.key != "" && (len(faults) != 1 || faults[0].Key != test.key) {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

func TestS49_CorporateMailboxesAreRefused(t *testing.T) {
	c := Config{CorporateDomains: []string{"Example.org", "bücher.example"}}
	for address, want := range map[string]error{
		"a@example.org":           ErrCorporate,
		"a@MAIL.example.ORG":      ErrCorporate,
		"a@xn--bcher-kva.example": ErrCorporate,
		"a@notexample.org":        nil,
		"a@example.org.invalid":   nil,
	} {
		if _, err := c.Normal(Email, address); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	if _, err := c.Normal("fax", "+491701234567"); err == nil {
		t.Error("a fax is a contact")
	}
}
