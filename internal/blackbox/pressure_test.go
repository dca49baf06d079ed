package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/internal/testenv"
)

// together runs f for 0 to n-1, at most 32 at a time.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	places := make(chan struct{}, 32)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			f(i)
		})
	}
	all.Wait()
}

// TestS05_ParallelRightCodes: 200 submissions of one right code pass the gate
// once. A client that lost the answer may get it again; it is the same answer.
func TestS05_ParallelRightCodes(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	different := map[any]bool{}
	for _, r := range c.volley(200, http.MethodPost, "/recoveries/"+c.id+"/proofs", func(int) any { return fields{"method": "email", "code": code} }) {
		if r.status == http.StatusOK {
			different[r.json["token"]] = true
		}
	}
	if len(different) != 1 {
		t.Fatalf("%d different answers, want one success", len(different))
	}
	for token := range different {
		c.token = token.(string)
	}
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	if n := strings.Count(s.log.String(), `"msg":"gate passed"`); n != 1 {
		t.Errorf("the gate was passed %d times", n)
	}
}

// TestS05_ParallelWrongCodes: 500 wrong guesses at once; five are compared, and
// the right code afterwards is not.
func TestS05_ParallelWrongCodes(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	more := 0
	for _, r := range c.volley(500, http.MethodPost, "/recoveries/"+c.id+"/proofs", func(i int) any {
		return fields{"method": "email", "code": fmt.Sprintf("%08d", i)}
	}) {
		if left, ok := r.json["tries_left"].(float64); ok && left > 0 {
			more++
		}
	}
	if more > 4 {
		t.Errorf("%d guesses were told that tries are left, want at most 4", more)
	}
	if r := c.want(http.StatusGone, c.prove(code)); r.json["end"] != "too_many_guesses" {
		t.Errorf("the right code afterwards: %s", r.body)
	}
	log := s.log.String()
	if wrong, passed := strings.Count(log, `"compared":true`), strings.Count(log, `"msg":"gate passed"`); wrong != 5 || passed != 0 {
		t.Errorf("%d guesses were compared and %d gates passed, want 5 and none", wrong, passed)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}

// TestS42_ASprayStaysInTheBudget: 10,000 logins from as many addresses; no more
// recoveries begin than the limit on everything allows, and the rest is 429.
func TestS42_ASprayStaysInTheBudget(t *testing.T) {
	const budget = 500
	s := start(t, options{limits: roomy("starts") + fmt.Sprintf("[limits.starts]\nrates = [\"%d/24h\"]\n", budget)})
	var begun, refused atomic.Int32
	together(10_000, func(i int) {
		c := &caller{s: s, address: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)}
		r, err := c.try(http.MethodPost, "/recoveries", fields{"login": fmt.Sprintf("user-%d", i)})
		switch {
		case err != nil:
			t.Error(err)
		case r.status == http.StatusAccepted:
			begun.Add(1)
		case r.status == http.StatusTooManyRequests:
			refused.Add(1)
		}
	})
	// While it lasts, a few units flow back: one in 173 seconds.
	if begun.Load() < budget || begun.Load() > budget+2 || begun.Load()+refused.Load() != 10_000 {
		t.Errorf("%d begun and %d refused of 10,000, with a budget of %d", begun.Load(), refused.Load(), budget)
	}
}

