package config

import (
	"strings"
	"testing"
)

const smsOn = `
[sms]
countries = ["DE"]
url = "https://sms.example.org/messages"
`

func TestPoliciesWithSMSNeedIt(t *testing.T) {
	text := strings.Replace(completed(t), "# methods = [\"email\"]", "methods = [\"email\", \"sms\"]", 1)
	got := faultsOf(t, text)
	if len(got) != 1 || !strings.Contains(got[0], `policy[0].methods has "sms", and SMS is off; allowed: `) {
		t.Errorf("SMS is off: %q", got)
	}
	if got := faultsOf(t, strings.Replace(text, "enabled = true", "enabled = false", 1)); got != nil {
		t.Errorf("a policy that turns people away: %q", got)
	}
	if got := faultsOf(t, strings.Replace(text, "[sms]\n", smsOn[1:], 1)); got != nil {
		t.Errorf("SMS is on: %q", got)
	}
}

func TestWarnings(t *testing.T) {
	for name, test := range map[string]struct {
		change []string
		want   string
	}{
		"nothing":                 {nil, ""},
		"administrators, no SMS":  {[]string{"[administrators]", "[administrators]\ngroups = [\"cn=a,dc=x\"]"}, "administrators cannot reset"},
		"administrators and SMS":  {[]string{"[administrators]", "[administrators]\ngroups = [\"cn=a,dc=x\"]", "[sms]\n", smsOn[1:]}, ""},
		"S19: nothing but an SMS": {[]string{"# methods = [\"email\"]", "methods = [\"sms\"]", "[sms]\n", smsOn[1:]}, "policy[0] has no method but SMS"},
	} {
		c, err := parse("x", []byte(strings.NewReplacer(test.change...).Replace(completed(t))), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
