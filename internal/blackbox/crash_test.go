package blackbox

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// crashes are the places of package crash, in the order of a reset.
var crashes = []string{
	"challenge stored", "proof stored", "claimed", "aimed", "intent audited", "written", "outcome stored",
}

// TestF18_KilledAtEachStep: the process dies at one place of a reset and is
// started again. The same client goes on and comes to its end; nobody is told
// of a change that was not made; the write has its audit and its notice.
func TestF18_KilledAtEachStep(t *testing.T) {
	for _, place := range crashes {
		t.Run(place, func(t *testing.T) {
			s := start(t, options{crash: place, limits: roomy(), recovery: "settle_for = \"1s\"\n"})
			c := s.caller()
			c.start("alice")
			died := s.survive(c, "alice")
			if died != 1 {
				t.Errorf("the process died %d times, want once", died)
			}
			s.signsIn("alice", newPassword, testenv.FirstPassword)
			eventually(t, "the notice came", func() bool { return s.notices("alice@home.test") > 0 })
			eventually(t, "the notice came to the primary mail", func() bool { return s.notices("alice@example.test") > 0 })
			s.delivered()
			if n := s.notices("alice@home.test"); n != 1 {
				t.Errorf("%d notices of one change", n)
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			s.run("audit", "verify")
			found := s.run("audit", "search", "--recovery", c.id, "--json")
			for _, kind := range []string{"write_intended", "write_ended"} {
				if !strings.Contains(found, kind) {
					t.Errorf("%s is not in the audit:\n%s", kind, found)
				}
			}
		})
	}
}

// TestF18_TheSameBrowserGoesOn: the same on the pages. The person loads the page
// again where no answer came, and goes on with what is shown then.
func TestF18_TheSameBrowserGoesOn(t *testing.T) {
	for _, place := range crashes {
		t.Run(place, func(t *testing.T) {
			s := start(t, options{crash: place, limits: roomy(), recovery: "settle_for = \"1s\"\n"})
			b := s.browser()
			b.stubborn = true
			if b.toPassword("alice"); b.lost == 0 {
				s.holdMail()
			}
			b.setPassword(newPassword)
			eventually(t, "the password is set", func() bool {
				if b.visit("/done").at.Path == "/password" { // the write never reached the directory
					s.signsIn("alice", testenv.FirstPassword, newPassword)
					b.setPassword(newPassword)
				}
				return strings.Contains(b.body, "Your new password is set")
			})
			if b.on("/done", http.StatusOK); b.lost != 1 {
				t.Errorf("%d answers were lost, want one", b.lost)
			}
			s.signsIn("alice", newPassword, testenv.FirstPassword)
			eventually(t, "the notices came", func() bool {
				return s.notices("alice@home.test") > 0 && s.notices("alice@example.test") > 0
			})
			s.delivered()
			if n := s.notices("alice@home.test"); n != 1 {
				t.Errorf("%d notices of one change", n)
			}
		})
	}
}

// holdMail keeps the mail server from taking anything until the process died.
// Delivery is at least once: a mail that was taken in the moment of the death may
// come twice, and the test counts notices.
func (s *stack) holdMail() { s.mail.Behave(testenv.MailBehavior{Recipient: 451}) }

// restart kills what may be dead already, and starts the server and the mails
// again.
func (s *stack) restart() {
	s.t.Helper()
	s.kill()
	s.mail.Behave(testenv.MailBehavior{})
	s.serve()
}

// survive drives a recovery to its end, starts the server again whenever it is
// dead, and counts how often it was.
func (s *stack) survive(c *caller, uid string) (died int) {
	s.t.Helper()
	code, late := "", time.Now().Add(2*patience)
	for time.Now().Before(late) {
		r, err := c.try(http.MethodGet, "/recoveries/"+c.id, nil)
		switch {
		case err != nil:
		case r.status == http.StatusUnauthorized && code != "":
			// The answer to the proof got lost: the same proof gives it again.
			r, err = c.tryProof(code)
		case r.json["state"] == "done":
			return died
		case r.json["state"] == "set_password":
			if died == 0 {
				s.holdMail()
			}
			r, err = c.try(http.MethodPut, "/recoveries/"+c.id+"/password", fields{"password": newPassword})
			if err == nil && r.status >= http.StatusBadRequest {
				s.t.Fatalf("the password: %d %s", r.status, r.body)
			}
		case r.json["state"] == "settling":
			s.pause()
		case r.json["challenge"] == nil:
			_, err = c.try(http.MethodPost, "/recoveries/"+c.id+"/challenges", fields{"method": "email"})
		default:
			if code == "" {
				code = s.code(uid, 0)
			}
			r, err = c.tryProof(code)
			if err == nil && r.status != http.StatusOK {
				s.t.Fatalf("the code: %d %s", r.status, r.body)
			}
		}
		if err != nil {
			died++
			s.restart()
		}
	}
	s.t.Fatalf("the recovery never ended:\n%s", s.log)
	return died
}

// pause waits for a moment between two questions.
func (s *stack) pause() {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-s.t.Context().Done():
	}
}

func (c *caller) tryProof(code string) (reply, error) {
	r, err := c.try(http.MethodPost, "/recoveries/"+c.id+"/proofs", fields{"method": "email", "code": code})
	if err == nil && r.status == http.StatusOK {
		c.token = r.json["token"].(string)
	}
	return r, err
}

// notices counts the mails that tell an address of a changed password.
func (s *stack) notices(address string) int {
	n := 0
	for _, m := range s.mail.Messages() {
		if m.To[0] == address && strings.HasSuffix(m.Subject, "was changed") {
			n++
		}
	}
	return n
}