// TestF14_RedisThatTakesNothing: a replica, or one that is full. No code is
// compared and nothing is written; afterwards everything goes on.
func TestF14_RedisThatTakesNothing(t *testing.T) {
	for name, commands := range map[string][2][]string{
		"read-only":     {{"REPLICAOF", "127.0.0.1", "1"}, {"REPLICAOF", "NO", "ONE"}},
		"out of memory": {{"CONFIG", "SET", "maxmemory", "1mb"}, {"CONFIG", "SET", "maxmemory", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{limits: roomy(), observed: true})
			c := s.caller()
			c.start("alice")
			c.want(http.StatusAccepted, c.open())
			code := s.code("alice", 0)
			ready := s.caller().verified("bob")
			s.delivered()
			if _, err := s.redis.Admin(t.Context(), commands[0]...); err != nil {
				t.Fatal(err)
			}
			for _, r := range []reply{c.prove(code), ready.set(newPassword), s.caller().do(http.MethodPost, "/recoveries", fields{"login": "bob"})} {
				if c.want(http.StatusServiceUnavailable, r); r.header.Get("Retry-After") == "" {
					t.Errorf("no Retry-After: %s", r.body)
				}
			}
			s.signsIn("bob", testenv.FirstPassword, newPassword)
			eventually(t, "it is not ready without a store that takes anything", func() bool {
				status, text := s.ask("/readyz")
				return status == http.StatusServiceUnavailable && strings.Contains(text, `"redis"`)
			})
			if shown := s.run("contacts", "show", "alice"); !strings.Contains(shown, "a•••@h•••") {
				t.Errorf("contacts can still be read, but this is shown:\n%s", shown)
			}
			if written := s.run("contacts", "export"); !strings.Contains(written, "alice@home.test") {
				t.Errorf("contacts can still be read, but this is exported:\n%s", written)
			}
			for _, shows := range [][]string{{"limits", "show", "alice"}, {"blocks", "list"}, {"delivery", "list"}, {"keys", "status"}} {
				s.run(shows...) // ends the test where it fails
			}
			if told := s.run("policy", "explain", "alice"); !strings.Contains(told, "could reset     yes") {
				t.Errorf("the policy can still be explained, but it is as:\n%s", told)
			}
			if _, err := s.redis.Admin(t.Context(), commands[1]...); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is ready again", func() bool { status, _ := s.ask("/readyz"); return status == http.StatusOK })
			c.want(http.StatusOK, c.prove(code))
			c.want(http.StatusOK, c.set(newPassword))
			ready.want(http.StatusOK, ready.set(newPassword))
			s.signsIn("alice", newPassword, testenv.FirstPassword)
			s.signsIn("bob", newPassword, testenv.FirstPassword)
		})
	}
}

// TestF25_MailServerAway: codes come when the mail server is back in time, and
// notices come whenever it is back; neither comes twice.
func TestF25_MailServerAway(t *testing.T) {
	s := start(t, options{limits: roomy()})
	s.mail.Behave(testenv.MailBehavior{Recipient: 451})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	eventually(t, "the mail server refused for now", func() bool { return s.mail.Logins() > 0 })
	s.mail.Behave(testenv.MailBehavior{})
	c.want(http.StatusOK, c.prove(s.code("alice", 0)))
	s.delivered()
	s.mail.Behave(testenv.MailBehavior{Recipient: 451})
	logins := s.mail.Logins()
	c.want(http.StatusOK, c.set(newPassword))
	eventually(t, "the notice was refused for now", func() bool { return s.mail.Logins() > logins })
	s.mail.Behave(testenv.MailBehavior{})
	eventually(t, "the notices came", func() bool {
		return s.notices("alice@home.test") > 0 && s.notices("alice@example.test") > 0
	})
	s.delivered()
	if n := s.mailTo("alice"); n != 2 {
		t.Errorf("%d mails, want one code and one notice", n)
	}
}

// TestFrozenFromTheCommandLine: freeze stops writes within seconds, on a server
// that runs, and unfreeze lets them go on.
func TestFrozenFromTheCommandLine(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller().verified("alice")
	s.run("freeze", "--reason", "test")
	eventually(t, "nothing is served", func() bool {
		return s.caller().do(http.MethodPost, "/recoveries", fields{"login": "bob"}).status == http.StatusServiceUnavailable
	})
	c.want(http.StatusServiceUnavailable, c.set(newPassword))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	s.run("unfreeze")
	eventually(t, "the write goes on", func() bool { return c.set(newPassword).status == http.StatusOK })
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}
