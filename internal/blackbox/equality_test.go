package blackbox

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// classes are the eight kinds of account that must answer alike.
var classes = []string{"alice", "missing", "disabled", "adminlocked", "protected", "notenabled", "nocontacts", "overlimit"}

// variable is what may differ between two answers: ids, tokens, times.
var variable = regexp.MustCompile(`[A-Z2-7]{26}|[A-Z2-7]{16}|[A-Za-z0-9_-]{48}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// fingerprint is an answer without what may differ.
func fingerprint(status int, header http.Header, body string) string {
	header = header.Clone()
	header.Del("Date")
	var lines []string
	for name, values := range header {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(lines)
	return variable.ReplaceAllString(fmt.Sprintf("%d\n%s\n\n%s", status, strings.Join(lines, "\n"), body), "*")
}

// TestEightClassesAnswerAlike walks all public steps for each class, on both
// surfaces, and compares every byte, header and cookie.
func TestEightClassesAnswerAlike(t *testing.T) {
	s := start(t, options{limits: roomy("starts_per_person") + "[limits.starts_per_person]\nrates = [\"1/1h\"]\n"})
	// overlimit uses up its one recovery; its mail shows that it was looked up.
	// The others begin theirs below, once on each surface, so they get one more
	// by another address only if nothing betrays the limit: nothing does.
	used := s.caller()
	used.start("overlimit")
	used.open()
	s.code("overlimit", 0)

	locked := map[string][]string{}
	for _, uid := range []string{"adminlocked", "disabled"} {
		locked[uid] = s.lockAttributes(uid)
	}
	walks := map[string][]string{}
	for _, class := range classes {
		walks[class] = append(s.walkAPI(class), s.walkPages(class)...)
	}
	for _, class := range classes[1:] {
		for step, want := range walks["alice"] {
			if got := walks[class][step]; got != want {
				t.Errorf("step %d tells %s from alice:\n%s\n--- alice:\n%s", step, class, got, want)
			}
		}
	}
	if s.mailTo("alice") == 0 {
		s.code("alice", 0)
	}
	s.delivered()
	for _, class := range classes[1:] {
		for _, m := range s.mail.Messages() {
			if m.To[0] == class+"@home.test" && codeInMail.MatchString(m.Text) && class != "overlimit" {
				t.Errorf("a code for %s:\n%s", class, m.Text)
			}
		}
	}
	// Who exists and may not reset is told so, and only they read it.
	for class, told := range map[string]bool{"missing": false, "disabled": true, "adminlocked": true, "protected": true, "notenabled": true, "nocontacts": false} {
		if n := s.mailTo(class); (n > 0) != told {
			t.Errorf("%d mails for %s", n, class)
		}
	}
	if n := s.mailTo("overlimit"); n != 1 {
		t.Errorf("%d mails for overlimit, want the one from before", n)
	}
	for uid, before := range locked {
		if after := s.lockAttributes(uid); !slices.Equal(after, before) || len(after) == 0 {
			t.Errorf("the lock of %s was %v and is %v", uid, before, after)
		}
	}
}

// lockAttributes are what keeps an account out.
func (s *stack) lockAttributes(uid string) []string {
	s.t.Helper()
	var all []string
	for _, name := range []string{"pwdAccountLockedTime", "shadowExpire"} {
		values, err := s.slapd.Attribute(s.t.Context(), testenv.PersonDN(uid), name)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, values...)
	}
	return all
}

// walkAPI makes every call that needs no proof.
func (s *stack) walkAPI(login string) []string {
	c := s.caller()
	var steps []string
	note := func(r reply) { steps = append(steps, fingerprint(r.status, r.header, string(r.body))) }
	note(c.start(login))
	note(c.view())
	note(c.open())
	s.delivered()
	note(c.view())
	note(c.open())
	note(c.do(http.MethodGet, "/recoveries/"+c.id+"/password-policy", nil))
	note(c.set(newPassword))
	note(c.do(http.MethodPost, "/recoveries/"+c.id+"/challenges", fields{"method": "sms"}))
	for range 5 {
		note(c.prove("00000000"))
	}
	note(c.view())
	note(c.prove("00000000"))
	note(c.open())
	note(c.do(http.MethodDelete, "/recoveries/"+c.id, nil))
	return steps
}

// walkPages does the same in a browser.
func (s *stack) walkPages(login string) []string {
	b := s.browser()
	var steps []string
	note := func() {
		steps = append(steps, b.at.Path+" "+fingerprint(b.status, b.header, strings.ReplaceAll(b.body, login, "LOGIN")))
	}
	b.visit("/").submit("/", fields{"login": login})
	note()
	b.submit("/verify/send", nil)
	note()
	s.delivered()
	b.visit("/verify")
	note()
	b.visit("/password")
	note()
	for range 5 {
		b.post("/verify/code", map[string][]string{"method": {"email"}, "code": {"00000000"}})
		note()
	}
	b.visit("/verify")
	note()
	return steps
}

// delivered waits until the delivery queue is empty, so that every walk meets
// the recovery after its look-up.
func (s *stack) delivered() {
	s.t.Helper()
	eventually(s.t, "the delivery queue is empty", func() bool {
		n, err := s.redis.Admin(s.t.Context(), "XLEN", "latchkey:{hot}:delivery")
		return err == nil && strings.TrimSpace(n) == "0"
	})
}

// eventually waits for a condition that only asking can tell.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-late:
			t.Fatalf("it never became true that %s", what)
		case <-tick.C:
		}
	}
}
