package web_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/internal/directory"
	"latchkey/resetapi/change"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/web"
)

// changer answers every change alike, and remembers the last.
type changer struct {
	outcome change.Outcome
	err     error
	asked   []change.Request
}

func (c *changer) Change(_ context.Context, r change.Request) (change.Outcome, error) {
	c.asked = append(c.asked, r)
	return c.outcome, c.err
}

func (*changer) Rules() recovery.PasswordRules {
	return recovery.PasswordRules{MinLength: 15, MaxLength: 256}
}

func changing(t *testing.T, c *changer) *browser {
	t.Helper()
	b := visitAs(t, &fake{}, web.Config{SignInURL: "https://login.example.org/"}, web.Options{Changes: c})
	b.cookie = ""
	return b
}

var typedChange = url.Values{"login": {" alice "}, "current": {" old "}, "password": {" new é "}, "again": {" new é "}}

func TestChangePage(t *testing.T) {
	c := &changer{outcome: change.Done}
	b := changing(t, c)
	b.get("/").shows(t, http.StatusOK, "I know my password and want to change it")
	page := b.get("/change")
	page.shows(t, http.StatusOK, "Current password", "at least 15 characters", "at most 256 characters", "further rules of your organization")
	if diff := cmp.Diff(url.Values{"login": {""}, "current": {""}, "password": {""}, "again": {""}}, page.fields("/change")); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"login": "username", "current": "current-password", "password": "new-password", "again": "new-password"}
	for _, input := range page.all("input") {
		if got := attribute(input, "autocomplete"); got != want[attribute(input, "name")] || attribute(input, "maxlength") != "" {
			t.Errorf("the field %s: %v", attribute(input, "name"), input.Attr)
		}
	}
	for _, language := range []string{"en", "de"} {
		b.languages = language
		sound(t, language, b.get("/change"))
	}
	b.languages = "de"
	answer := b.post("/change", typedChange)
	answer.leads(t, "/change/done")
	asked := []change.Request{{Login: " alice ", Current: " old ", New: " new é ", Languages: "de", Address: netip.MustParseAddr("192.0.2.7")}}
	if diff := cmp.Diff(asked, c.asked, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

// TestChangedIsToldToWhoChanged: the page of the outcome is nobody's without one.
func TestChangedIsToldToWhoChanged(t *testing.T) {
	for outcome, says := range map[change.Outcome][]string{
		change.Done:    {"Your new password is set", "Sign in with it now.", "Go to sign in"},
		change.Unknown: {"may not be set yet", "has not answered", "with the new password, and if that does not work, with the old one"},
	} {
		b := changing(t, &changer{outcome: outcome})
		b.get("/change/done").leads(t, "/change")
		b.cookie = "__Host-latchkey-changed=made-up"
		b.get("/change/done").leads(t, "/change")
		for _, cookie := range b.post("/change", typedChange).Result().Cookies() {
			if strings.HasSuffix(cookie.Name, "-changed") {
				b.cookie = cookie.Name + "=" + cookie.Value
				if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteStrictMode {
					t.Errorf("the cookie is %v", cookie)
				}
			}
		}
		for range 2 {
			page := b.get("/change/done")
			page.shows(t, http.StatusOK, says...)
			sound(t, "en", page)
		}
	}
}

func TestChangeIsRefused(t *testing.T) {
	for says, err := range map[string]error{
		"The user name or the current password is not right":        change.ErrWrong,
		"You have used this password before.":                       &recovery.RefusedError{Reasons: []string{"in_history"}},
		"Try again in less than a minute":                           &recovery.LimitedError{RetryAfter: 20 * time.Second},
		"Nothing was changed. Please try again in a while.":         directory.ErrUnavailable,
		"too simple for your organization. Look at the rules below": &recovery.RefusedError{Reasons: []string{"not_complex"}},
	} {
		b := changing(t, &changer{err: err})
		page := b.refused("/change", typedChange, "/change")
		page.shows(t, http.StatusOK, says)
		page.titled(t, "Problem: Change your password")
		sound(t, "en", page)
		if strings.Contains(page.Body.String(), "alice") || strings.Contains(page.Body.String(), " old ") {
			t.Errorf("the page holds what was typed:\n%s", page.Body)
		}
	}
}

func TestChangeFormsThatAskNobody(t *testing.T) {
	for says, field := range map[string]url.Values{
		"Enter your user name.":               {"login": {" "}},
		"This cannot be a user name.":         {"login": {"a\x00b"}},
		"Enter your current password.":        {"current": {""}},
		"Enter a new password.":               {"password": {""}},
		"The two passwords are not the same.": {"again": {"other"}},
	} {
		c := &changer{}
		typed := url.Values{}
		for name, values := range typedChange {
			typed[name] = values
		}
		for name, values := range field {
			typed[name] = values
		}
		changing(t, c).refused("/change", typed, "/change").shows(t, http.StatusOK, says)
		if len(c.asked) > 0 {
			t.Errorf("%s: asked all the same", says)
		}
	}
}

func TestChangeIsOff(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepEnded)})
	b.get("/change").shows(t, http.StatusNotFound)
	b.post("/change", typedChange).shows(t, http.StatusNotFound)
	b.get("/change/done").leads(t, "/change")
	if strings.Contains(b.get("/").Body.String(), "/change") {
		t.Error("the first page leads to a page that is not there")
	}
}

