package blackbox

import (
	"net/http"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// TestS13_Idle: a recovery that nobody uses is over, with its code and with its
// proof; looking at it is no use of it.
func TestS13_Idle(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "idle = \"10s\"\n"})
	open, ready := s.caller(), s.caller()
	open.start("bob")
	open.want(http.StatusAccepted, open.open())
	code := s.code("bob", 0)
	ready.verified("alice")
	eventually(t, "both are over", func() bool {
		return open.view().json["end"] == "expired" && ready.view().json["end"] == "expired"
	})
	if r := open.want(http.StatusGone, open.prove(code)); r.json["end"] != "expired" {
		t.Errorf("the code afterwards: %s", r.body)
	}
	ready.want(http.StatusGone, ready.set(newPassword))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}

// TestS13_Lifetime: a recovery that is used all the time ends too.
func TestS13_Lifetime(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "idle = \"6s\"\nlifetime = \"6s\"\ncodes_per_gate = 10\n"})
	c := s.caller()
	until := c.start("alice").json["expires_at"]
	opened, code, second := 0, "", time.Time{}
	eventually(t, "it is over", func() bool {
		r := c.view()
		if r.json["expires_at"] != until {
			t.Errorf("it was to last until %v and now until %v", until, r.json["expires_at"])
		}
		if now := time.Now().Truncate(time.Second); now.After(second) && c.open().status == http.StatusAccepted {
			opened, second = opened+1, now
			code = s.code("alice", opened-1)
		}
		return r.json["end"] == "expired"
	})
	if opened < 2 {
		t.Errorf("it was used %d times, want more", opened)
	}
	c.want(http.StatusGone, c.prove(code))
	c.want(http.StatusGone, c.set(newPassword))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}
