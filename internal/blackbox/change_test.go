package blackbox

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

func (c *caller) change(login, current, password string) reply {
	c.s.t.Helper()
	return c.do(http.MethodPost, "/password-changes", fields{"login": login, "current_password": current, "new_password": password})
}

func isWrong(r reply) bool {
	return r.status == http.StatusUnprocessableEntity && r.json["type"] == "urn:latchkey:problem:wrong_credentials"
}

// TestChangeAKnownPassword on the real directory: nothing with a wrong one, its
// refusals for who has the right one, and everyone is told of what was done.
func TestChangeAKnownPassword(t *testing.T) {
	const third = "orange-Giraffes-43"
	s := start(t, options{limits: roomy(), observed: true})
	open := s.caller().verified("alice")
	c := s.caller()
	if r := c.change("alice", "not-Theirs-0", newPassword); !isWrong(r) {
		t.Errorf("with a wrong password: %d %s", r.status, r.body)
	}
	for password, reason := range map[string]string{"short": "too_short", "nine-char": "too_short", "alice-and-42-Elephants": "contains_login", testenv.FirstPassword: "unchanged"} {
		if r := c.change("alice", testenv.FirstPassword, password); r.status != http.StatusUnprocessableEntity || !strings.Contains(reasons(r), reason) {
			t.Errorf("%s: %d %s", password, r.status, r.body)
		}
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	if r := c.want(http.StatusOK, c.change(" Alice", testenv.FirstPassword, newPassword)); r.json["status"] != "done" {
		t.Errorf("answered %s", r.body)
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	open.want(http.StatusGone, open.set(third))
	s.signsIn("alice", newPassword, third)
	if r := c.change("alice", newPassword, testenv.FirstPassword); r.status != http.StatusUnprocessableEntity || reasons(r) != "in_history" {
		t.Errorf("back again: %d %s", r.status, r.body)
	}
	if r := c.change("young", testenv.FirstPassword, newPassword); r.status != http.StatusUnprocessableEntity || reasons(r) != "too_young" {
		t.Errorf("too young: %d %s", r.status, r.body)
	}
	for _, uid := range []string{"protected", "notenabled"} { // who may not reset
		c.want(http.StatusOK, c.change(uid, testenv.FirstPassword, newPassword))
		s.signsIn(uid, newPassword, testenv.FirstPassword)
	}
	for _, to := range []string{"alice@home.test", "alice@example.test", "protected@home.test"} {
		m := s.mailWith(to, "changed here by somebody who knew the old one")
		for _, want := range []string{"Reference number: ", "/not-me/", "198.51.100.0/24"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("the notice to %s does not say %q:\n%s", to, want, m.Text)
			}
		}
	}
	story := s.run("audit", "search", "--login", "alice", "--json")
	for kind, n := range map[string]int{"change_refused": 1, "change_intended": 4, "change_ended": 4} {
		if got := strings.Count(story, `"`+kind+`"`); got != n {
			t.Errorf("the audit has %d %s, want %d:\n%s", got, kind, n, story)
		}
	}
	_, metrics := s.ask("/metrics")
	for _, line := range []string{`latchkey_changes_total{outcome="done"} 3`, `latchkey_changes_total{outcome="wrong"} 1`, `latchkey_changes_total{outcome="refused"} 4`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
}

// TestChangeOfOneThatMustBeChanged, or has expired: through the page.
func TestChangeOfOneThatMustBeChanged(t *testing.T) {
	s := start(t, options{limits: roomy(), slapd: testenv.SlapdOptions{DefaultPolicy: "pwdMustChange: TRUE\n"}})
	if err := s.slapd.Modify(t.Context(), "dn: "+testenv.PersonDN("alice")+"\nchangetype: modify\nreplace: pwdReset\npwdReset: TRUE\n"); err != nil {
		t.Fatal(err)
	}
	s.changesByThePage("alice")
	if flag, err := s.slapd.Attribute(t.Context(), testenv.PersonDN("alice"), "pwdReset"); err != nil || len(flag) > 0 {
		t.Errorf("must be changed still: %q, %v", flag, err)
	}
}

func TestChangeOfAnExpiredOne(t *testing.T) {
	s := start(t, options{limits: roomy(), slapd: testenv.SlapdOptions{DefaultPolicy: "pwdMaxAge: 3600\npwdGraceAuthNLimit: 0\n"}})
	if err := s.slapd.Bind(t.Context(), testenv.PersonDN("alice"), testenv.FirstPassword); err == nil {
		t.Fatal("the password has not expired")
	}
	s.changesByThePage("alice")
}

// changesByThePage makes the mistakes that people make, and then changes.
func (s *stack) changesByThePage(uid string) {
	s.t.Helper()
	b := s.browser().visit("/").on("/", http.StatusOK, "I know my password and want to change it")
	b.visit("/change").on("/change", http.StatusOK, "at least 8 characters", "further rules")
	fill := func(current, password, again string) *browser {
		return b.submit("/change", fields{"login": uid, "current": current, "password": password, "again": again})
	}
	fill("not-Theirs-0", newPassword, newPassword).on("/change", http.StatusOK, "The user name or the current password is not right").calm()
	fill(testenv.FirstPassword, newPassword, "other").on("/change", http.StatusOK, "are not the same").calm()
	fill(testenv.FirstPassword, "nine-char", "nine-char").on("/change", http.StatusOK, "too short").calm()
	b.visit("/change/done").on("/change", http.StatusOK)
	fill(testenv.FirstPassword, newPassword, newPassword).on("/change/done", http.StatusOK, "Your new password is set")
	b.visit("/change/done").on("/change/done", http.StatusOK, "Your new password is set")
	s.signsIn(uid, newPassword, testenv.FirstPassword)
}

// TestS38_ChangesAreRefusedAlike: with the right password too, where the account
// is not one that can be changed.
func TestS38_ChangesAreRefusedAlike(t *testing.T) {
	s := start(t, options{limits: roomy()})
	s.lockOut("bob")
	c := s.caller()
	want := ""
	for _, test := range []struct{ login, password string }{
		{"alice", "not-Theirs-0"},
		{"missing", testenv.FirstPassword},
		{"disabled", testenv.FirstPassword},
		{"adminlocked", testenv.FirstPassword},
		{"bob", testenv.FirstPassword},
		{"alice", ""},
		{"*", testenv.FirstPassword},
		{"latchkey", s.slapd.ServicePassword},
	} {
		r := c.change(test.login, test.password, newPassword)
		got := fingerprint(r.status, r.header, string(r.body))
		if want == "" {
			want = got
		}
		if got != want || !isWrong(r) {
			t.Errorf("%s:\n%s\n--- alice:\n%s", test.login, got, want)
		}
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	if err := s.slapd.Bind(t.Context(), s.slapd.ServiceDN, s.slapd.ServicePassword); err != nil {
		t.Errorf("the service account: %v", err)
	}
}

// neverLocks has the directory lock nobody, whatever is tried.
func (s *stack) neverLocks() {
	s.t.Helper()
	if err := s.slapd.Modify(s.t.Context(), "dn: "+testenv.DefaultPolicyDN+"\nchangetype: modify\nreplace: pwdLockout\npwdLockout: FALSE\n"); err != nil {
		s.t.Fatal(err)
	}
}

// TestS39_ChangesTakeTheSameTime, whether or not a password was compared. Nobody
// is locked meanwhile, so that one is compared each time.
func TestS39_ChangesTakeTheSameTime(t *testing.T) {
	s := start(t, options{timed: true, limits: roomy()})
	s.neverLocks()
	logins := []string{"alice", "bob", "missing", "disabled", "adminlocked"}
	all := times{}
	for range rounds(60) { // all at once, because each is kept waiting for a second
		answers, took, failures := make([]reply, len(logins)), make([]time.Duration, len(logins)), make([]error, len(logins))
		var asking sync.WaitGroup
		for _, i := range rand.Perm(len(logins)) {
			asking.Go(func() {
				begun := time.Now()
				body := fields{"login": logins[i], "current_password": "not-Theirs-0", "new_password": newPassword}
				answers[i], failures[i] = s.caller().try(http.MethodPost, "/password-changes", body)
				took[i] = time.Since(begun)
			})
		}
		asking.Wait()
		for i, login := range logins {
			if failures[i] != nil || !isWrong(answers[i]) {
				t.Fatalf("%d %s, %v", answers[i].status, answers[i].body, failures[i])
			}
			all.add("change", login, took[i])
		}
	}
	all.compared(t, logins)
}

// TestF03_LostReplyToAChange: the directory changed the password and its answer
// is lost. It is never written twice, and the person is told the truth.
func TestF03_LostReplyToAChange(t *testing.T) {
	for name, action := range map[string]testenv.LDAPAction{"swallowed": {Swallow: true}, "cut off": {Drop: true}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{limits: roomy(), proxied: true})
			sent := s.onWrite(func(int32) testenv.LDAPAction { return action })
			r := s.caller().change("alice", testenv.FirstPassword, newPassword)
			told := map[int]string{http.StatusOK: "done", http.StatusAccepted: "unknown"}[r.status]
			if told == "" || r.json["status"] != told {
				t.Fatalf("%d %s", r.status, r.body)
			}
			s.mailWith("alice@home.test", "changed here by somebody who knew the old one")
			if sent.Load() != 1 {
				t.Errorf("%d Password Modify requests, want 1", sent.Load())
			}
			s.signsIn("alice", newPassword, testenv.FirstPassword)
		})
	}
}

