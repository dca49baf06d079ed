package blackbox

import (
	"net/http"
	"strings"
	"testing"
)

// guessAt begins a recovery, gives as many wrong codes, and returns it.
func (s *stack) guessAt(login string, wrong int) *caller {
	s.t.Helper()
	c := s.caller()
	c.start(login)
	c.want(http.StatusAccepted, c.open())
	s.delivered()
	for range wrong {
		c.want(http.StatusUnprocessableEntity, c.prove("00000000"))
	}
	return c
}

// TestS46_StrictModeAndItsWayBack: wrong codes against logins that nobody has
// change nothing; against real accounts they begin strict mode, in which one
// contact gets one message an hour, and one to a browser that reset before. It
// ends by itself.
func TestS46_StrictModeAndItsWayBack(t *testing.T) {
	s := start(t, options{limits: roomy("wrong_codes") + "[limits.wrong_codes]\nrates = [\"5/1h\"]\n"})
	const strict = "alarm: strict mode"
	own := s.browser().toPassword("bob").setPassword(newPassword).on("/done", http.StatusOK)
	for range 3 {
		s.guessAt("missing", 4)
		s.guessAt("protected", 4)
	}
	for range 2 {
		s.guessAt("bob", 0)
	}
	if n := s.codesTo("bob"); n != 3 || strings.Contains(s.log.String(), strict) {
		t.Fatalf("decoys began strict mode, or bob got %d codes", n)
	}
	for range 2 {
		s.guessAt("alice", 4)
	}
	s.log.await(t, strict, 1)
	for range 3 {
		s.guessAt("bob", 0)
	}
	if n := s.codesTo("bob"); n != 4 {
		t.Errorf("in strict mode bob got %d codes more, want one", n-3)
	}
	own.toPassword("bob")
	if left, err := s.redis.Admin(t.Context(), "EVAL", "local d = redis.call('PTTL', KEYS[1]); return (d > 3500000 and d <= 3600000) and 'an hour' or d", "1", "latchkey:{hot}:strict"); err != nil || strings.TrimSpace(left) != "an hour" {
		t.Errorf("strict mode lasts %s, %v", left, err)
	}
	if _, err := s.redis.Admin(t.Context(), "PEXPIRE", "latchkey:{hot}:strict", "1"); err != nil {
		t.Fatal(err)
	}
	s.guessAt("missing", 4) // does not bring it back
	for range 2 {
		s.guessAt("bob", 0)
	}
	if n := s.codesTo("bob"); n != 7 {
		t.Errorf("after strict mode bob got %d codes in all, want 7", n)
	}
}
