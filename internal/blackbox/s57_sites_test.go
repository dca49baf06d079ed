package blackbox

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// raw sends a request as it stands, on a connection of its own, and returns the
// answer with its body.
func (s *stack) raw(text string) (*http.Response, string) {
	s.t.Helper()
	return s.rawOf(http.MethodGet, text)
}

// rawOf is raw for a method whose answer has no body.
func (s *stack) rawOf(method, text string) (*http.Response, string) {
	s.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(connection, text); err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		s.t.Fatalf("%q: %v", text, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

// TestS57_OtherSites: whatever another site makes a browser send is refused on
// every path that changes something, and changes nothing; the site's own forms
// and programs get through.
func TestS57_OtherSites(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m")})
	host := strings.TrimPrefix(s.base, "http://")
	victim := s.browser().toPassword("bob")
	base, _ := url.Parse(s.base)
	cookie := victim.client.Jar.Cookies(base)[0]
	c := s.caller().verified("alice")
	const form, json = "application/x-www-form-urlencoded", "application/json"
	targets := []struct{ method, path, kind, body string }{
		{"POST", "/", form, "login=bob"},
		{"POST", "/verify/send", form, "method=email"},
		{"POST", "/verify/code", form, "method=email&code=00000000"},
		{"POST", "/password", form, "password=" + newPassword + "&again=" + newPassword},
		{"POST", "/give-up", form, ""},
		{"POST", "/support", form, words(nil).Encode()},
		{"POST", "/api/v1/recoveries", json, `{"login":"alice"}`},
		{"PUT", "/api/v1/recoveries/" + c.id + "/password", json, `{"password":"` + newPassword + `"}`},
		{"DELETE", "/api/v1/recoveries/" + c.id, json, ""},
	}
	send := func(method, path, kind, body string, header ...string) int {
		answer, _ := s.raw(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s",
			method, path, host, cookie.Name, cookie.Value, c.token, kind, len(body), strings.Join(header, ""), body))
		return answer.StatusCode
	}
	for _, foreign := range []string{
		"Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Sec-Fetch-Site: other\r\n", "Origin: https://evil.test\r\n", "Origin: null\r\n",
		"Origin: " + s.base + ".evil.test\r\n", "Origin: http://127.0.0.1\r\n", "Origin: https://evil.test/" + host + "\r\n",
		"Sec-Fetch-Site: cross-site\r\nOrigin: " + s.base + "\r\n",
	} {
		for _, to := range targets {
			if status := send(to.method, to.path, to.kind, to.body, foreign); status != http.StatusForbidden {
				t.Errorf("%s %s with %q: %d", to.method, to.path, foreign, status)
			}
		}
	}
	for _, kind := range []string{"text/plain", "multipart/form-data; boundary=x", "", "application/jsonx"} {
		if status := send("POST", "/api/v1/recoveries", kind, `{"login":"alice"}`); status != http.StatusUnsupportedMediaType {
			t.Errorf("JSON as %q: %d", kind, status)
		}
		if status := send("POST", "/", kind, "login=bob"); status != http.StatusUnsupportedMediaType {
			t.Errorf("a form as %q: %d", kind, status)
		}
	}
	answer, _ := s.raw("OPTIONS /api/v1/recoveries HTTP/1.1\r\nHost: " + host + "\r\nOrigin: https://evil.test\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n")
	for name := range answer.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a preflight is answered with %s", name)
		}
	}
	s.signsIn("bob", testenv.FirstPassword, newPassword)
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	if status := send("PUT", targets[7].path, json, targets[7].body); status != http.StatusOK {
		t.Errorf("a program: %d", status)
	}
	for _, own := range []string{"Sec-Fetch-Site: same-origin\r\nOrigin: " + s.base + "\r\n", "Origin: " + s.base + "\r\n", "Sec-Fetch-Site: none\r\n"} {
		if status := send("POST", "/verify/code", form, targets[2].body, own); status != http.StatusSeeOther {
			t.Errorf("a form of ours with %q: %d", own, status)
		}
	}
	victim.setPassword(newPassword).on("/done", http.StatusOK)
	s.signsIn("bob", newPassword, testenv.FirstPassword)
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestS61_Hosts: only the configured name is answered for, however a request
// names another one, and nothing that is answered or sent by mail repeats it.
func TestS61_Hosts(t *testing.T) {
	s := start(t, options{limits: roomy()})
	own := strings.TrimPrefix(s.base, "http://")
	_, port, _ := net.SplitHostPort(own)
	for request, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: evil.test\r\n":                                  421,
		"GET / HTTP/1.1\r\nHost: evil.test:" + port + "\r\n":                     421,
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n":                                  421,
		"GET / HTTP/1.1\r\nHost: localhost:" + port + "\r\n":                     421,
		"GET / HTTP/1.1\r\nHost: " + own + ".evil.test\r\n":                      421,
		"GET / HTTP/1.1\r\nHost: " + own + "@evil.test\r\n":                      400,
		"GET / HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: " + own + "\r\n": 421,
		"GET http://evil.test/ HTTP/1.1\r\nHost: " + own + "\r\n":                421,
		"GET / HTTP/1.1\r\nHost: " + own + "\r\nHost: evil.test\r\n":             400,
		"GET / HTTP/1.1\r\n":                                                          400,
		"GET / HTTP/1.1\r\nHost:\r\n":                                                 421,
		"GET / HTTP/1.0\r\n":                                                          421,
		"OPTIONS * HTTP/1.1\r\nHost: evil.test\r\n":                                   421,
		"GET /api/v1/openapi.yaml HTTP/1.1\r\nHost: evil.test\r\n":                    421,
		"GET /static/x HTTP/1.1\r\nHost: evil.test\r\n":                               421,
		"GET " + s.base + "/ HTTP/1.1\r\nHost: evil.test\r\n":                         200, // RFC 9112 §3.2.2: the target wins
		"GET / HTTP/1.1\r\nHost: " + own + "\r\nX-Forwarded-Host: evil.test\r\n":      200,
		"GET / HTTP/1.1\r\nHost: " + own + "\r\nForwarded: host=evil.test\r\n":        200,
		"GET / HTTP/1.1\r\nHost: " + own + "\r\nX-Original-URL: //evil.test/a\r\n":    200,
		"GET / HTTP/1.1\r\nHost: " + own + "\r\nX-Forwarded-Proto: evil.test\r\n":     200,
		"GET /ended HTTP/1.1\r\nHost: " + own + "\r\nX-Forwarded-Host: evil.test\r\n": 303,
	} {
		answer, body := s.raw(request + "Connection: close\r\n\r\n")
		if answer.StatusCode != want {
			t.Errorf("%q: %d, want %d", request, answer.StatusCode, want)
		}
		if strings.Contains(body+fmt.Sprint(answer.Header), "evil.test") {
			t.Errorf("%q: the answer speaks of evil.test: %v\n%s", request, answer.Header, body)
		}
	}
	body := `{"login":"alice"}`
	answer, text := s.raw(fmt.Sprintf("POST /api/v1/recoveries HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Host: evil.test\r\nForwarded: host=evil.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", own, len(body), body))
	if answer.StatusCode != http.StatusAccepted || strings.Contains(text, "evil.test") {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
	c := s.caller().verified("alice")
	c.want(http.StatusOK, c.set(newPassword))
	eventually(t, "the notices came", func() bool { return s.notices("alice@home.test") == 1 })
	for _, m := range s.mail.Messages() {
		if strings.Contains(string(m.Raw), "evil.test") || !strings.HasSuffix(m.From, "@example.test") {
			t.Errorf("the mail from %s speaks of evil.test", m.From)
		}
	}
}
