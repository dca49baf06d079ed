package blackbox

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"latchkey/internal/testenv"
)

// browser walks the pages as a person would, without JavaScript.
type browser struct {
	s      *stack
	client *http.Client
	// at is the page that is shown, with its status.
	at     *url.URL
	status int
	header http.Header
	body   string
}

func (s *stack) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s: s, client: &http.Client{Jar: jar, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("pages send in circles")
		}
		return nil
	}}}
}

func (b *browser) show(request *http.Request) *browser {
	b.s.t.Helper()
	request.Header.Set("X-Forwarded-For", "198.51.100.9")
	answer, err := b.client.Do(request)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	b.at, b.status, b.header, b.body = answer.Request.URL, answer.StatusCode, answer.Header, string(text)
	return b
}

func (b *browser) visit(path string) *browser {
	b.s.t.Helper()
	request, _ := http.NewRequestWithContext(b.s.t.Context(), http.MethodGet, b.s.base+path, nil)
	return b.show(request)
}

// submit sends the form of the shown page whose action ends in action, with its
// hidden fields and those given.
func (b *browser) submit(action string, filled fields) *browser {
	b.s.t.Helper()
	values, found := formValues(b.body, action)
	if !found {
		b.s.t.Fatalf("no form for %q on %s:\n%s", action, b.at.Path, b.body)
	}
	for name, value := range filled {
		values.Set(name, value)
	}
	return b.post(action, values)
}

// post sends a form, also one that no page shows.
func (b *browser) post(action string, values url.Values) *browser {
	b.s.t.Helper()
	request, _ := http.NewRequestWithContext(b.s.t.Context(), http.MethodPost, b.s.base+action, strings.NewReader(values.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", b.s.base)
	return b.show(request)
}

// formValues are the values that a form sends untouched, its first button's too.
func formValues(page, action string) (url.Values, bool) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, false
	}
	for n := range root.Descendants() {
		if n.Data != "form" || attribute(n, "action") != action {
			continue
		}
		values := url.Values{}
		for field := range n.Descendants() {
			name := attribute(field, "name")
			if name != "" && (attribute(field, "type") == "hidden" || field.Data == "button") && !values.Has(name) {
				values.Set(name, attribute(field, "value"))
			}
		}
		return values, true
	}
	return nil, false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// on checks which page is shown and that it says something.
func (b *browser) on(path string, status int, says ...string) *browser {
	b.s.t.Helper()
	if b.at.Path != path || b.status != status {
		b.s.t.Fatalf("on %s with %d, want %s with %d:\n%s", b.at.Path, b.status, path, status, b.body)
	}
	for _, text := range says {
		if !strings.Contains(b.body, text) {
			b.s.t.Errorf("%s does not say %q:\n%s", path, text, b.body)
		}
	}
	return b
}

// toCode begins a recovery and asks for a code.
func (b *browser) toCode(uid string) *browser {
	b.s.t.Helper()
	b.visit("/").submit("/", fields{"login": uid}).on("/verify", http.StatusOK)
	return b.submit("/verify/send", nil).on("/verify", http.StatusOK)
}

func (b *browser) toPassword(uid string) *browser {
	b.s.t.Helper()
	known := b.s.mailTo(uid)
	b.toCode(uid)
	return b.submit("/verify/code", fields{"code": b.s.code(uid, known)}).on("/password", http.StatusOK)
}

func (b *browser) setPassword(password string) *browser {
	b.s.t.Helper()
	return b.submit("/password", fields{"password": password, "again": password})
}

// TestResetThroughThePages: the whole story, with the mistakes people make.
func TestResetThroughThePages(t *testing.T) {
	s := start(t, options{limits: roomy()})
	b := s.browser().toCode("bob")
	code := s.code("bob", 0)
	b.submit("/verify/code", fields{"code": "1"}).on("/verify/code", http.StatusUnprocessableEntity)
	b.visit("/verify").on("/verify", http.StatusOK) // going back, or reloading
	b.visit("/password").on("/verify", http.StatusOK)
	b.visit("/done").on("/verify", http.StatusOK)
	b.submit("/verify/code", fields{"code": code[:4] + " " + code[4:]}).on("/password", http.StatusOK, "10")
	b.visit("/verify").on("/password", http.StatusOK)
	b.submit("/password", fields{"password": newPassword, "again": "something else"}).on("/password", http.StatusUnprocessableEntity)
	b.setPassword("nine-char").on("/password", http.StatusUnprocessableEntity)
	b.setPassword(testenv.FirstPassword).on("/password", http.StatusUnprocessableEntity)
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

// TestWaitingTooLong: the recovery is over, and every page says so.
func TestWaitingTooLong(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "idle = \"1s\"\ncode_lifetime = \"1s\"\n"})
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
		b.post("/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}).on("/verify/code", http.StatusUnprocessableEntity)
	}
	b.post("/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}).on("/ended", http.StatusOK)
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

// TestOtherHosts: no answer speaks for another name.
func TestOtherHosts(t *testing.T) {
	s := start(t, options{limits: roomy()})
	for _, host := range []string{"evil.test", "127.0.0.1", "localhost:80", strings.TrimPrefix(s.base, "http://") + ".evil.test"} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/", nil)
		request.Host = host
		if b := s.browser().show(request); b.status != http.StatusMisdirectedRequest {
			t.Errorf("Host %s: %d", host, b.status)
		}
	}
	b := s.browser().visit("/")
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := b.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if policy := b.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy: %q", policy)
	}
	if strings.Contains(b.body, "<script") || strings.Contains(b.body, " style=") {
		t.Error("the page has a script or an inline style")
	}
}
