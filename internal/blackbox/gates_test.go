package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"latchkey/internal/testenv"
)

// withSMS starts a stack with an SMS gateway and one administrator: bob, who has
// an e-mail address and a mobile number.
func withSMS(t *testing.T, o options) (*stack, *testenv.SMSGateway) {
	t.Helper()
	gateway := testenv.NewSMSGateway(t, testenv.SMSOptions{})
	o.slapd.LDIF += fmt.Sprintf("dn: cn=admins,ou=groups,%s\nobjectClass: groupOfNames\ncn: admins\nmember: %s\n\n", testenv.BaseDN, testenv.PersonDN("bob"))
	o.config += fmt.Sprintf("[administrators]\ngroups = [\"cn=admins,ou=groups,%s\"]\n[sms]\ncountries = [\"DE\"]\nurl = %q\nallow_private = [\"127.0.0.1\"]\n", testenv.BaseDN, gateway.URL)
	s := start(t, o)
	s.run("contacts", "set", "bob", "--email=bob@home.test", "--mobile=+4915112345678")
	return s, gateway
}

var codeInSMS = regexp.MustCompile(`#(\d{8})\b`)

// smsCode waits for the first SMS after the known ones and reads its code.
func (s *stack) smsCode(g *testenv.SMSGateway, known int) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	seen := 0
	m, err := g.Await(ctx, func(testenv.SMSRequest) bool { seen++; return seen > known })
	if err != nil {
		s.t.Fatalf("no SMS: %v\n%s", err, s.log)
	}
	found := codeInSMS.FindStringSubmatch(m.Text)
	if found == nil || m.To != "+4915112345678" {
		s.t.Fatalf("the SMS is %q to %q", m.Text, m.To)
	}
	return found[1]
}

func (c *caller) openBy(method string) reply {
	c.s.t.Helper()
	return c.do(http.MethodPost, "/recoveries/"+c.id+"/challenges", fields{"method": method})
}

func (c *caller) proveBy(method, code string) reply {
	c.s.t.Helper()
	r := c.do(http.MethodPost, "/recoveries/"+c.id+"/proofs", fields{"method": method, "code": code})
	if r.status == http.StatusOK {
		c.token = r.json["token"].(string)
	}
	return r
}

// TestAnAdministratorNeedsMailAndTelephone: two gates of different methods; one
// of them, twice, is not enough.
func TestAnAdministratorNeedsMailAndTelephone(t *testing.T) {
	s, gateway := withSMS(t, options{limits: roomy()})
	c := s.caller()
	if r := c.start("bob"); r.json["gates_left"] != 1.0 {
		t.Errorf("before any proof a stranger sees %s", r.body)
	}
	c.want(http.StatusAccepted, c.openBy("email"))
	mailCode := s.code("bob", 0)
	r := c.want(http.StatusOK, c.proveBy("email", mailCode))
	if r.json["state"] != "verify" || r.json["gates_left"] != 1.0 || fmt.Sprint(r.json["methods"]) != "[sms]" {
		t.Fatalf("after the mail's code: %s", r.body)
	}
	c.want(http.StatusConflict, c.set(newPassword))
	c.want(http.StatusConflict, c.openBy("email"))
	c.want(http.StatusAccepted, c.openBy("sms"))
	code := s.smsCode(gateway, 0)
	if r := c.proveBy("sms", mailCode); code != mailCode && r.status != http.StatusUnprocessableEntity {
		t.Fatalf("the mail's code at the telephone's gate: %d %s", r.status, r.body)
	}
	c.want(http.StatusConflict, c.set(newPassword))
	if r := c.want(http.StatusOK, c.proveBy("sms", code)); r.json["state"] != "set_password" {
		t.Fatalf("after the SMS: %s", r.body)
	}
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("bob", newPassword, testenv.FirstPassword)
	eventually(t, "the notices came", func() bool {
		return s.notices("bob@home.test") == 1 && s.notices("bob@example.test") == 1 && len(gateway.Requests()) == 2
	})
}

// TestAnAdministratorWithOneContact is a decoy who is told why.
func TestAnAdministratorWithOneContact(t *testing.T) {
	s, gateway := withSMS(t, options{limits: roomy()})
	s.run("contacts", "delete", "bob")
	s.run("contacts", "set", "bob", "--email=bob@home.test")
	c := s.caller()
	c.start("bob")
	c.want(http.StatusAccepted, c.openBy("email"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := s.mail.Await(ctx, func(m testenv.Message) bool { return m.To[0] == "bob@home.test" })
	if err != nil {
		t.Fatal(err)
	}
	if codeInMail.MatchString(m.Text) {
		t.Errorf("a code was sent:\n%s", m.Text)
	}
	s.delivered()
	if n := len(gateway.Requests()); n != 0 {
		t.Errorf("%d SMS", n)
	}
	s.signsIn("bob", testenv.FirstPassword, newPassword)
}
