package blackbox

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// The tags of extended operations (RFC 4511 §4.12).
const (
	extendedRequest  = 23
	extendedResponse = 24
)

// passwordModify is the OID in a Password Modify request (RFC 3062).
const passwordModify = "1.3.6.1.4.1.4203.1.11.1"

// onWrite lets lose decide what becomes of the answer to each Password Modify,
// and returns how many of them were sent.
func (s *stack) onWrite(lose func(n int32) testenv.LDAPAction) *atomic.Int32 {
	var sent, answered atomic.Int32
	s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == extendedRequest && bytes.Contains(m.Bytes, []byte(passwordModify)) {
			sent.Add(1)
		}
		return testenv.LDAPAction{}
	})
	s.proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == extendedResponse && answered.Load() < sent.Load() {
			return lose(answered.Add(1))
		}
		return testenv.LDAPAction{}
	})
	return &sent
}

// TestF03_LostReply: the directory wrote the password and its answer is lost.
// The person is told the truth: it is done.
func TestF03_LostReply(t *testing.T) {
	for name, action := range map[string]testenv.LDAPAction{
		"swallowed": {Swallow: true},
		"cut off":   {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{limits: roomy(), proxied: true})
			c := s.caller().verified("alice")
			sent := s.onWrite(func(int32) testenv.LDAPAction { return action })
			r := c.set(newPassword)
			if r.status != http.StatusOK && r.status != http.StatusAccepted {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			eventually(t, "the recovery is done", func() bool { return c.view().json["state"] == "done" })
			if sent.Load() != 1 {
				t.Errorf("%d Password Modify requests, want 1: never written twice", sent.Load())
			}
			s.signsIn("alice", newPassword, testenv.FirstPassword)
		})
	}
}

// TestF03_LostRequest: the request never reached the directory. The person is
// told that nothing was changed, and can set the password in the same browser.
func TestF03_LostRequest(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true})
	b := s.browser().toPassword("alice")
	var lost atomic.Int32
	s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == extendedRequest && bytes.Contains(m.Bytes, []byte(passwordModify)) && lost.Add(1) == 1 {
			return testenv.LDAPAction{Drop: true}
		}
		return testenv.LDAPAction{}
	})
	b.setPassword(newPassword).on("/done", http.StatusOK)
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	eventually(t, "the password can be set again", func() bool { return b.visit("/done").at.Path == "/password" })
	b.setPassword(newPassword).on("/done", http.StatusOK)
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// helpdesk changes a password as an administrator would.
func (s *stack) helpdesk(uid, password string) {
	s.t.Helper()
	if err := s.slapd.Modify(s.t.Context(), "dn: "+testenv.PersonDN(uid)+"\nchangetype: modify\nreplace: userPassword\nuserPassword: "+password+"\n"); err != nil {
		s.t.Error(err)
	}
}

// TestF03_AnotherChange: the answer is lost, and the helpdesk changes the
// password before the write, which never arrives, or after it. The person is
// not told that theirs is set.
func TestF03_AnotherChange(t *testing.T) {
	const given = "helpdesk-Gave-This-1"
	for name, arrives := range map[string]bool{"instead of the write": false, "after the write": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{limits: roomy(), proxied: true})
			b := s.browser().toPassword("alice")
			var writes atomic.Int32
			s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
				if m.Op == extendedRequest && bytes.Contains(m.Bytes, []byte(passwordModify)) && writes.Add(1) == 1 && !arrives {
					s.helpdesk("alice", given)
					return testenv.LDAPAction{Drop: true}
				}
				return testenv.LDAPAction{}
			})
			var answers atomic.Int32
			s.proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
				if m.Op == extendedResponse && arrives && writes.Load() == 1 && answers.Add(1) == 1 {
					s.helpdesk("alice", given)
					return testenv.LDAPAction{Drop: true}
				}
				return testenv.LDAPAction{}
			})
			b.setPassword(newPassword).on("/done", http.StatusOK)
			eventually(t, "the recovery is over", func() bool { return b.visit("/done").at.Path != "/done" })
			if strings.Contains(b.body, "Your new password is set") || !strings.Contains(b.body, "do not count on it") {
				t.Errorf("the person reads at %s:\n%s", b.at.Path, b.body)
			}
			s.signsIn("alice", given, newPassword)
			eventually(t, "the message came", func() bool { return s.notices("alice@home.test") > 0 })
			s.delivered()
			for _, m := range s.mail.Messages() {
				if strings.HasSuffix(m.Subject, "was changed") && !strings.Contains(m.Text, "in another way") {
					t.Errorf("a mail claims the reset:\n%s", m.Text)
				}
			}
		})
	}
}

