package blackbox

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS06_NoCountNoComparison: everything in Redis can be written but the counts
// of guesses. The right code and a wrong one are both answered with 503, as often as
// they come, so that nothing tells which it was, and no gate is passed; with the counts
// back the right one is right.
func TestS06_NoCountNoComparison(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c, b := s.caller(), s.browser()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	b.toCode("bob")
	other := s.code("bob", 0)
	s.redisKeys("%R~latchkey:*", "~latchkey:{hot}:[^g]*") // not latchkey:{hot}:guess:…
	for range 10 {
		if r := c.want(http.StatusServiceUnavailable, c.prove(code)); r.header.Get("Retry-After") == "" {
			t.Errorf("no Retry-After: %s", r.body)
		}
		c.want(http.StatusServiceUnavailable, c.prove("00000000"))
	}
	b.post("/verify/code", url.Values{"method": {"email"}, "code": {other}})
	b.on("/verify", http.StatusOK, "role=\"alert\"")
	c.want(http.StatusConflict, c.set(newPassword))
	if n := strings.Count(s.log.String(), `"msg":"gate passed"`); n != 0 {
		t.Errorf("%d gates were passed", n)
	}
	s.redisKeys("~latchkey:*")
	c.want(http.StatusOK, c.prove(code))
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	s.signsIn("bob", testenv.FirstPassword, newPassword)
}

// redisKeys changes on which keys the program may work.
func (s *stack) redisKeys(patterns ...string) {
	s.t.Helper()
	if _, err := s.redis.Admin(s.t.Context(), append([]string{"ACL", "SETUSER", s.redis.Username, "resetkeys"}, patterns...)...); err != nil {
		s.t.Fatal(err)
	}
}

// TestS07_AResendRefillsNothing: four wrong codes, another code, and the fifth
// wrong one ends the recovery.
func TestS07_AResendRefillsNothing(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	s.code("alice", 0)
	for range 4 {
		c.want(http.StatusUnprocessableEntity, c.prove("00000000"))
	}
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 1)
	if r := c.want(http.StatusGone, c.prove("00000000")); r.json["end"] != "too_many_guesses" {
		t.Errorf("after the fifth: %s", r.body)
	}
	c.want(http.StatusGone, c.prove(code))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}

// TestS07_ANewCodeVoidsTheOld: only the newest is right.
func TestS07_ANewCodeVoidsTheOld(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	first := s.code("alice", 0)
	c.want(http.StatusAccepted, c.open())
	second := s.code("alice", 1)
	if r := c.want(http.StatusUnprocessableEntity, c.prove(first)); r.json["tries_left"] != 4.0 {
		t.Errorf("the code from before: %s", r.body)
	}
	c.want(http.StatusOK, c.prove(second))
}

// TestS07_ANewRecoveryRefillsNothing: the day's guesses are the person's, so the
// right code of another recovery is not compared any more, and nobody is told.
func TestS07_ANewRecoveryRefillsNothing(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "guesses_per_day = 4\n"})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	s.code("alice", 0)
	for range 4 {
		c.want(http.StatusUnprocessableEntity, c.prove("00000000"))
	}
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	if r := c.want(http.StatusUnprocessableEntity, c.prove(s.code("alice", 1))); r.json["tries_left"] != 4.0 {
		t.Errorf("the right code of a new recovery: %s", r.body)
	}
	c.want(http.StatusConflict, c.set(newPassword))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}
