package resetapi

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/resetapi/change"
	"latchkey/resetapi/recovery"
)

const (
	onePath      = "/recoveries/" + recoveryID
	loginBody    = `{"login":"alice"}`
	codeBody     = `{"method":"email","code":"4937 0125"}`
	passwordBody = `{"password":"purple Elephants 42 times"}`
)

// TestHandlersPassOn: what the request says reaches the service, with the
// client's address behind a trusted proxy and nothing trimmed.
func TestHandlersPassOn(t *testing.T) {
	spec := description(t)
	owner := recovery.Ticket{ID: recoveryID, Token: firstToken, Origin: recovery.API, Address: netip.MustParseAddr("198.51.100.7")}
	for _, test := range []struct {
		method, path, body string
		asked              string
		texts              []string
		status             int
		step               recovery.Step
	}{
		{"GET", onePath, "", "view", nil, 200, recovery.StepVerify},
		{"DELETE", onePath, "", "give up", nil, 204, ""},
		{"POST", onePath + "/challenges", `{"method":"sms"}`, "open", []string{"sms"}, 202, recovery.StepVerify},
		{"POST", onePath + "/proofs", codeBody, "prove", []string{"email", "4937 0125"}, 200, recovery.StepVerify},
		{"GET", onePath + "/password-policy", "", "rules", nil, 200, ""},
		{"PUT", onePath + "/password", `{"password":"  spaces & \u00e4\u0000 "}`, "set", []string{"  spaces & ä\x00 "}, 200, recovery.StepDone},
		{"POST", onePath + "/unlock", "", "unlock", nil, 200, recovery.StepDone},
		{"PUT", onePath + "/password", passwordBody, "set", []string{"purple Elephants 42 times"}, 202, recovery.StepSettling},
	} {
		a := newAPI(t, spec)
		a.service.view, a.service.token = viewOf(test.step), nextToken
		a.service.view.Unlocked = test.asked == "unlock"
		a.service.rules = recovery.PasswordRules{MinLength: 8, MaxLength: 64}
		c := good(test.method, test.path, test.body)
		c.header.Set("X-Forwarded-For", "203.0.113.9, 198.51.100.7")
		c.proxied = true
		answer := a.send(c)
		if answer.StatusCode != test.status || a.service.asked != test.asked {
			t.Errorf("%s %s: status %d, asked %q", test.method, test.path, answer.StatusCode, a.service.asked)
		}
		if diff := cmp.Diff(owner, a.service.ticket, cmpopts.EquateComparable(netip.Addr{})); diff != "" || !slices.Equal(a.service.texts, test.texts) {
			t.Errorf("%s %s: texts %q, ticket (-want +got):\n%s", test.method, test.path, a.service.texts, diff)
		}
	}
}

// viewOf is a view that fits a step.
func viewOf(step recovery.Step) recovery.View {
	v := recovery.View{ID: recoveryID, Step: step, ExpiresAt: at("09:40:00"), Now: at("09:30:00")}
	if step == recovery.StepVerify {
		v.GatesLeft, v.Methods = 1, []recovery.Method{recovery.SMSCode}
		v.Challenge = &recovery.ChallengeView{Method: recovery.SMSCode, ExpiresAt: at("09:40:00"), ResendAt: at("09:30:00")}
	}
	return v
}