// diesWriting sets a new password; the directory takes it, its answer is lost, and so
// is the process. Another one is there when it returns.
func (c *caller) diesWriting() {
	s := c.s
	t := s.t
	t.Helper()
	written := make(chan struct{})
	s.onWrite(func(int32) testenv.LDAPAction {
		close(written)
		return testenv.LDAPAction{Swallow: true}
	})
	go func() {
		<-written
		s.kill()
	}()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, s.base+"/api/v1/recoveries/"+c.id+"/password", strings.NewReader(`{"password":"`+newPassword+`"}`))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	if answer, err := http.DefaultClient.Do(request); err == nil {
		answer.Body.Close()
		t.Fatalf("the dead process answered %d", answer.StatusCode)
	}
	s.proxy.OnResponse(nil)
	s.serve()
}

// TestF03_CrashWhileWriting: the answer is lost, and so is the process. Another
// one finds out from the directory.
func TestF03_CrashWhileWriting(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true, recovery: "settle_for = \"1s\"\n"})
	c := s.caller().verified("alice")
	c.diesWriting()
	if state := c.want(http.StatusOK, c.view()).json["state"]; state != "settling" {
		t.Errorf("right after the crash the state is %v", state)
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	eventually(t, "the write is settled", func() bool { return c.view().json["state"] == "done" })
}

// TestStoppedWhileSettling: a stop does not wait until a directory that is away
// comes back. The next process comes to the end of the write.
func TestStoppedWhileSettling(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true, recovery: "settle_for = \"10s\"\n"})
	c := s.caller().verified("alice")
	var away atomic.Bool
	s.proxy.OnResponse(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Drop: away.Load()} })
	s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == extendedRequest && bytes.Contains(m.Bytes, []byte(passwordModify)) {
			away.Store(true)
		}
		return testenv.LDAPAction{}
	})
	c.want(http.StatusAccepted, c.set(newPassword))
	begun := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("the stop took %s", took)
	}
	away.Store(false)
	s.serve()
	if state := c.want(http.StatusOK, c.view()).json["state"]; state != "settling" {
		t.Errorf("after the stop the state is %v", state)
	}
	eventually(t, "the write is settled", func() bool { return c.view().json["state"] == "done" })
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestF01_DirectoryAway: the directory is gone before the write. Nothing is
// changed, the proofs stay good.
func TestF01_DirectoryAway(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller().verified("alice")
	s.slapd.Stop()
	r := c.want(http.StatusServiceUnavailable, c.set(newPassword))
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b := s.browser()
	b.visit("/").on("/", http.StatusOK) // the first page needs no directory
	if err := s.slapd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestF01_DirectoryHangs: slapd takes connections and answers nothing. Nothing
// is changed, and the person is told so before they give up waiting.
func TestF01_DirectoryHangs(t *testing.T) {
	s := start(t, options{limits: roomy(), hangs: true})
	c := s.caller().verified("alice")
	if err := s.slapd.Pause(); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusServiceUnavailable, c.set(newPassword))
	if err := s.slapd.Continue(); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestF12_RedisKilled: no verification while Redis is down, and all goes on
// when it is back.
func TestF12_RedisKilled(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	s.redis.Kill()
	if r := c.want(http.StatusServiceUnavailable, c.prove(code)); r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if err := s.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the code is taken or the recovery is gone", func() bool {
		r := c.prove(code)
		return r.status == http.StatusOK || r.status == http.StatusUnauthorized
	})
	d := s.caller().verified("bob")
	d.want(http.StatusOK, d.set(newPassword))
	s.signsIn("bob", newPassword, testenv.FirstPassword)
}
