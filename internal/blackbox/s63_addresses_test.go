package blackbox

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/testenv"
)

// notebook notes every address that a browser was at or was sent to.
type notebook struct {
	mu        sync.Mutex
	addresses []string
}

// RoundTrip fulfills http.RoundTripper.
func (n *notebook) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(request)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses = append(n.addresses, request.URL.String())
	if err == nil {
		n.addresses = append(n.addresses, answer.Header.Get("Location"), answer.Header.Get("Link"), answer.Header.Get("Refresh"))
	}
	return answer, err
}

// TestS63_NoSecretInAnAddress: not on the way through the pages, with all that
// people do wrong, and not in the links and forms that they show.
func TestS63_NoSecretInAnAddress(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m")})
	notes, b := &notebook{}, s.browser()
	b.client.Transport = notes
	links := regexp.MustCompile(`(?:href|action|src|content)="([^"]*)"`)
	note := func() {
		for _, found := range links.FindAllStringSubmatch(b.body, -1) {
			notes.addresses = append(notes.addresses, found[1])
		}
	}
	for _, step := range []func(){
		func() { b.visit("/").submit("/", fields{"login": ""}) },
		func() { b.toCode("bob") },
		func() { b.submit("/verify/code", fields{"code": "73910462"}) },
		func() { b.post("/support", words(url.Values{"email": {"wrong"}})) },
		func() { b.post("/support", words(nil)).sent() },
		func() { b.visit("/verify").submit("/verify/code", fields{"code": s.code("bob", 0)}) },
		func() { b.setPassword("nine-char") },
		func() { b.setPassword(newPassword).on("/done", http.StatusOK) },
	} {
		step()
		note()
	}
	base, _ := url.Parse(s.base)
	_, token, _ := strings.Cut(b.client.Jar.Cookies(base)[0].Value, ".")
	secrets := map[string]string{
		"login": "bob", "contact": "bob@home.test", "code": s.code("bob", 0), "wrong code": "73910462", "password": newPassword,
		"refused password": "nine-char", "token": token, "name": "Builder", "number": "1234", "message": "phone is lost",
	}
	for _, address := range notes.addresses {
		if !strings.HasPrefix(address, "data:") {
			lacks(t, "the address "+address, strings.TrimPrefix(address, s.base), secrets)
		}
	}
	if len(notes.addresses) < 40 {
		t.Errorf("only %d addresses were seen", len(notes.addresses))
	}
	s.signsIn("bob", newPassword, testenv.FirstPassword)
}

// TestS63_NobodyIsSentAway: no path, query or field makes an answer lead to
// another site.
func TestS63_NobodyIsSentAway(t *testing.T) {
	s := start(t, options{limits: roomy()})
	b := s.browser().toCode("bob")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base, _ := url.Parse(s.base)
	stays := func(what string) {
		t.Helper()
		location := b.header.Get("Location")
		to, err := base.Parse(location)
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme || strings.HasPrefix(location, "//") || strings.ContainsAny(location, "\\\t") {
			t.Errorf("%s leads to %q", what, location)
		}
	}
	for _, evil := range []string{
		"//evil.test/in", "/\\evil.test/in", "https:evil.test/in", "https://evil.test/in", "@evil.test/in", "%09//evil.test/in", "/%09/evil.test/in",
		"%2f%2fevil.test/in", "/%5cevil.test/in", "javascript:evil.test/in", "/.//evil.test/in", "///evil.test/in", "/%2e%2e//evil.test/in",
	} {
		b.raw("/" + strings.TrimPrefix(evil, "/"))
		stays("the path " + evil)
		b.raw(evil[:strings.LastIndex(evil, "/in")] + "/..")
		stays("the path up from " + evil)
		for _, name := range []string{"next", "return", "return_to", "redirect_uri", "url", "notice", "goto"} {
			b.raw("/password?" + name + "=" + evil)
			stays(fmt.Sprintf("%s=%s", name, evil))
			if strings.Contains(b.body+fmt.Sprint(b.header), "evil.test") {
				t.Errorf("%s=%s is repeated", name, evil)
			}
		}
		b.post("/verify/code?next="+url.QueryEscape(evil), url.Values{"method": {"email"}, "code": {""}, "next": {evil}, "return": {evil}})
		stays("a form with " + evil)
	}
}

// raw visits a target as it stands, without cleaning it first.
func (b *browser) raw(target string) {
	b.s.t.Helper()
	request, _ := http.NewRequestWithContext(b.s.t.Context(), http.MethodGet, b.s.base, nil)
	request.URL.Opaque = "//" + request.URL.Host + "/" + strings.TrimPrefix(strings.ReplaceAll(target, "\\", "%5C"), "/")
	b.show(request)
}
