package resetapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
)

// written are requests as they come over the wire.
var written = []string{
	"POST /api/v1/recoveries HTTP/1.1\r\nHost: reset.example.org\r\nContent-Type: application/json\r\n\r\n" + loginBody,
	"GET /api/v1" + onePath + " HTTP/1.1\r\nHost: reset.example.org\r\nAuthorization: Bearer " + firstToken + "\r\n\r\n",
	"DELETE /api/v1" + onePath + " HTTP/1.1\r\nHost: reset.example.org\r\nAuthorization: bearer x\r\n\r\n",
	"POST /api/v1" + onePath + "/challenges HTTP/1.1\r\nHost: RESET.example.org\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{\"method\":\"sms\"}",
	"POST /api/v1" + onePath + "/proofs HTTP/1.1\r\nHost: reset.example.org\r\nContent-Type: application/json\r\n\r\n" + codeBody,
	"GET /api/v1" + onePath + "/password-policy HTTP/1.1\r\nHost: reset.example.org\r\n\r\n",
	"PUT /api/v1" + onePath + "/password HTTP/1.1\r\nHost: reset.example.org\r\nContent-Type: application/json\r\nOrigin: https://reset.example.org\r\n\r\n" + passwordBody,
	"PUT /api/v1" + onePath + "/password HTTP/1.1\r\nHost: reset.example.org\r\nContent-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n\r\n" + passwordBody,
	"GET /api/v1/openapi.yaml HTTP/1.1\r\nHost: reset.example.org\r\nIf-None-Match: *\r\nRange: bytes=1-2,-9\r\n\r\n",
	"HEAD /api/v1/openapi.yaml HTTP/1.0\r\nHost: reset.example.org\r\nIf-Modified-Since: x\r\n\r\n",
	"PROPFIND /api/v1/recoveries HTTP/1.1\r\nHost: reset.example.org\r\n\r\n",
	"PROPFIND /api/v1/x HTTP/1.1\r\nHost: reset.example.org\r\n\r\n",
	"PROPFIND / HTTP/1.1\r\nHost: reset.example.org\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: reset.example.org\r\n\r\n",
	"CONNECT reset.example.org:443 HTTP/1.1\r\nHost: reset.example.org\r\n\r\n",
	"GET http://evil.example/api/v1/recoveries/%2e%2e/%00 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
	"GET /api/v1/recoveries/\x1b[2J%0d%0aSet-Cookie:%20x HTTP/1.1\r\nHost: reset.example.org\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n",
	"POST /api/v1/recoveries HTTP/1.1\r\nHost: reset.example.org\r\nContent-Type: application/json\r\n\r\n{\"login\":\"a\",\"login\":\"b\"}",
	"POST /api/v1/recoveries HTTP/1.1\r\nHost: reset.example.org\r\nContent-Type: application/json\r\n\r\n{\"login\":\"\\ud800\",\"LOGIN\":{}}//",
	"POST /api/v1/recoveries HTTP/1.1\r\nHost: reset.example.org\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"log\r\n0\r\n\r\n",
}

// outcome makes the service answer in one of the ways in which it does.
func (s *scripted) outcome(n byte, start bool) {
	steps := []recovery.Step{recovery.StepVerify, recovery.StepSetPassword, recovery.StepSettling, recovery.StepDone, recovery.StepEnded}
	s.view, s.token = viewOf(steps[int(n)%len(steps)]), nextToken
	if s.view.Step == recovery.StepEnded {
		s.view.End = recovery.Expired
	}
	s.rules = recovery.PasswordRules{MinLength: 15, MaxLength: 256, History: 3}
	switch {
	case n%3 == 0 && start:
		s.err = &recovery.LimitedError{RetryAfter: time.Minute}
	case n%3 == 0:
		s.err = recovery.ErrNoRecovery
	}
}

// FuzzRequest: whatever comes over the wire, the answer is none of 5xx, is the
// one that the contract describes, and has all that protects a browser.
func FuzzRequest(f *testing.F) {
	spec, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range written {
		for n := range byte(5) {
			f.Add([]byte(text), n)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, n byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.7:40000"
		if n%2 == 0 {
			r.Host = "reset.example.org" // most find their way no further otherwise
		}
		a := newAPI(t, spec)
		a.service.outcome(n, strings.HasSuffix(r.URL.Path, "/recoveries"))
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		answer := w.Result()
		if answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode < http.StatusOK {
			t.Errorf("%q: status %d", wire, answer.StatusCode)
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security", "X-Request-Id"} {
			if answer.Header.Get(name) == "" {
				t.Errorf("%q: no %s", wire, name)
			}
		}
		for name, values := range answer.Header {
			if strings.ContainsFunc(name+strings.Join(values, ""), unicode.IsControl) {
				t.Errorf("%q: a header %q: %q", wire, name, values)
			}
		}
		path, ours := strings.CutPrefix(r.URL.EscapedPath(), "/api/v1/")
		if !ours || strings.Contains(path, "//") || r.URL.Path != r.URL.EscapedPath() || r.Method == http.MethodConnect {
			return
		}
		if err := answered(a.input(good(r.Method, "/"+path, ""), answer.StatusCode), answer); err != nil && answer.StatusCode != http.StatusMisdirectedRequest && answer.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %v", wire, err)
		}
		if lines := strings.Count(a.log.String(), "\n"); strings.ContainsFunc(strings.ReplaceAll(a.log.String(), "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) || lines == 0 {
			t.Errorf("%q: logged %q", wire, a.log.String())
		}
	})
}

