package blackbox

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// classes are the kinds of account that must answer alike. bob has used up his
// guesses of the day, overlimit the recoveries.
var classes = []string{"alice", "missing", "disabled", "adminlocked", "protected", "notenabled", "nocontacts", "overlimit", "bob"}

// variable is what may differ between two answers: ids, tokens, times, and the
// reference numbers of requests for help. How long a code is good still is told in
// whole minutes, of which some may end between the pages of two walks.
var variable = regexp.MustCompile(`[A-Za-z0-9_-]{48}|[A-Z2-7]{26}|[A-Z2-7]{16}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|-reference=\w{8}|"reference">[A-Z2-9]{4} [A-Z2-9]{4}|\b(?:8|9|10) more minutes`)

// fingerprint is an answer without what may differ.
func fingerprint(status int, header http.Header, body string) string {
	header = header.Clone()
	header.Del("Date")
	// Of a body with other minutes it is another, of which the body itself tells.
	if header.Get("Content-Length") == strconv.Itoa(len(body)) {
		header.Del("Content-Length")
	}
	var lines []string
	for name, values := range header {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(lines)
	return variable.ReplaceAllString(fmt.Sprintf("%d\n%s\n\n%s", status, strings.Join(lines, "\n"), body), "*")
}

// TestS38_ClassesAnswerAlike walks every path of the API and every page for each
// class, and compares every byte, header, cookie and redirect.
func TestS38_ClassesAnswerAlike(t *testing.T) {
	const mayStart = 20
	s := start(t, options{timed: true, limits: supported + roomy("starts_per_person") + fmt.Sprintf("[limits.starts_per_person]\nrates = [\"%d/24h\"]\n[limits.support_per_address]\nrates = [\"1000/1m\"]\n", mayStart)})
	s.useUp(mayStart)
	mailed, locked := s.mailTo("overlimit"), map[string][]string{}
	for _, uid := range []string{"adminlocked", "disabled"} {
		locked[uid] = s.lockAttributes(uid)
	}
	walks := map[string]*walk{}
	for _, class := range classes {
		w := &walk{s: s, login: class, walked: map[string]bool{}}
		w.api()
		w.pages()
		walks[class] = w
	}
	walks["alice"].complete(t)
	if n := walks["alice"].starts; n > mayStart {
		t.Fatalf("a walk begins %d recoveries, so that alice too is over her limit of %d", n, mayStart)
	}
	for _, class := range classes[1:] {
		for step, want := range walks["alice"].steps {
			if got := walks[class].steps[step]; got != want {
				t.Errorf("step %d tells %s from alice:\n%s\n--- alice:\n%s", step, class, got, want)
			}
		}
	}
	s.code("alice", 0)
	s.delivered()
	for _, m := range s.mail.Messages() {
		for _, class := range []string{"missing", "disabled", "adminlocked", "protected", "notenabled", "nocontacts"} {
			if bringsCode(m, class) {
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
	if n := s.mailTo("overlimit"); n != mailed {
		t.Errorf("%d mails for overlimit, want the %d from before", n, mailed)
	}
	for uid, before := range locked {
		if after := s.lockAttributes(uid); !slices.Equal(after, before) || len(after) == 0 {
			t.Errorf("the lock of %s was %v and is %v", uid, before, after)
		}
	}
}

// useUp spends the recoveries of overlimit, and the guesses that bob has in a day.
func (s *stack) useUp(starts int) {
	s.t.Helper()
	for n := range starts {
		c := s.caller()
		c.start("overlimit")
		c.want(http.StatusAccepted, c.open())
		s.code("overlimit", n)
	}
	for n := range 2 {
		c := s.caller()
		c.start("bob")
		c.want(http.StatusAccepted, c.open())
		s.code("bob", n)
		for range 5 {
			c.prove("00000000")
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

// delivered waits until the delivery queue is empty and nothing is put off, so that
// every walk meets the recovery after its look-up.
func (s *stack) delivered() {
	s.t.Helper()
	eventually(s.t, "the delivery queue is empty", func() bool {
		const both = "return redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2])"
		n, err := s.redis.Admin(s.t.Context(), "EVAL", both, "2", "latchkey:{hot}:delivery", "latchkey:{hot}:delivery:later")
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
