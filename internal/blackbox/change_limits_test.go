package blackbox

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS44_ChangesLockNobodyOut: strangers use up the tries of a login before the
// directory locks the account, the same for a login that nobody has; its owner
// still signs in, and still resets.
func TestS44_ChangesLockNobodyOut(t *testing.T) {
	s := start(t, options{limits: roomy("changes_per_login") + "[limits.changes_per_login]\nrates = [\"2/30m\"]\n"})
	for _, login := range []string{"alice", "missing"} {
		for n := range 8 {
			c := s.caller()
			c.address = fmt.Sprintf("203.0.113.%d", n+1)
			r := c.change(login, "not-Theirs-0", newPassword)
			if n < 2 && !isWrong(r) || n >= 2 && (r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "") {
				t.Errorf("try %d for %s: %d %s", n+1, login, r.status, r.body)
			}
		}
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	c := s.caller().verified("alice")
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestS42_NeighborsShareTheirChanges: one network, of which IPv6 gives everyone as
// many addresses as they like, does not use up what everyone has together.
func TestS42_NeighborsShareTheirChanges(t *testing.T) {
	s := start(t, options{limits: roomy("changes_per_network", "changes") + "[limits.changes_per_network]\nrates = [\"3/1h\"]\n[limits.changes]\nrates = [\"5/1h\"]\n"})
	for n := range 6 {
		c := s.caller()
		c.address = fmt.Sprintf("2001:db8:1:%d::1", n)
		if r := c.change(fmt.Sprintf("user-%d", n), "not-Theirs-0", newPassword); n < 3 && !isWrong(r) || n >= 3 && r.status != http.StatusTooManyRequests {
			t.Errorf("try %d: %d %s", n, r.status, r.body)
		}
	}
	c := s.caller()
	c.address = "2001:db8:2:1::1"
	c.want(http.StatusOK, c.change("alice", testenv.FirstPassword, newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestS42_NamesOfOnePersonShareTheirChanges: whoever tries all names of a person
// has no more tries than with one, and learns nothing from where they end.
func TestS42_NamesOfOnePersonShareTheirChanges(t *testing.T) {
	const two = "rates = [\"2/30m\"]\n"
	s := start(t, options{limits: roomy("changes_per_login", "changes_per_person") + "[limits.changes_per_login]\n" + two + "[limits.changes_per_person]\n" + two})
	s.otherwise("[[directory]]\n", findsByMail)
	want, n := "", 0
	for _, login := range []string{"alice", "alice@example.test", "missing", "missing@example.test"} {
		for range 2 {
			c := s.caller()
			c.address = fmt.Sprintf("203.0.113.%d", n)
			n++
			r := c.change(login, "not-Theirs-0", newPassword)
			got := fingerprint(r.status, r.header, string(r.body))
			if want == "" {
				want = got
			}
			if got != want || !isWrong(r) {
				t.Errorf("%s:\n%s\n--- at first:\n%s", login, got, want)
			}
		}
	}
	if tries, err := s.slapd.Attribute(t.Context(), testenv.PersonDN("alice"), "pwdFailureTime"); err != nil || len(tries) != 2 {
		t.Errorf("the directory counts %d wrong passwords, want 2: %v", len(tries), err)
	}
	// The desk sees it and gives it back.
	if out := s.run("limits", "show", "alice"); !regexp.MustCompile(`(?m)^changes_per_person +2 of 2 +30m0s +reached$`).MatchString(out) {
		t.Errorf("used: %s", out)
	}
	s.run("limits", "clear", "alice")
	if out := s.run("limits", "show", "alice"); strings.Contains(out, "changes_per_person") {
		t.Errorf("cleared, and still used: %s", out)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}

// TestTheRightPasswordGivesTheTriesBack, so that refused new ones lock nobody out.
func TestTheRightPasswordGivesTheTriesBack(t *testing.T) {
	s := start(t, options{limits: roomy("changes_per_login") + "[limits.changes_per_login]\nrates = [\"2/30m\"]\n"})
	c := s.caller()
	for range 4 {
		if r := c.change("alice", testenv.FirstPassword, testenv.FirstPassword); r.status != http.StatusUnprocessableEntity || isWrong(r) {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	c.want(http.StatusOK, c.change("alice", testenv.FirstPassword, newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestOneChangeAtATime: of changes that arrive together, each with the right
// password, one is made, and its holder is told once. Where the password has
// expired, the directory does not compare it once more at the write.
func TestOneChangeAtATime(t *testing.T) {
	for name, policy := range map[string]string{"in force": "", "expired": "pwdMaxAge: 3600\npwdGraceAuthNLimit: 0\n"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{limits: roomy(), slapd: testenv.SlapdOptions{DefaultPolicy: policy}})
			s.neverLocks()
			password := func(i int) string { return fmt.Sprintf("%s-%d", newPassword, i) }
			replies := s.caller().volley(8, http.MethodPost, "/password-changes", func(i int) any {
				return fields{"login": "alice", "current_password": testenv.FirstPassword, "new_password": password(i)}
			})
			done := 0
			for _, r := range replies {
				switch {
				case r.status == http.StatusOK:
					done++
				case !isWrong(r) && r.status != http.StatusServiceUnavailable:
					t.Errorf("%d %s", r.status, r.body)
				}
			}
			if done != 1 {
				t.Errorf("%d of %d changes were made", done, len(replies))
			}
			in := 0
			for i := range 8 {
				if s.slapd.Bind(t.Context(), testenv.PersonDN("alice"), password(i)) == nil {
					in++
				}
			}
			if in != 1 {
				t.Errorf("%d of the new passwords let alice in", in)
			}
			s.delivered()
			if n := s.notices("alice@home.test"); n != 1 {
				t.Errorf("%d notices of one change", n)
			}
			s.run("audit", "verify")
		})
	}
}
