package blackbox

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// unlocking is a directory that lets the service account unlock.
var unlocking = testenv.SlapdOptions{ServiceWrites: []string{"pwdAccountLockedTime"}}

// lockOut has the directory lock a person for too many wrong passwords.
func (s *stack) lockOut(uid string) {
	s.t.Helper()
	for range 3 {
		_ = s.slapd.Bind(s.t.Context(), testenv.PersonDN(uid), "not-Theirs-0")
	}
	if err := s.slapd.Bind(s.t.Context(), testenv.PersonDN(uid), testenv.FirstPassword); err == nil {
		s.t.Fatalf("%s is not locked", uid)
	}
}

func (c *caller) unlock() reply {
	c.s.t.Helper()
	return c.do(http.MethodPost, "/recoveries/"+c.id+"/unlock", nil)
}

func (c *caller) policy() reply {
	c.s.t.Helper()
	return c.do(http.MethodGet, "/recoveries/"+c.id+"/password-policy", nil)
}

// TestUnlockKeepsThePassword: after the gates, and only then, a locked person is
// unlocked and signs in with the password from before; everyone is told.
func TestUnlockKeepsThePassword(t *testing.T) {
	s := start(t, options{limits: roomy(), observed: true, slapd: unlocking})
	s.lockOut("alice")
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	c.want(http.StatusConflict, c.policy())
	c.want(http.StatusConflict, c.unlock())
	c.want(http.StatusOK, c.prove(s.code("alice", 0)))
	if r := c.want(http.StatusOK, c.policy()); r.json["locked"] != true {
		t.Errorf("the rules are %s", r.body)
	}
	other := s.caller().verified("alice")
	if r := c.want(http.StatusOK, c.unlock()); r.json["state"] != "done" || r.json["unlocked"] != true {
		t.Errorf("answered %s", r.body)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	c.want(http.StatusConflict, c.unlock())
	c.want(http.StatusConflict, c.set(newPassword))
	other.want(http.StatusGone, other.set(newPassword))
	for _, to := range []string{"alice@home.test", "alice@example.test"} {
		m := s.mailWith(to, "was unlocked here")
		for _, want := range []string{"Your password was not changed.", "Reference number: " + c.id[:8], "/not-me/", "Account: alice", "198.51.100.0/24"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("the notice to %s does not say %q:\n%s", to, want, m.Text)
			}
		}
	}
	story := s.run("audit", "search", "--recovery", c.id, "--json")
	for _, kind := range []string{"unlock_intended", "unlock_ended"} {
		if strings.Count(story, `"`+kind+`"`) != 1 {
			t.Errorf("the audit has not one %s:\n%s", kind, story)
		}
	}
	if _, metrics := s.ask("/metrics"); !strings.Contains(metrics, `latchkey_unlocks_total{outcome="done"} 1`) {
		t.Error("the unlock is not counted")
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}

// TestUnlockThroughThePages, and that nobody is offered it who has no lock.
func TestUnlockThroughThePages(t *testing.T) {
	s := start(t, options{limits: roomy(), slapd: unlocking})
	b := s.browser().toPassword("alice")
	if strings.Contains(b.body, "/unlock") {
		t.Error("alice is not locked and is offered to be unlocked")
	}
	c := s.caller().verified("alice")
	if r := c.want(http.StatusOK, c.policy()); r.json["locked"] != false {
		t.Errorf("the rules are %s", r.body)
	}
	c.want(http.StatusConflict, c.unlock())
	c.want(http.StatusOK, c.set(newPassword))

	s.lockOut("bob")
	b = s.browser().toPassword("bob").on("/password", http.StatusOK, "Your account is locked")
	b.submit("/unlock", nil).on("/done", http.StatusOK, "Your account is unlocked", "It was not changed")
	b.visit("/done").on("/done", http.StatusOK, "Your account is unlocked")
	b.visit("/password").on("/done", http.StatusOK)
	s.signsIn("bob", testenv.FirstPassword, newPassword)
}

// TestUnlockWithoutTheRight: nothing is changed, it is not offered again, and a
// new password unlocks.
func TestUnlockWithoutTheRight(t *testing.T) {
	s := start(t, options{limits: roomy()})
	s.lockOut("alice")
	b := s.browser().toPassword("alice").on("/password", http.StatusOK, "Your account is locked")
	b.submit("/unlock", nil).on("/password", http.StatusOK, "cannot be unlocked here without a new password")
	if b.calm(); strings.Contains(b.body, "/unlock") {
		t.Error("it is offered again")
	}
	c := s.caller().verified("alice")
	if r := c.want(http.StatusForbidden, c.unlock()); r.json["type"] != "urn:latchkey:problem:cannot_unlock" {
		t.Errorf("answered %s", r.body)
	}
	c.want(http.StatusConflict, c.unlock())
	if r := c.view(); r.json["state"] != "set_password" {
		t.Errorf("the state is %v", r.json["state"])
	}
	if n := s.lockAttributes("alice"); len(n) == 0 {
		t.Error("the lock is gone")
	}
	b.setPassword(newPassword).on("/done", http.StatusOK, "Your new password is set")
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestF18_KilledAfterAnUnlock: the next process finishes it and tells.
func TestF18_KilledAfterAnUnlock(t *testing.T) {
	s := start(t, options{crash: "unlocked", limits: roomy(), recovery: "settle_for = \"1s\"\n", slapd: unlocking})
	s.lockOut("alice")
	c := s.caller().verified("alice")
	if r, err := c.try(http.MethodPost, "/recoveries/"+c.id+"/unlock", nil); err == nil {
		t.Fatalf("the process lives and answers %d", r.status)
	}
	s.kill()
	s.serve()
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	eventually(t, "it is done", func() bool { r := c.view(); return r.json["state"] == "done" && r.json["unlocked"] == true })
	s.mailWith("alice@home.test", "was unlocked here")
}

// TestUnlockLeavesTheLockOfAnAdministrator that comes after the gates.
func TestUnlockLeavesTheLockOfAnAdministrator(t *testing.T) {
	const forGood = "000001010000Z"
	s := start(t, options{limits: roomy(), slapd: unlocking})
	s.lockOut("alice")
	c := s.caller().verified("alice")
	if err := s.slapd.Modify(t.Context(), "dn: "+testenv.PersonDN("alice")+"\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: "+forGood+"\n"); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusGone, c.unlock())
	if lock := s.lockAttributes("alice"); len(lock) != 1 || lock[0] != forGood {
		t.Errorf("the lock is %q", lock)
	}
}
