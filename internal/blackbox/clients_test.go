package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// acts is what the tests of real clients do on each kind of directory. Everyone
// has one part, so that no act depends on another.
type acts struct {
	*stack
	sms *testenv.SMSGateway
	// rules are what the API shows of the directory's own rules, before typing.
	rules map[string]any
	// refusals are passwords and the reason of each.
	refusals map[string]string
	// resetHolds and changeHolds are the reasons for an earlier password; none
	// where a reset may bring one back.
	resetHolds, changeHolds string
	// never are people who are not reset.
	never []string
	// attribute and bind are of the directory itself; stamp is the attribute that
	// changes with a password.
	attribute func(ctx context.Context, dn, name string) ([]string, error)
	bind      func(ctx context.Context, dn, password string) error
	dn        func(login string) string
	stamp     string
}

// read returns an attribute of a person.
func (a *acts) read(login, attribute string) string {
	a.t.Helper()
	values, err := a.attribute(a.t.Context(), a.dn(login), attribute)
	if err != nil {
		a.t.Fatal(err)
	}
	return strings.Join(values, " ")
}

// locks gives wrong passwords to the directory until it takes none.
func (a *acts) locks(login string) {
	a.t.Helper()
	for range 3 {
		_ = a.bind(a.t.Context(), a.dn(login), wrongPassword)
	}
	if err := a.bind(a.t.Context(), a.dn(login), testenv.FirstPassword); err == nil {
		a.t.Fatalf("%s is not locked", login)
	}
}

const wrongPassword = "not-Theirs-0"

// run does all that is the same everywhere.
func (a *acts) run(t *testing.T) {
	t.Run("reset by the API", a.on(a.resetByAPI))
	t.Run("reset by the pages, with two gates", a.on(a.resetByPages))
	t.Run("unlock", a.on(a.unlocks))
	t.Run("change of a known password", a.on(a.changes))
	t.Run("who is never reset", a.on(a.refusesAll))
}

// on has an act fail its own test.
func (a *acts) on(act func()) func(*testing.T) {
	return func(t *testing.T) {
		whole := a.t
		a.t = t
		defer func() { a.t = whole }()
		act()
	}
}

// resetByAPI: the rules are shown first, each refusal has its reason and changes
// nothing, and after the write all are told.
func (a *acts) resetByAPI() {
	c := a.caller().verified("alice")
	shown := a.wantRules(c)
	for password, reason := range a.refusals {
		if r := c.want(http.StatusUnprocessableEntity, c.set(password)); reasons(r) != reason {
			a.t.Errorf("%s: %s, want %s", password, r.body, reason)
		}
	}
	a.signsIn("alice", testenv.FirstPassword, newPassword)
	if r := c.want(http.StatusOK, c.set(newPassword)); r.json["state"] != "done" {
		a.t.Errorf("set: %s", r.body)
	}
	a.signsIn("alice", newPassword, testenv.FirstPassword)
	a.told("alice", "A new password was set for your account", c.id[:8])
	a.audited(c.id, "write_intended", 1+a.judged(), "write_ended", 1+a.judged())

	c.verified("alice")
	if a.resetHolds == "" {
		c.want(http.StatusOK, c.set(testenv.FirstPassword))
		a.signsIn("alice", testenv.FirstPassword, newPassword)
		return
	}
	if shown["history"] == 0.0 {
		a.t.Errorf("the history is not told: %v", shown)
	}
	if r := c.want(http.StatusUnprocessableEntity, c.set(testenv.FirstPassword)); reasons(r) != a.resetHolds {
		a.t.Errorf("an earlier password: %s", r.body)
	}
	a.signsIn("alice", newPassword, testenv.FirstPassword)
}

// wantRules looks at the rules that a caller is shown.
func (a *acts) wantRules(c *caller) map[string]any {
	a.t.Helper()
	shown := c.want(http.StatusOK, c.policy()).json
	for name, want := range a.rules {
		if shown[name] != want {
			a.t.Errorf("%s is shown as %v, want %v", name, shown[name], want)
		}
	}
	return shown
}

// judged counts the refusals that are the directory's, and not ours.
func (a *acts) judged() int {
	n := 0
	for password := range a.refusals {
		if len(password) >= 8 { // min_length
			n++
		}
	}
	return n
}

// told waits for the notices, which come once to each address.
func (a *acts) told(login, says, reference string) {
	a.t.Helper()
	for _, to := range []string{login + "@home.test", login + "@" + a.home.mailDomain} {
		m := a.mailWith(to, says)
		for _, want := range []string{"Reference number: " + reference, "/not-me/", "Account: " + login} {
			if !strings.Contains(m.Text, want) {
				a.t.Errorf("the notice to %s does not say %q:\n%s", to, want, m.Text)
			}
		}
	}
}

// audited counts the events of a recovery.
func (a *acts) audited(recovery string, want ...any) {
	a.t.Helper()
	story := a.stack.run("audit", "search", "--recovery", recovery, "--json")
	for pair := range slices.Chunk(want, 2) {
		if n := strings.Count(story, fmt.Sprintf("%q", pair[0])); n != pair[1] {
			a.t.Errorf("the audit has %d %s, want %d:\n%s", n, pair[0], pair[1], story)
		}
	}
}