// TestF18_KilledInAChange: the process dies before the write or after it. Who was
// not told is told by the next process, and only of what was done.
func TestF18_KilledInAChange(t *testing.T) {
	for place, written := range map[string]bool{"change intended": false, "change written": true} {
		t.Run(place, func(t *testing.T) {
			s := start(t, options{crash: place, limits: roomy(), recovery: "settle_for = \"1s\"\n"})
			body := fields{"login": "alice", "current_password": testenv.FirstPassword, "new_password": newPassword}
			if r, err := s.caller().try(http.MethodPost, "/password-changes", body); err == nil {
				t.Fatalf("the process lives and answers %d", r.status)
			}
			s.kill()
			s.serve()
			if !written {
				s.signsIn("alice", testenv.FirstPassword, newPassword)
				eventually(t, "the password can be changed", func() bool {
					return s.caller().change("alice", testenv.FirstPassword, newPassword).status == http.StatusOK
				})
			}
			s.signsIn("alice", newPassword, testenv.FirstPassword)
			s.mailWith("alice@example.test", "changed here by somebody who knew the old one")
			s.delivered()
			if n := s.notices("alice@home.test"); n != 1 {
				t.Errorf("%d notices of one change", n)
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			s.run("audit", "verify")
		})
	}
}

// TestFrozenChanges: while everything is stopped nobody changes a password here.
func TestFrozenChanges(t *testing.T) {
	s := start(t, options{limits: roomy()})
	s.run("freeze", "--reason", "a test")
	for _, login := range []string{"alice", "missing"} {
		eventually(t, "changes are stopped for "+login, func() bool {
			return s.caller().change(login, "not-Theirs-0", newPassword).status == http.StatusServiceUnavailable
		})
	}
	s.caller().want(http.StatusServiceUnavailable, s.caller().change("alice", testenv.FirstPassword, newPassword))
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}
