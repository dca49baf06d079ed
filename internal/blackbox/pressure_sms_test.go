package blackbox

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS45_PumpingAPrefix: many people with numbers of one block, the limits on
// SMS as they are: 20 get one. A number in another block is not in the way of
// that, and e-mail goes on.
func TestS45_PumpingAPrefix(t *testing.T) {
	const people, budget = 60, 20
	var ldif strings.Builder
	for n := range people {
		ldif.WriteString(testenv.PersonLDIF(fmt.Sprintf("pump%d", n)))
	}
	limits := roomy()
	limits = limits[:strings.Index(limits, "[limits.sms_per_prefix]")]
	s, gateway := withSMS(t, options{limits: limits, slapd: testenv.SlapdOptions{LDIF: strings.TrimPrefix(ldif.String(), "\n") + "\n"}})
	s.otherwise("[[policy]]\nenabled = true", bothMethods)
	var contacts strings.Builder
	contacts.WriteString("login,email,mobile\n")
	for n := range people {
		fmt.Fprintf(&contacts, "pump%d,,+491512345%04d\n", n, n)
	}
	contacts.WriteString("alice,alice@home.test,+4915198765432\n")
	s.file("more.csv", contacts.String())
	s.run("contacts", "import", "more.csv")
	for n := range people {
		c := s.caller()
		c.start(fmt.Sprintf("pump%d", n))
		c.want(http.StatusAccepted, c.openBy("sms"))
	}
	s.delivered()
	if n := len(gateway.Requests()); n != budget {
		t.Errorf("%d SMS to one block, want %d", n, budget)
	}
	if n := strings.Count(s.log.String(), `"limit":"sms_per_prefix"`); n < people-budget {
		t.Errorf("%d warnings, want %d", n, people-budget)
	}
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.openBy("sms"))
	eventually(t, "alice gets her SMS", func() bool { return len(gateway.Requests()) == budget+1 })
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	s.code("alice", 0)
}

// TestS45_NumbersThatGetNothing: those of countries that are not listed. Numbers
// of satellites, international services and those with a price of their own are
// not even taken.
func TestS45_NumbersThatGetNothing(t *testing.T) {
	s, gateway := withSMS(t, options{limits: roomy()})
	s.otherwise("[[policy]]\nenabled = true", bothMethods)
	for _, set := range []struct {
		uid, number string
		taken       bool
	}{
		{"alice", "+33612345678", true},
		{"overlimit", "+88213312345", false},
		{"nocontacts", "+97912345678", false},
		{"young", "+491801234567", false},
		{"bob", "+4915198765432", true},
	} {
		if err := s.try("contacts", "set", "--at-once", set.uid, "--email="+set.uid+"@home.test", "--mobile="+set.number); (err == nil) != set.taken {
			t.Errorf("the number %s: %v", set.number, err)
		}
		c := s.caller()
		c.start(set.uid)
		c.want(http.StatusAccepted, c.openBy("sms"))
	}
	s.delivered()
	if _, err := gateway.Await(t.Context(), func(testenv.SMSRequest) bool { return true }); err != nil {
		t.Error(err)
	}
	for _, r := range gateway.Requests() {
		if r.To != "+4915198765432" {
			t.Errorf("an SMS to %s", r.To)
		}
	}
}

// try runs a command that may be refused.
func (s *stack) try(args ...string) error {
	command := exec.Command(s.program, append([]string{"--config", "latchkey.toml"}, args...)...)
	command.Dir, command.Env = s.dir, slices.Concat(os.Environ(), untold)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("latchkey %s: %w: %s", args[0], err, out)
	}
	return nil
}
