package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/directory"
	"latchkey/internal/store"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/web"
)

func known() (recovery.PasswordRules, error) {
	return recovery.PasswordRules{MinLength: 15, MaxLength: 256, History: 8, QualityChecked: true}, nil
}

func TestRulesAreShownBeforeTyping(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: known})
	page := b.get("/password")
	page.shows(t, http.StatusOK, "at least 15 characters", "at most 256 characters",
		"to differ from your last 8 passwords", "further rules of your organization", "You have 10 more minutes to finish.")
	if diff := cmp.Diff(url.Values{"password": {""}, "again": {""}}, page.fields("/password")); diff != "" {
		t.Error(diff)
	}
	for _, input := range page.all("input") {
		if attribute(input, "type") != "password" || attribute(input, "autocomplete") != "new-password" || attribute(input, "maxlength") != "" {
			t.Errorf("the field %s: %v", attribute(input, "name"), input.Attr)
		}
	}
}

func TestTooYoungIsToldBeforeTyping(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: func() (recovery.PasswordRules, error) {
		return recovery.PasswordRules{ChangeableAt: now.Add(20 * time.Hour)}, nil
	}})
	b.get("/password").shows(t, http.StatusOK, "will be accepted in 20 hours")
}

func TestSetPassword(t *testing.T) {
	const typed = "  spaces \"and\" é stay  "
	for step, path := range map[recovery.Step]string{recovery.StepDone: "/done", recovery.StepSettling: "/done"} {
		var got string
		b := visit(t, &fake{set: func(password string) (recovery.View, error) {
			got = password
			return at(step), nil
		}})
		b.post("/password", url.Values{"password": {typed}, "again": {typed}}).leads(t, path)
		if got != typed {
			t.Errorf("the password became %q", got)
		}
	}
}

func TestPasswordsThatAreNotTheSameAskNobody(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: known})
	for sentence, typed := range map[string]url.Values{
		"The two passwords are not the same.": {"password": {"one"}, "again": {"other"}},
		"Enter a new password.":               {"password": {""}, "again": {""}},
	} {
		page := b.refused("/password", typed, "/password")
		page.shows(t, http.StatusOK, "Please check this", sentence)
		page.titled(t, "Problem: Choose a new password")
	}
}

func TestRefusedPassword(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: known, set: func(string) (recovery.View, error) {
		return recovery.View{}, &recovery.RefusedError{Reasons: []string{"too_short", "in_history", "news_from_the_future"}}
	}})
	answer := b.post("/password", url.Values{"password": {"hunter2hunter2"}, "again": {"hunter2hunter2"}})
	answer.leads(t, "/password")
	if said, _, _ := strings.Cut(answer.Header().Get("Set-Cookie"), ";"); said != "__Host-latchkey-said=/password~0~reason.too_short~reason.in_history~reason.directory_refused" {
		t.Errorf("on the way: %s", said)
	}
	page := b.get("/password")
	page.shows(t, http.StatusOK, "too short", "used this password before", "without saying why", "at least 15 characters")
	if strings.Contains(page.Body.String(), "hunter2") {
		t.Error("the page holds the password")
	}
}

func TestLastRefusalEndsTheRecovery(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepEnded), set: func(string) (recovery.View, error) {
		return recovery.View{}, &recovery.EndedError{End: recovery.TooManyRefusals}
	}})
	b.post("/password", url.Values{"password": {"x"}, "again": {"x"}}).leads(t, "/ended")
}

// A directory that is away leaves the recovery where it is. As long as not even
// the rules can be read, the page says so and how to try again.
func TestDirectoryAway(t *testing.T) {
	rules := known
	b := visit(t, &fake{
		view:  at(recovery.StepSetPassword),
		rules: func() (recovery.PasswordRules, error) { return rules() },
		set:   func(string) (recovery.View, error) { return recovery.View{}, directory.ErrUnavailable },
	})
	typed := url.Values{"password": {"x"}, "again": {"x"}}
	b.refused("/password", typed, "/password").shows(t, http.StatusOK, "Nothing was changed.", "New password")
	rules = func() (recovery.PasswordRules, error) { return recovery.PasswordRules{}, directory.ErrUnavailable }
	b.refused("/password", typed, "/password").awaits(t, "/password")
	rules = known
	page := b.get("/password")
	page.shows(t, http.StatusOK, "New password")
	page.titled(t, "Choose a new password")
}

