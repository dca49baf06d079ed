package blackbox

import (
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"latchkey/internal/testenv"
)

// TestS73_ThePasswordOfAHungWriteIsNowhere: the directory hangs while the
// password is being written. It lies neither in Redis nor anywhere else, during
// the settling and after it, and no process ever writes it by itself: not the one
// that knew it, not the one after a restart.
func TestS73_ThePasswordOfAHungWriteIsNowhere(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true, recovery: "settle_for = \"1s\"\n"})
	secrets := map[string]string{"password": newPassword}
	c := s.caller().verified("alice")
	var writes atomic.Int32
	s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if !isWrite(m) {
			return testenv.LDAPAction{}
		}
		if writes.Add(1) > 1 {
			return testenv.LDAPAction{}
		}
		if err := s.slapd.Pause(); err != nil {
			t.Error(err)
		}
		return testenv.LDAPAction{Swallow: true}
	})
	if r := c.want(http.StatusAccepted, c.set(newPassword)); r.json["state"] != "settling" {
		t.Errorf("the answer is %s", r.body)
	}
	lacks(t, "Redis while the write is settled", s.history(), secrets)
	s.log.await(t, "the outcome of a password write stays unknown", 1)
	lacks(t, "Redis after the settling", s.history(), secrets)
	if err := s.slapd.Continue(); err != nil {
		t.Fatal(err)
	}
	s.kill()
	s.serve()
	eventually(t, "it is known that nothing was written", func() bool { return c.view().json["state"] != "settling" })
	if n := writes.Load(); n != 1 {
		t.Errorf("the password was written %d times, want once", n)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	lacks(t, "Redis at the end", s.history(), secrets)
	lacks(t, "the log", s.log.String(), secrets)
	lacks(t, "the audit", tree(t, filepath.Join(s.dir, "audit")), secrets)
}
