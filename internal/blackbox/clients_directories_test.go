package blackbox

import (
	"net/http"
	"testing"

	"latchkey/internal/testenv"
)

// TestRealClients_389 is TestRealClients_OpenLDAP on 389 Directory Server.
func TestRealClients_389(t *testing.T) {
	t.Parallel()
	d := testenv.Start389(t, testenv.DS389Options{LDIF: "dn: " + adminsDN + "\nobjectClass: groupOfNames\ncn: admins\nmember: " + testenv.PersonDN("bob") + "\n"})
	h := home389(d)
	h.web(t)
	s, gateway := withSMS(t, options{limits: roomy(), home: h})
	a := &acts{
		stack: s, sms: gateway,
		rules:      map[string]any{"min_length": 10.0, "history": 3.0, "locked": false},
		refusals:   map[string]string{"short": "too_short", "nine-Char": "too_short"},
		resetHolds: "in_history", changeHolds: "in_history",
		never:     []string{"protected", "notenabled", "disabled", "adminlocked"},
		attribute: d.Attribute, dn: testenv.PersonDN, stamp: "pwdUpdateTime", bind: d.Bind,
	}
	a.run(t)
	t.Run("must change", func(t *testing.T) {
		if err := d.Configure(t.Context(), "passwordMustChange", "on"); err != nil {
			t.Fatal(err)
		}
		m := *a
		m.stack = start(t, options{limits: roomy(), home: h.with("must_change = true\n")})
		m.mustChange("alice", newPassword, func() bool { return m.read("alice", "pwdReset") == "TRUE" })
	})
}

// TestRealClients_ActiveDirectory is the same on a domain, where people also
// sign in by Kerberos and to shares, and have more than one name.
func TestRealClients_ActiveDirectory(t *testing.T) {
	t.Parallel()
	d := testenv.StartSamba(t, testenv.SambaOptions{LDIF: domainGroups, Kerberos: true, SMB: true})
	h := homeSamba(t, d)
	h.clients = append(h.clients, client{"kinit", d.Kinit}, client{"smbclient", d.OpenShare})
	s, gateway := withSMS(t, options{limits: roomy(), home: h})
	a := &acts{
		stack: s, sms: gateway,
		rules:       map[string]any{"min_length": 10.0, "classes": 3.0, "no_names": true, "locked": false},
		refusals:    map[string]string{"short": "too_short", "nine-Char": "too_short", "all-in-small-letters": "not_complex"},
		changeHolds: "in_history",
		never:       []string{"domainadmin", "nestedadmin", "kept", "notenabled", "disabled", "expired"},
		attribute:   d.Attribute, dn: testenv.SambaPersonDN, stamp: "pwdLastSet", bind: d.Bind,
	}
	a.run(t)
	t.Run("forms of a login", a.on(a.forms))
	t.Run("must change", func(t *testing.T) {
		m := *a
		m.stack = start(t, options{limits: roomy(), home: h.with("must_change = true\n")})
		m.rules = map[string]any{"min_length": 10.0, "quality_checked": true} // of the domain, and that there are more
		m.refusals = map[string]string{"Fifteen-chars-1": "too_short"}
		m.mustChange("carol", newPassword, func() bool { return m.read("carol", "pwdLastSet") == "0" })
	})
}

// with is the same directory with further settings.
func (h *home) with(settings string) *home {
	further := *h
	further.settings += settings
	return &further
}

// mustChange resets a person, who then has to choose a password of their own.
func (a *acts) mustChange(login, before string, must func() bool) {
	const given, chosen = "green-Crocodiles-1", "yellow-Kangaroos-2"
	c := a.caller().verified(login)
	a.wantRules(c)
	for password, reason := range a.refusals {
		if r := c.want(http.StatusUnprocessableEntity, c.set(password)); reasons(r) != reason {
			a.t.Errorf("%s: %s, want %s", password, r.body, reason)
		}
	}
	a.signsIn(login, before, given)
	c.want(http.StatusOK, c.set(given))
	if !must() {
		a.t.Errorf("%s may keep the password", login)
	}
	c.want(http.StatusOK, c.change(login, given, chosen))
	if must() {
		a.t.Errorf("%s must still change the password", login)
	}
	a.signsIn(login, chosen, given)
}

// forms of one login are one person, whose password a reset by any of them sets.
func (a *acts) forms() {
	const login, set = "carol", "silver-Hedgehogs-7"
	for _, form := range []string{login, "Carol", login + "@" + a.home.mailDomain, `CORP\carol`, `corp\CAROL`, a.home.mailDomain + `\carol`} {
		a.caller().verifiedAs(form, login)
	}
	for _, form := range []string{`OTHER\carol`, login + "@other.example.test", `\carol`, `CORP\`} {
		known := a.mailTo(login)
		c := a.caller()
		c.start(form)
		c.want(http.StatusAccepted, c.open())
		a.delivered()
		if a.mailTo(login) != known {
			a.t.Errorf("%s is %s", form, login)
		}
	}
	c := a.caller().verifiedAs(`CORP\carol`, login)
	c.want(http.StatusOK, c.set(set))
	a.signsIn(login, set, testenv.FirstPassword)
	a.told(login, "A new password was set for your account", c.id[:8])
	c = c.verifiedAs(login+"@"+a.home.mailDomain, login)
	c.want(http.StatusOK, c.set(testenv.FirstPassword))
	a.signsIn(login, testenv.FirstPassword, set)
	if r := c.change(`CORP\carol`, testenv.FirstPassword, newPassword); r.status != http.StatusOK {
		a.t.Errorf("change: %d %s", r.status, r.body)
	}
	a.signsIn(login, newPassword, set)
}