// A store that is away takes neither the ticket nor the first page.
func TestStoreAway(t *testing.T) {
	away := store.ErrUnavailable
	b := visit(t, &fake{
		show: func(recovery.Ticket) (recovery.View, error) { return recovery.View{}, away },
		give: func(recovery.Ticket) error { return away },
		set:  func(string) (recovery.View, error) { return recovery.View{}, away },
		start: func(recovery.StartRequest) (recovery.Ticket, recovery.View, error) {
			return recovery.Ticket{}, recovery.View{}, away
		},
	})
	b.refused("/password", forms["/password"], "/password").awaits(t, "/password")
	b.refused("/give-up", nil, "/give-up").awaits(t, "/give-up")
	b.get("/verify").awaits(t, "/verify")
	b.get("/").shows(t, http.StatusOK, "User name")
	b.refused("/", url.Values{"login": {"alice"}}, "/").shows(t, http.StatusOK, "User name", "Nothing was changed.")
}

// awaits fails unless the answer is the page that offers to try a path again.
func (a answer) awaits(t *testing.T, path string) {
	t.Helper()
	a.shows(t, http.StatusServiceUnavailable, "We cannot do this right now", "Nothing was changed.")
	var offered string
	for _, link := range a.all("a") {
		if attribute(link, "class") == "button" {
			offered = attribute(link, "href")
		}
	}
	if offered != path || a.Header().Get("Retry-After") == "" {
		t.Errorf("offers %q, want %q; Retry-After %q", offered, path, a.Header().Get("Retry-After"))
	}
}

// A page that redirects to itself would never end.
func TestNoRedirectToItself(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: func() (recovery.PasswordRules, error) {
		return recovery.PasswordRules{}, recovery.ErrNotNow
	}})
	b.get("/password").shows(t, http.StatusConflict, "That is not possible right now")
}

func TestDone(t *testing.T) {
	b := visitAs(t, &fake{view: at(recovery.StepDone)}, web.Config{SignInURL: "https://login.example.org/"}, web.Options{})
	for range 2 { // a reload says the same
		page := b.get("/done")
		page.shows(t, http.StatusOK, "Your new password is set", "You are not signed in yet.", "may take a few minutes", "stay signed in", "Go to sign in")
		if len(page.Header()["Set-Cookie"]) > 0 {
			t.Error("S10: the last page sets a cookie")
		}
		if got := strings.Count(page.Body.String(), `<li class="past">`); got != 3 || strings.Contains(page.Body.String(), "aria-current") {
			t.Errorf("%d steps of 3 are behind, and none may be the current one", got)
		}
	}
}

// F3: nobody is told "changed" or "not changed" while nobody knows.
func TestF03_SettlingTellsTheTruth(t *testing.T) {
	page := visit(t, &fake{view: at(recovery.StepSettling)}).get("/done")
	page.shows(t, http.StatusOK, "may not be set yet", "has not answered", "do not choose another password yet", "with the new password, and if that does not work, with the old one")
	var refresh string
	for _, meta := range page.all("meta") {
		if attribute(meta, "http-equiv") == "refresh" {
			refresh = attribute(meta, "content")
		}
	}
	if refresh != "5" {
		t.Errorf("refresh %q, want 5", refresh)
	}
}

func TestNotWrittenLeadsBack(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepSetPassword), rules: known})
	b.get("/done").leads(t, "/password?notice=not_set")
	b.get("/password?notice=not_set").shows(t, http.StatusOK, "Your password has not been changed.")
}