func lockedRules() (recovery.PasswordRules, error) {
	return recovery.PasswordRules{MinLength: 15, Locked: true}, nil
}

func TestUnlockIsOfferedToWhoIsLocked(t *testing.T) {
	done := at(recovery.StepDone)
	done.Unlocked = true
	f := &fake{view: at(recovery.StepSetPassword), rules: lockedRules, lock: func() (recovery.View, error) { return done, nil }}
	b := visit(t, f)
	page := b.get("/password")
	page.shows(t, http.StatusOK, "Your account is locked", "Unlock my account and keep my password", "Or choose a new password")
	for _, language := range []string{"en", "de"} {
		b.languages = language
		sound(t, language, b.get("/password"))
	}
	b.languages = "en"
	b.post("/unlock", nil).leads(t, "/done")
	f.view = done
	page = b.get("/done")
	page.shows(t, http.StatusOK, "Your account is unlocked", "Sign in with your password as it is.", "was not changed")
	sound(t, "en", page)
	if strings.Contains(page.text(), "new password is set") {
		t.Error("a password is said to be set")
	}
	if strings.Contains(page.text(), "New password") {
		t.Error("an account that was only unlocked has the steps to a new password")
	}
	f.view, f.rules = at(recovery.StepSetPassword), known
	if text := b.get("/password").text(); strings.Contains(strings.ToLower(text), "unlock") {
		t.Errorf("offered to who is not locked: %s", text)
	}
}

func TestUnlockIsRefused(t *testing.T) {
	for says, err := range map[string]error{
		"cannot be unlocked here without a new password": recovery.ErrCannotUnlock,
		"This does not work at this point":               recovery.ErrNotNow,
		"Nothing was changed.":                           directory.ErrUnavailable,
	} {
		b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: known, lock: func() (recovery.View, error) { return recovery.View{}, err }})
		b.refused("/unlock", nil, "/password").shows(t, http.StatusOK, says, "New password")
		b.get("/unlock").leads(t, "/password")
	}
	b := visit(t, &fake{view: at(recovery.StepEnded), lock: func() (recovery.View, error) {
		return recovery.View{}, &recovery.EndedError{End: recovery.Superseded}
	}})
	b.post("/unlock", nil).leads(t, "/ended")
}

// TestEveryRuleIsSaid before anything is typed, in each language.
func TestEveryRuleIsSaid(t *testing.T) {
	rules := recovery.PasswordRules{
		MinLength: 10, MaxLength: 64, History: 3, Classes: 3, NoNames: true, Dictionary: true, QualityChecked: true,
		ChangeableAt: now.Add(3 * time.Hour),
	}
	b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: func() (recovery.PasswordRules, error) { return rules, nil }})
	for language, says := range map[string][]string{
		"en": {
			"at least 10 characters", "at most 64 characters", "your last 3 passwords", "3 kinds of characters", "without your user name",
			"no word that a dictionary has", "further rules", "in 3 hours",
		},
		"de": {
			"mindestens 10 Zeichen", "höchstens 64 Zeichen", "Ihren letzten 3 Passwörtern", "3 Arten von Zeichen", "weder Ihren Benutzernamen",
			"in einem Wörterbuch", "weitere Regeln", "In 3 Stunden",
		},
	} {
		b.languages = language
		b.get("/password").shows(t, http.StatusOK, says...)
	}
}
