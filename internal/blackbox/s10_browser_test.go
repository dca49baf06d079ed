package blackbox

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS10_NobodyIsSignedIn: the answer to the new password brings no session: at
// the API no cookie and no token, at the pages only the mark of a known device,
// which opens nothing.
func TestS10_NobodyIsSignedIn(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller().verified("alice")
	if r := c.want(http.StatusOK, c.set(newPassword)); r.header.Get("Set-Cookie") != "" || r.json["token"] != nil || r.header.Get("Authorization") != "" {
		t.Errorf("the last answer of the API brings %v %s", r.header, r.body)
	}
	b := s.browser().toPassword("bob")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.setPassword(newPassword)
	if b.status != http.StatusSeeOther || b.header.Get("Location") != "/done" {
		t.Fatalf("after the password: %d to %q", b.status, b.header.Get("Location"))
	}
	b.noSession()
	b.visit("/done").on("/done", http.StatusOK).noSession()
	for _, path := range []string{"/verify", "/password"} {
		if b.visit(path); b.header.Get("Location") != "/done" {
			t.Errorf("afterwards %s leads to %q", path, b.header.Get("Location"))
		}
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// noSession checks that the answer sets no cookie but what the next page says and
// the mark of a known device.
func (b *browser) noSession() {
	b.s.t.Helper()
	for _, line := range b.header.Values("Set-Cookie") {
		if name, _, _ := strings.Cut(line, "="); name != "latchkey-said" && name != "latchkey-device" {
			b.s.t.Errorf("%s sets the cookie %s", b.at.Path, name)
		}
	}
}

// TestS11_ReadingChangesNothing: GET, HEAD and OPTIONS of every page and path
// with all that the browser holds, and whatever a scanner of mails does with
// what it finds there, leave the code good.
func TestS11_ReadingChangesNothing(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c, b := s.caller(), s.browser().toCode("alice")
	code := s.code("alice", 0)
	c.start("bob")
	c.want(http.StatusAccepted, c.open())
	other := s.code("bob", 0)
	before := string(c.view().body)
	for range 2 {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			for _, path := range []string{"/", "/verify", "/verify/send", "/verify/code", "/password", "/done", "/ended", "/give-up", "/support"} {
				request, _ := http.NewRequestWithContext(t.Context(), method, s.base+path+"?method=email&login=alice&code="+code, nil)
				b.show(request)
			}
			for _, path := range []string{"", "/challenges", "/proofs", "/password", "/password-policy"} {
				c.statusOf(method, s.base+"/api/v1/recoveries/"+c.id+path, "application/json", `{"method":"email","code":"`+other+`"}`)
			}
		}
	}
	s.scanMails(code)
	if after := string(c.view().body); after != before {
		t.Errorf("the recovery was %s and is %s", before, after)
	}
	b.visit("/verify").submit("/verify/code", fields{"code": code}).on("/password", http.StatusOK)
	c.want(http.StatusOK, c.prove(other))
	s.delivered()
	if n := s.codesTo("alice") + s.codesTo("bob"); n != 2 {
		t.Errorf("%d codes were sent, want two", n)
	}
}

var linksInMail = regexp.MustCompile(`https?://[^\s"<>]+`)

// scanMails does to the mails what scanners do: they open what looks like a link, and
// send the forms that they find, without the browser's cookie.
func (s *stack) scanMails(code string) {
	s.t.Helper()
	for _, m := range s.mail.Messages() {
		for _, link := range append(linksInMail.FindAllString(m.Text+" "+m.HTML, -1), s.base+"/verify", s.base+"/?code="+code) {
			if strings.Contains(link, code) && !strings.HasSuffix(link, "/?code="+code) {
				s.t.Errorf("a link holds the code: %s", link)
			}
			scanner := s.browser()
			for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodPost} {
				request, _ := http.NewRequestWithContext(s.t.Context(), method, link, nil)
				if request.URL.Host == strings.TrimPrefix(s.base, "http://") {
					scanner.show(request)
				}
			}
			scanner.post("/verify/code", url.Values{"method": {"email"}, "code": {code}})
			scanner.post("/give-up", nil)
		}
	}
}

// securedURL is the public URL of a stack behind TLS.
const securedURL = "https://reset.example.test"

// TestS12_TheCookie: behind TLS it has all that keeps it at home. One that was
// brought along is not taken, each proof makes a new one, and the one from
// before opens nothing.
func TestS12_TheCookie(t *testing.T) {
	s := start(t, options{limits: roomy()})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_SERVER__PUBLIC_URL=" + securedURL}
	s.serve()
	planted := strings.Repeat("A", 26) + "." + strings.Repeat("A", 48)
	cookie := s.formOverTLS("/", url.Values{"login": {"alice"}}, planted)
	id, token, _ := strings.Cut(cookie.Value, ".")
	if cookie.Value == planted || id == strings.Repeat("A", 26) {
		t.Error("a cookie that was brought along was taken")
	}
	if cookie.Name != "__Host-latchkey" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 0 {
		t.Errorf("the cookie is %s", strings.Replace(cookie.String(), cookie.Value, "…", 1))
	}
	if secret, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(secret) < 16 {
		t.Errorf("the token has %d bytes (%v), want at least 16", len(secret), err)
	}
	second := s.formOverTLS("/", url.Values{"login": {"alice"}}, planted)
	if second.Value == cookie.Value {
		t.Error("two recoveries have one cookie")
	}
	s.formOverTLS("/verify/send", url.Values{"method": {"email"}}, second.Value)
	code := s.code("alice", 0)
	proven := s.formOverTLS("/verify/code", url.Values{"method": {"email"}, "code": {code}}, second.Value)
	if proven == nil || proven.Value == second.Value {
		t.Fatal("the proof did not change the cookie")
	}
	s.formOverTLS("/password", url.Values{"password": {newPassword}, "again": {newPassword}}, second.Value)
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	s.formOverTLS("/password", url.Values{"password": {newPassword}, "again": {newPassword}}, proven.Value)
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// formOverTLS sends a form as the proxy in front would, and returns the cookie of
// the recovery that the answer sets, if any.
func (s *stack) formOverTLS(path string, values url.Values, cookie string) *http.Cookie {
	s.t.Helper()
	request, _ := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+path, strings.NewReader(values.Encode()))
	request.Host = strings.TrimPrefix(securedURL, "https://")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", securedURL)
	request.Header.Set("X-Forwarded-For", "198.51.100.9")
	request.Header.Set("Cookie", "__Host-latchkey="+cookie)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("%s: %d", path, answer.StatusCode)
	}
	for _, c := range answer.Cookies() {
		if c.Name == "__Host-latchkey" || c.Name == "latchkey" {
			return c
		}
	}
	return nil
}
