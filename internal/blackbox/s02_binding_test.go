package blackbox

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS02_CodesAndTokensWorkNowhereElse: the code of one recovery is wrong in any
// other, of another person, of the same one, by another method; it costs a try
// there and none at home. A token opens its own recovery on its own surface.
func TestS02_CodesAndTokensWorkNowhereElse(t *testing.T) {
	s := start(t, options{limits: roomy()})
	alice, bob, again := s.caller(), s.caller(), s.caller()
	page := s.browser()
	alice.start("alice")
	alice.want(http.StatusAccepted, alice.open())
	code := s.code("alice", 0)
	bob.start("bob")
	bob.want(http.StatusAccepted, bob.open())
	again.start("alice")
	again.want(http.StatusAccepted, again.open())
	page.toCode("alice")
	for name, c := range map[string]*caller{"of bob": bob, "of alice": again} {
		if r := c.want(http.StatusUnprocessableEntity, c.prove(code)); r.json["tries_left"] != 4.0 {
			t.Errorf("in another recovery %s: %s", name, r.body)
		}
		c.want(http.StatusConflict, c.set(newPassword))
	}
	alice.want(http.StatusConflict, alice.proveBy("sms", code))
	page.submit("/verify/code", fields{"code": code}).on("/verify", http.StatusOK, "4 tries left")

	for name, stranger := range map[string]*caller{
		"the token of bob":        {s: s, address: bob.address, id: alice.id, token: bob.token},
		"no token":                {s: s, address: bob.address, id: alice.id},
		"the token of her second": {s: s, address: bob.address, id: alice.id, token: again.token},
	} {
		for _, r := range []reply{stranger.view(), stranger.open(), stranger.prove(code), stranger.set(newPassword)} {
			if r.status != http.StatusUnauthorized {
				t.Errorf("with %s: %d %s", name, r.status, r.body)
			}
		}
	}
	s.otherSurface(alice, page, code)
	alice.want(http.StatusOK, alice.prove(code))
	alice.want(http.StatusOK, alice.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	s.signsIn("bob", testenv.FirstPassword, newPassword)
}

// otherSurface shows the token of the API to the pages and the other way round.
func (s *stack) otherSurface(c *caller, page *browser, code string) {
	s.t.Helper()
	base, _ := url.Parse(s.base)
	cookie := page.client.Jar.Cookies(base)[0]
	id, token, _ := strings.Cut(cookie.Value, ".")
	if r := (&caller{s: s, address: c.address, id: id, token: token}).view(); r.status != http.StatusUnauthorized {
		s.t.Errorf("the cookie's token at the API: %d %s", r.status, r.body)
	}
	b := s.browser()
	b.client.Jar.SetCookies(base, []*http.Cookie{{Name: cookie.Name, Value: c.id + "." + c.token, Path: "/"}})
	b.post("/verify/code", url.Values{"method": {"email"}, "code": {code}}).on("/", http.StatusOK)
	if b.visit("/password"); b.at.Path != "/" {
		s.t.Errorf("the API's token in a cookie leads to %s", b.at.Path)
	}
}
