package blackbox

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/testenv"
)

// TestResetThroughThePages: the whole story, with the mistakes people make.
func TestResetThroughThePages(t *testing.T) {
	s := start(t, options{limits: roomy()})
	b := s.browser().toCode("bob")
	code := s.code("bob", 0)
	b.submit("/verify/code", fields{"code": "1"}).on("/verify", http.StatusOK, "role=\"alert\"", "4 tries left").calm()
	b.visit("/password").on("/verify", http.StatusOK)
	b.visit("/done").on("/verify", http.StatusOK)
	b.submit("/verify/code", fields{"code": code[:4] + " " + code[4:]}).on("/password", http.StatusOK, "10")
	b.visit("/verify").on("/password", http.StatusOK)
	b.submit("/password", fields{"password": newPassword, "again": "something else"}).on("/password", http.StatusOK, "are not the same").calm()
	b.setPassword("nine-char").on("/password", http.StatusOK, "too short").calm()
	b.setPassword(testenv.FirstPassword).on("/password", http.StatusOK, "role=\"alert\"").calm()
	s.signsIn("bob", testenv.FirstPassword, newPassword)
	b.setPassword(newPassword).on("/done", http.StatusOK)
	s.signsIn("bob", newPassword, testenv.FirstPassword)
	b.visit("/password").on("/done", http.StatusOK) // going back
	b.visit("/done").on("/done", http.StatusOK)     // reloading
	b.visit("/").on("/", http.StatusOK)
}

func TestASecondTab(t *testing.T) {
	s := start(t, options{limits: roomy()})
	tab := s.browser().toCode("bob")
	code := s.code("bob", 0)
	other := &browser{s: s, client: tab.client}
	other.visit("/").on("/", http.StatusOK)
	other.visit("/verify").on("/verify", http.StatusOK)
	other.submit("/verify/code", fields{"code": code}).on("/password", http.StatusOK)
	tab.submit("/verify/code", fields{"code": code}) // the same form again in the first tab
	if tab.status >= 500 || tab.at.Path == "/done" {
		t.Errorf("the first tab is on %s with %d", tab.at.Path, tab.status)
	}
	tab.visit("/verify").on("/password", http.StatusOK)
	tab.setPassword(newPassword).on("/done", http.StatusOK)
	other.setPassword(newPassword+"!").on("/done", http.StatusOK)
	s.signsIn("bob", newPassword, newPassword+"!")
}

// TestS13_WaitingTooLong: the recovery is over, and every page says so.
func TestS13_WaitingTooLong(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "idle = \"10s\"\ncode_lifetime = \"10s\"\n"})
	b := s.browser().toCode("bob")
	s.code("bob", 0)
	expired := func() bool { return b.visit("/verify").at.Path == "/ended" }
	eventually(t, "the recovery expires", expired)
	b.on("/ended", http.StatusOK, "The help desk", "49 30 901820")
	b.visit("/password").on("/ended", http.StatusOK)
	b.visit("/").on("/", http.StatusOK)
}

func TestGivingUpAndGuessing(t *testing.T) {
	s := start(t, options{limits: roomy()})
	b := s.browser().toCode("bob")
	b.submit("/give-up", nil)
	b.visit("/verify").on("/ended", http.StatusOK)
	b.toCode("bob")
	for range 4 {
		b.post("/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}).on("/verify", http.StatusOK, "That code is not right")
	}
	b.post("/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}).on("/ended", http.StatusOK)
}

// TestRefusalsTravelAlike: a refused form leads to its page by 303, with the
// same cookie for a person and for a login that does not exist.
func TestRefusalsTravelAlike(t *testing.T) {
	s := start(t, options{limits: roomy()})
	walk := func(login string) []string {
		b := s.browser().toCode(login)
		s.delivered()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		var answers []string
		for path, values := range map[string]url.Values{
			"/": {"login": {""}}, "/verify/code": {"method": {"email"}, "code": {"00000000"}},
			"/verify/send": {"method": {"sms"}}, "/password": {"password": {"one"}, "again": {"other"}},
		} {
			b.post(path, values)
			if b.status != http.StatusSeeOther || b.header.Get("Set-Cookie") == "" {
				t.Errorf("%s: %d with the cookie %q", path, b.status, b.header.Get("Set-Cookie"))
			}
			answers = append(answers, path+" "+fingerprint(b.status, b.header, b.body))
		}
		slices.Sort(answers)
		return answers
	}
	if diff := cmp.Diff(walk("alice"), walk("missing")); diff != "" {
		t.Error(diff)
	}
}

// TestStrangersGetNowhere: without the cookie of the recovery nothing happens,
// and a cookie that was brought along is not taken.
func TestStrangersGetNowhere(t *testing.T) {
	s := start(t, options{limits: roomy()})
	victim := s.browser().toCode("bob")
	code := s.code("bob", 0)
	stranger := s.browser()
	for _, path := range []string{"/verify", "/password", "/done", "/ended"} {
		stranger.visit(path).on("/", http.StatusOK)
	}
	stranger.post("/verify/code", url.Values{"method": {"email"}, "code": {code}}).on("/", http.StatusOK)
	stranger.post("/password", url.Values{"password": {newPassword}, "again": {newPassword}}).on("/", http.StatusOK)

	crossing, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/give-up", http.NoBody)
	crossing.Header.Set("Origin", "https://evil.test")
	crossing.Header.Set("Sec-Fetch-Site", "cross-site")
	b := &browser{s: s, client: victim.client}
	if b.show(crossing); b.status != http.StatusForbidden {
		t.Errorf("a form of another site: %d", b.status)
	}
	victim.submit("/verify/code", fields{"code": code}).on("/password", http.StatusOK)

	base, _ := url.Parse(s.base)
	before := victim.client.Jar.Cookies(base)[0].Value
	victim.toCode("alice")
	if after := victim.client.Jar.Cookies(base)[0].Value; after == before {
		t.Error("a new recovery took the cookie that was there")
	}
	s.signsIn("bob", testenv.FirstPassword, newPassword)
}
