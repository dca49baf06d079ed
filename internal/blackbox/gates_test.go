package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

const adminsDN = "cn=admins,ou=groups," + testenv.BaseDN

// withSMS starts a stack with an SMS gateway and one administrator: bob, who has
// an e-mail address and a mobile number. A directory of the test's own has to
// have the group.
func withSMS(t *testing.T, o options) (*stack, *testenv.SMSGateway) {
	t.Helper()
	gateway := testenv.NewSMSGateway(t, testenv.SMSOptions{})
	admins := adminsDN
	if o.home != nil {
		admins = o.home.admins
	}
	o.slapd.LDIF += fmt.Sprintf("dn: %s\nobjectClass: groupOfNames\ncn: admins\nmember: %s\n\n", adminsDN, testenv.PersonDN("bob"))
	o.config += fmt.Sprintf("[administrators]\ngroups = [%q]\n[sms]\ncountries = [\"DE\"]\nurl = %q\nallow_private = [\"127.0.0.1\"]\n", admins, gateway.URL)
	s := start(t, o)
	s.run("contacts", "set", "--at-once", "bob", "--email=bob@home.test", "--mobile=+4915112345678")
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
	s.run("contacts", "set", "--at-once", "bob", "--email=bob@home.test")
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

// TestStoppedCodesAreClearedByAnOperator: after too many wrong codes in a row no
// code of the person is compared, also in new recoveries; the log gives alarm,
// and the command gives the tries back. The audit tells the whole story.
func TestStoppedCodesAreClearedByAnOperator(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "guesses_in_a_row = 3\n"})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	for range 3 {
		c.want(http.StatusUnprocessableEntity, c.prove("00000000"))
	}
	s.log.await(t, `"msg":"alarm: too many wrong codes in a row`, 1)
	c.want(http.StatusUnprocessableEntity, c.prove(code))
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.mail.Await(ctx, func(m testenv.Message) bool {
		return m.To[0] == "alice@home.test" && strings.Contains(strings.Join(strings.Fields(m.Text), " "), "Too many wrong codes were typed")
	}); err != nil {
		t.Errorf("alice is not told: %v", err)
	}
	shown := s.run("limits", "show", "alice")
	if !regexp.MustCompile(`(?m)^guesses_in_a_row +email +3 of 3 +until cleared +reached$`).MatchString(shown) {
		t.Errorf("limits show prints:\n%s", shown)
	}
	for _, never := range []string{"alice@home.test", "uid="} {
		if strings.Contains(shown, never) {
			t.Errorf("limits show prints %s:\n%s", never, shown)
		}
	}
	s.run("limits", "clear", "alice")
	if shown := s.run("limits", "show", "alice"); !strings.Contains(shown, "Nothing is used up.") {
		t.Errorf("afterwards limits show prints:\n%s", shown)
	}
	s.caller().verified("alice")
	eventually(t, "the audit tells the whole story", func() bool {
		story := s.run("audit", "search", "--login", "alice")
		return !slices.ContainsFunc([]string{"recovery_started", "challenge_opened", "codes_stopped", "limits_cleared"}, func(kind string) bool {
			return !strings.Contains(story, "  "+kind+"  ")
		})
	})
	if n := strings.Count(s.log.String(), "alarm: too many wrong codes in a row"); n != 1 {
		t.Errorf("%d alarms, want one", n)
	}
}