// resetByPages: bob is an administrator, who needs mail and telephone.
func (a *acts) resetByPages() {
	b := a.browser().toCode("bob")
	b.submit("/verify/code", fields{"code": a.code("bob", 0)}).on("/verify", http.StatusOK)
	b.visit("/password").on("/verify", http.StatusOK)
	b.submit("/verify/send", nil).on("/verify", http.StatusOK)
	b.submit("/verify/code", fields{"code": a.smsCode(a.sms, 0)}).on("/password", http.StatusOK, fmt.Sprintf("at least %v characters", a.rules["min_length"]))
	b.setPassword("nine-Char").on("/password", http.StatusOK, "too short").calm()
	a.signsIn("bob", testenv.FirstPassword, newPassword)
	b.setPassword(newPassword).on("/done", http.StatusOK, "Your new password is set")
	a.signsIn("bob", newPassword, testenv.FirstPassword)
	eventually(a.t, "both contacts and the mailbox are told", func() bool {
		return a.notices("bob@home.test") == 1 && a.notices("bob@"+a.home.mailDomain) == 1 && len(a.sms.Requests()) == 2
	})
}

// unlocks: by the pages, with the password from before; and by a new password.
func (a *acts) unlocks() {
	a.stack.run("contacts", "set", "--at-once", "nocontacts", "--email=nocontacts@home.test")
	a.locks("nocontacts")
	b := a.browser().toPassword("nocontacts").on("/password", http.StatusOK, "Your account is locked")
	b.submit("/unlock", nil).on("/done", http.StatusOK, "Your account is unlocked", "It was not changed")
	a.signsIn("nocontacts", testenv.FirstPassword, wrongPassword)
	for _, to := range []string{"nocontacts@home.test", "nocontacts@" + a.home.mailDomain} {
		a.mailWith(to, "was unlocked here")
	}
	a.locks("nocontacts")
	c := a.caller().verified("nocontacts")
	if r := c.want(http.StatusOK, c.policy()); r.json["locked"] != true {
		a.t.Errorf("the rules are %s", r.body)
	}
	c.want(http.StatusOK, c.set(newPassword))
	a.signsIn("nocontacts", newPassword, testenv.FirstPassword)
}

// changes: overlimit knows the password. Nothing is done with a wrong one.
func (a *acts) changes() {
	const login = "overlimit"
	c := a.caller()
	if r := c.change(login, wrongPassword, newPassword); !isWrong(r) {
		a.t.Errorf("with a wrong password: %d %s", r.status, r.body)
	}
	if r := c.change(login, testenv.FirstPassword, "nine-Char"); reasons(r) != "too_short" {
		a.t.Errorf("too short: %d %s", r.status, r.body)
	}
	a.signsIn(login, testenv.FirstPassword, newPassword)
	c.want(http.StatusOK, c.change(login, testenv.FirstPassword, newPassword))
	a.signsIn(login, newPassword, testenv.FirstPassword)
	if r := c.change(login, newPassword, testenv.FirstPassword); r.status != http.StatusUnprocessableEntity || reasons(r) != a.changeHolds {
		a.t.Errorf("back again: %d %s", r.status, r.body)
	}
	a.signsIn(login, newPassword, testenv.FirstPassword)
	for _, to := range []string{login + "@home.test", login + "@" + a.home.mailDomain} {
		a.mailWith(to, "changed here by somebody who knew the old one")
	}
}

// refusesAll: they get no code, so that nothing can be written.
func (a *acts) refusesAll() {
	before := map[string]string{}
	for _, login := range a.never {
		before[login] = a.read(login, a.stamp)
	}
	for _, login := range a.never {
		c := a.caller()
		c.start(login)
		c.want(http.StatusAccepted, c.open())
		a.delivered()
		if a.codesTo(login) != 0 {
			a.t.Errorf("%s got a code", login)
		}
		c.want(http.StatusUnprocessableEntity, c.prove("00000000"))
		c.want(http.StatusConflict, c.unlock())
		c.want(http.StatusConflict, c.set(newPassword))
		if err := a.bind(a.t.Context(), a.dn(login), newPassword); err == nil {
			a.t.Errorf("%s can sign in with the new password", login)
		}
		if stamp := a.read(login, a.stamp); stamp != before[login] {
			a.t.Errorf("the password of %s was set at %q, and before at %q", login, stamp, before[login])
		}
	}
}

// TestRealClients_OpenLDAP: what is written here counts for software that people
// sign in to.
func TestRealClients_OpenLDAP(t *testing.T) {
	s, gateway := withSMS(t, options{limits: roomy(), slapd: unlocking})
	s.home.web(t)
	a := &acts{
		stack: s, sms: gateway,
		rules:      map[string]any{"min_length": 10.0, "history": 3.0, "locked": false},
		refusals:   map[string]string{"short": "too_short", "nine-Char": "too_short"},
		resetHolds: "in_history", changeHolds: "in_history",
		never:     []string{"protected", "notenabled", "disabled", "adminlocked"},
		attribute: s.slapd.Attribute, dn: testenv.PersonDN, stamp: "pwdChangedTime", bind: s.slapd.Bind,
	}
	a.run(t)
}