// TestChangePassesOn: nothing of the passwords is trimmed, and the notice knows
// the language and the browser.
func TestChangePassesOn(t *testing.T) {
	a := newAPI(t, description(t))
	a.service.changed = change.Done
	c := good("POST", "/password-changes", `{"login":" alice ","current_password":" old ","new_password":"  new & \u00e4 "}`)
	c.header.Set("Accept-Language", "de-CH")
	c.header.Set("X-Forwarded-For", "198.51.100.7")
	c.proxied = true
	if answer := a.send(c); answer.StatusCode != http.StatusOK {
		t.Errorf("status %d", answer.StatusCode)
	}
	want := change.Request{Login: " alice ", Current: " old ", New: "  new & ä ", Languages: "de-CH", Address: netip.MustParseAddr("198.51.100.7")}
	if diff := cmp.Diff(want, a.service.change, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

func TestStartPassesOn(t *testing.T) {
	spec := description(t)
	a := newAPI(t, spec)
	a.service.view, a.service.token = viewOf(recovery.StepVerify), firstToken
	a.service.view.Challenge = nil
	c := good("POST", "/recoveries", `{"login":" alice "}`)
	c.header.Set("Accept-Language", "de-CH, en;q=0.5")
	c.header.Set("Content-Type", "Application/JSON; charset=utf-8")
	c.header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	answer := a.send(c)
	want := recovery.StartRequest{
		Login: " alice ", Languages: "de-CH, en;q=0.5", Origin: recovery.API, Address: netip.MustParseAddr("192.0.2.1"),
		Browser: recovery.BrowserName(c.header.Get("User-Agent")),
	}
	if diff := cmp.Diff(want, a.service.start, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if at := answer.Header.Get("Location"); at != "/api/v1"+onePath {
		t.Errorf("location %q", at)
	}
}

// TestEveryValueFits shows every step, end, method and reason through the
// handlers, and what has no example of its own.
func TestEveryValueFits(t *testing.T) {
	spec := description(t)
	view := func(v recovery.View) {
		t.Helper()
		a := newAPI(t, spec)
		a.service.view = v
		a.send(good("GET", onePath, ""))
	}
	for _, step := range constants(t, "recovery", "Step") {
		v := viewOf(recovery.Step(step))
		if v.Step == recovery.StepEnded {
			continue
		}
		view(v)
	}
	for _, end := range constants(t, "recovery", "End") {
		v := viewOf(recovery.StepEnded)
		v.End = recovery.End(end)
		view(v)
		wantStatus(t, spec, &recovery.EndedError{End: v.End}, map[bool]int{true: 403, false: 410}[v.End == recovery.NotAllowed])
	}
	for _, method := range constants(t, "recovery", "Method") {
		v := viewOf(recovery.StepVerify)
		v.Methods, v.Challenge.Method = []recovery.Method{recovery.Method(method)}, recovery.Method(method)
		view(v)
	}
	for _, reason := range slices.Concat(constants(t, "password", ""), constants(t, "../internal/directory", "Reason")) {
		wantStatus(t, spec, &recovery.RefusedError{Reasons: []string{reason}}, 422)
	}
	for _, err := range []error{recovery.ErrBusy, recovery.ErrFrozen, audit.ErrUnwritable, fmt.Errorf("x: %w", directory.ErrUnavailable)} {
		wantStatus(t, spec, err, 503)
	}
}

// wantStatus makes the setting of a password fail.
func wantStatus(t *testing.T, spec *openapi3.T, err error, status int) {
	t.Helper()
	a := newAPI(t, spec)
	a.service.err = err
	if answer := a.send(good("PUT", onePath+"/password", passwordBody)); answer.StatusCode != status {
		t.Errorf("%v: status %d, want %d", err, answer.StatusCode, status)
	}
}

// TestBodies: the contract and the reader refuse the same bodies, and neither
// lets them reach the service.
func TestBodies(t *testing.T) {
	spec := description(t)
	for _, body := range []string{
		``, ` `, `{}`, `[]`, `null`, `"alice"`, `["alice"]`, `{"login":null}`, `{"login":1}`, `{"login":["alice"]}`,
		`{"login":{"$ne":""}}`, `{"login":"alice","mail":"x"}`, `{"Login":"alice"}`, `{"login":"alice"`, `{login:"alice"}`,
	} {
		a, c := newAPI(t, spec), good("POST", "/recoveries", body)
		c.header.Set("Content-Type", "application/json")
		c.wrong = true
		if answer := a.send(c); answer.StatusCode != http.StatusBadRequest || a.service.asked != "" {
			t.Errorf("%s: status %d, asked %q", body, answer.StatusCode, a.service.asked)
		}
	}
}

// TestReaderIsStricter than a validator, which passes over a member that stands
// twice and over what follows the object.
func TestReaderIsStricter(t *testing.T) {
	spec := description(t)
	for _, body := range []string{`{"login":"alice","login":"bob"}`, `{"login":"alice"}{}`, `{"login":"alice"},`, `{"login":"alice"} x`} {
		a := newAPI(t, spec)
		if answer := a.send(good("POST", "/recoveries", body)); answer.StatusCode != http.StatusBadRequest || a.service.asked != "" {
			t.Errorf("%s: status %d, asked %q", body, answer.StatusCode, a.service.asked)
		}
	}
}

// TestTokens: only a bearer token is one; everything else is no token, and it
// is the service that refuses it.
func TestTokens(t *testing.T) {
	spec := description(t)
	for header, token := range map[string]string{
		"Bearer " + firstToken: firstToken,
		"bearer " + firstToken: firstToken,
		"Basic " + firstToken:  "",
		"Bearer":               "",
		firstToken:             "",
		"":                     "",
	} {
		a, c := newAPI(t, spec), good("GET", onePath, "")
		a.service.err = recovery.ErrNoRecovery
		c.header.Set("Authorization", header)
		c.header.Set("Cookie", "token="+firstToken)
		c.wrong = !strings.HasPrefix(header, "Bearer ")
		if answer := a.send(c); answer.StatusCode != http.StatusUnauthorized || a.service.ticket.Token != token {
			t.Errorf("%q: status %d, token %q", header, answer.StatusCode, a.service.ticket.Token)
		}
	}
}

// TestPanicsAreProblems: the caller gets the document, the log the place, and
// nobody the value.
func TestPanicsAreProblems(t *testing.T) {
	spec := description(t)
	a := newAPI(t, spec)
	a.service.burst = "what somebody typed"
	answer := a.send(good("PUT", onePath+"/password", passwordBody))
	if log := a.log.String(); answer.StatusCode != 500 || !strings.Contains(log, "msg=panic") || strings.Contains(log, "typed") {
		t.Errorf("status %d, log\n%s", answer.StatusCode, log)
	}
}

// TestElsewhere: other paths and methods are problems of the API, in it, and
// pages outside of it.
func TestElsewhere(t *testing.T) {
	spec := description(t)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nothing", 404},
		{"GET", onePath + "/nothing", 404},
		{"GET", onePath + "/", 404},
		{"GET", "/recoveries/", 404},
		{"GET", "/recoveries", 405},
		{"HEAD", onePath, 405},
		{"OPTIONS", onePath, 405},
		{"PUT", onePath + "/proofs", 405},
		{"POST", "/openapi.yaml", 405},
	} {
		a, c := newAPI(t, spec), good(test.method, test.path, "")
		c.wrong = true
		if answer := a.send(c); answer.StatusCode != test.status || a.service.asked != "" {
			t.Errorf("%s %s: status %d, asked %q", test.method, test.path, answer.StatusCode, a.service.asked)
		}
	}
}

// TestContractIsServed as it lies in the source, without a token, and as
// little kept by anybody as everything else.
func TestContractIsServed(t *testing.T) {
	spec := description(t)
	for _, method := range []string{"GET", "HEAD"} {
		a := newAPI(t, spec)
		answer := a.send(good(method, "/openapi.yaml", ""))
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != 200 || answer.ContentLength != int64(len(contract)) {
			t.Errorf("%s: status %d, length %d, %v", method, answer.StatusCode, answer.ContentLength, err)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/yaml", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", method, name, got)
			}
		}
		if method == "GET" && string(body) != string(contract) {
			t.Error("another document is served")
		}
	}
}

// TestTimesAreRounded: the store's clock has parts of a second, and a wait that
// is over is none.
func TestTimesAreRounded(t *testing.T) {
	spec := description(t)
	for wait, want := range map[time.Duration]string{
		29600 * time.Millisecond: `"resend_after":30`,
		-time.Hour:               `"resend_after":0`,
	} {
		a := newAPI(t, spec)
		v := viewOf(recovery.StepVerify)
		v.Now = v.Now.Add(123 * time.Millisecond)
		v.Challenge.ResendAt, v.ExpiresAt = v.Now.Add(wait), v.ExpiresAt.Add(900*time.Millisecond).In(time.FixedZone("east", 3600))
		a.service.view = v
		body, err := io.ReadAll(a.send(good("GET", onePath, "")).Body)
		if err != nil || !strings.Contains(string(body), want) || !strings.Contains(string(body), `"expires_at":"2026-03-02T09:40:00Z"}`) {
			t.Errorf("%v: %s, %v", wait, body, err)
		}
	}
}
