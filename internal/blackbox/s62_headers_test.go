package blackbox

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const publicName = "reset.example.test"

// elsewhere finds what a page would load, run or send to.
var elsewhere = regexp.MustCompile(`(?i)<script|<iframe|<object|<base|\sstyle=|\son[a-z]+=|javascript:|(src|href|action)="(https?:)?//`)

// TestS62_HeadersOnEveryAnswer: on pages, redirects, files and problems of every
// kind, whoever asks for whatever.
func TestS62_HeadersOnEveryAnswer(t *testing.T) {
	s := start(t, options{limits: "[limits.starts_per_login]\nrates = [\"2/1h\"]\n"})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_SERVER__PUBLIC_URL=https://" + publicName}
	s.serve()
	const json, form, login = "Content-Type: application/json\r\n", "Content-Type: application/x-www-form-urlencoded\r\n", `{"login":"nobody"}`
	seen := map[int]bool{}
	style := ""
	for _, one := range []struct {
		line, header, body string
		status             int
	}{
		{"GET /", "", "", 200},
		{"HEAD /", "", "", 200},
		{"GET /verify", "", "", 303},
		{"POST /", form, "login=", 303},
		{"GET STYLE", "", "", 200},
		{"GET /static/none.css", "", "", 404},
		{"GET /nothing", "", "", 404},
		{"GET //evil.test/", "", "", 307},
		{"GET /a/../nothing", "", "", 307},
		{"POST /done", form, "", 405},
		{"DELETE /", "", "", 405},
		{"BREW /", "", "", 405},
		{"OPTIONS *", "", "", 400},
		{"POST /", form, strings.Repeat("a", 70_000), 413},
		{"POST /", json, login, 415},
		{"POST /", form, "login=a&login=b", 400},
		{"POST /", form + "Origin: https://evil.test\r\n", "login=a", 403},
		{"GET /api/v1/openapi.yaml", "", "", 200},
		{"GET /api/v1/nothing", "", "", 404},
		{"GET /api/v1/recoveries", "", "", 405},
		{"BREW /api/v1/recoveries", "", "", 405},
		{"OPTIONS /api/v1/recoveries", "", "", 405},
		{"POST /api/v1/recoveries", json, "{", 400},
		{"POST /api/v1/recoveries", "", login, 415},
		{"POST /api/v1/recoveries", json, strings.Repeat(" ", 70_000), 413},
		{"GET /api/v1/recoveries/unknown", "Authorization: Bearer x\r\n", "", 401},
		{"POST /api/v1/recoveries", json, login, 202},
		{"POST /api/v1/recoveries", json, login, 202},
		{"POST /api/v1/recoveries", json, login, 429},
		{"POST /", form, "login=nobody", 303},
		{"GET /", "Host: evil.test\r\n", "", 421},
		{"GET /api/v1/recoveries", "Host: evil.test\r\n", "", 421},
		{"REDIS IS AWAY", "", "", 0},
		{"POST /api/v1/recoveries", json, `{"login":"other"}`, 503},
		{"POST /", form, "login=other", 303},
	} {
		if one.status == 0 {
			s.redis.Kill()
			continue
		}
		method, target, _ := strings.Cut(one.line, " ")
		if target == "STYLE" {
			target = style
		}
		host := "Host: " + publicName + "\r\n"
		if strings.Contains(one.header, "Host: ") {
			host = ""
		}
		length := ""
		if one.body != "" || method == "POST" {
			length = fmt.Sprintf("Content-Length: %d\r\n", len(one.body))
		}
		answer, body := s.rawOf(method, fmt.Sprintf("%s %s HTTP/1.1\r\n%s%s%sConnection: close\r\n\r\n%s", method, target, host, one.header, length, one.body))
		if answer.StatusCode != one.status {
			t.Errorf("%s: %d, want %d", one.line, answer.StatusCode, one.status)
		}
		seen[answer.StatusCode] = true
		checkHeaders(t, one.line, answer)
		if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") && elsewhere.MatchString(body) {
			t.Errorf("%s: the page has %q", one.line, elsewhere.FindString(body))
		}
		if one.line == "GET /" && style == "" {
			style = regexp.MustCompile(`/static/style\.[0-9a-f]+\.css`).FindString(body)
		}
	}
	if len(seen) < 14 {
		t.Errorf("only the statuses %v were seen", seen)
	}
}

func checkHeaders(t *testing.T, of string, answer *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"Referrer-Policy":         "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
	} {
		if name == "Cache-Control" && of == "GET STYLE" {
			want = "public, max-age=31536000, immutable"
		}
		if got := answer.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q, want %q", of, name, got, want)
		}
	}
	for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
		if answer.Header.Get(name) != "" {
			t.Errorf("%s: there is a header %s", of, name)
		}
	}
	for _, cookie := range answer.Cookies() {
		if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
			t.Errorf("%s: the cookie %v", of, cookie)
		}
	}
}