// FuzzBody: what the service is asked is what any other reader of JSON reads,
// or the body is refused.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		loginBody, `{"login":"\u0061"}`, `{"login":"a","login":"b"}`, `{"Login":"a"}`, `{"login":null}`, `{"login":["a"]}`, `{"login":"a"} x`, "\ufeff" + loginBody,
		`{"login":"\ud83d\ude00"}`, `{"login":"\ud800"}`, "{\"login\":\"\xff\"}", `{"login":"` + "\u202e\x7f" + `"}`, "[" + loginBody + "]", `{"login":"a","x":1}`, "", "{", `"login"`,
		`{"login":"` + strings.Repeat("a", 70_000) + `"}`, strings.Repeat("[", 20_000), `{"login":1e999}`,
	} {
		f.Add([]byte(body), "application/json")
	}
	f.Add([]byte(loginBody), "application/json; charset=utf-16")
	f.Add([]byte(loginBody), "text/plain")
	f.Add([]byte(loginBody), "application/json;;\x00")
	f.Fuzz(func(t *testing.T, body []byte, media string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, site, io.NopCloser(http.MaxBytesReader(nil, io.NopCloser(bytes.NewReader(body)), maxBody)))
		r.Header.Set("Content-Type", media)
		got, err := texts(r, "login")
		if err != nil {
			if _, ours := errors.AsType[*problem.RequestError](err); !ours || problem.From(err).Status >= 500 {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		var other map[string]string
		if err := json.Unmarshal(body, &other); err != nil || len(other) != 1 || other["login"] != got["login"] || !utf8.ValidString(got["login"]) {
			t.Errorf("%q is %q here, and %q elsewhere: %v", body, got, other, err)
		}
		// Some read the first of two members of one name, and some the last.
		const brackets, member = 2, 2
		tokens, decoder := 0, json.NewDecoder(bytes.NewReader(body))
		for _, err := decoder.Token(); err == nil; _, err = decoder.Token() {
			tokens++
		}
		if tokens != brackets+member || !utf8.Valid(body) || strings.Contains(got["login"], "\ufffd") {
			t.Errorf("%q can be read in several ways", body)
		}
	})
}

// FuzzAddress: only a trusted proxy says where a request came from, and what it
// adds at the end counts, never what a client wrote in front.
func FuzzAddress(f *testing.F) {
	for _, header := range []string{
		"", "203.0.113.9", "203.0.113.9, 198.51.100.7", "127.0.0.1", "198.51.100.7, 127.0.0.1", "unknown", "198.51.100.7:443", "[2001:db8::1]", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0",
		" , ,", "198.51.100.7,", "127.0.0.1, ::1", "1.2.3.4\r\nX: y", "_hidden", "\"198.51.100.7\"", "0198.051.100.007", strings.Repeat("1.1.1.1,", 3000),
	} {
		f.Add(header, "", "127.0.0.1:4000")
		f.Add(header, "198.51.100.7", "192.0.2.7:4000")
	}
	f.Add("10.9.8.7", "203.0.113.9", "[::1]:4000")
	f.Add("10.9.8.7", "203.0.113.9", "[fe80::1%eth0]:4000")
	f.Add("10.9.8.7", "203.0.113.9", "@")
	a := &scripted{view: viewOf(recovery.StepVerify)}
	c := Defaults()
	c.PublicURL = site
	f.Fuzz(func(t *testing.T, header, added, peer string) {
		handler := New(c, a, a, noPages{}, noMeter{}, slog.New(slog.DiscardHandler)).Handler()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, site+"/api/v1"+onePath, nil)
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = []string{header}
		if added != "" {
			r.Header.Add("X-Forwarded-For", added)
		}
		r.Header.Set("X-Real-Ip", "10.6.6.6")
		r.Header.Set("Forwarded", "for=10.6.6.6")
		r.Header.Set("True-Client-Ip", "10.6.6.6")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		got := a.ticket.Address
		from, err := netip.ParseAddrPort(peer)
		if err != nil {
			return // no server writes such an address
		}
		own := from.Addr().Unmap().WithZone("")
		switch last, lastErr := netip.ParseAddr(added); {
		case !got.IsValid() || got.Zone() != "" || got.Is4In6():
			t.Errorf("%q, %q from %q: %v", header, added, peer, got)
		case !own.IsLoopback() && got != own:
			t.Errorf("%q, %q from %q: %v, but nobody trusts the peer", header, added, peer, got)
		case own.IsLoopback() && lastErr == nil && !last.Unmap().IsLoopback() && last.Zone() == "" && got != last.Unmap():
			t.Errorf("%q, %q from %q: %v, but the proxy saw %v", header, added, peer, got, last)
		case own.IsLoopback() && got != own && !slices.ContainsFunc(strings.Split(header+","+added, ","), func(part string) bool {
			one, err := netip.ParseAddr(strings.TrimSpace(part))
			return err == nil && one.Unmap().WithZone("") == got
		}):
			t.Errorf("%q, %q from %q: %v, which stands nowhere", header, added, peer, got)
		}
	})
}
