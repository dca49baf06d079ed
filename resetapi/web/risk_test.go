package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/resetapi/recovery"
)

// TestS19_SMSIsLabelled: whoever can choose SMS reads once that it is the less
// protected way, and nobody else does.
func TestS19_SMSIsLabelled(t *testing.T) {
	over := sent()
	over.Now = over.Challenge.ExpiresAt.Add(time.Second)
	for name, view := range map[string]recovery.View{"choice": at(recovery.StepVerify), "resend": sent(), "over": over} {
		for language, sentence := range map[string]string{"en": "less well protected", "de": "weniger gut geschützt"} {
			for _, methods := range [][]recovery.Method{{recovery.EmailCode}, {recovery.SMSCode}, {recovery.EmailCode, recovery.SMSCode}} {
				view.Methods = methods
				b := visit(t, &fake{view: view})
				b.languages = language
				want := 1
				if methods[0] == recovery.EmailCode && len(methods) == 1 {
					want = 0
				}
				if got := strings.Count(b.get("/verify").text(), sentence); got != want {
					t.Errorf("%s in %s with %v: it is said %d times, want %d", name, language, methods, got, want)
				}
			}
		}
	}
}

// TestSaferIsSaidWhereItCanBeChosen: only somebody who has another way is told
// to take it.
func TestSaferIsSaidWhereItCanBeChosen(t *testing.T) {
	for want, methods := range [][]recovery.Method{{recovery.SMSCode}, {recovery.EmailCode, recovery.SMSCode}} {
		view := at(recovery.StepVerify)
		view.Methods = methods
		if got := strings.Count(visit(t, &fake{view: view}).get("/verify").text(), "the safer choice"); got != want {
			t.Errorf("%v: it is said %d times, want %d", methods, got, want)
		}
	}
}

// TestTheSecondGateKnowsWho: who has passed a gate is spoken to without an if.
func TestTheSecondGateKnowsWho(t *testing.T) {
	for name, view := range map[string]recovery.View{"choice": at(recovery.StepVerify), "sent": sent()} {
		for passed, hedges := range map[int]bool{0: true, 1: false} {
			view.GatesPassed = passed
			text := visit(t, &fake{view: view}).get("/verify").text()
			if got := strings.Contains(text, "f this account can be reset here"); got != hedges {
				t.Errorf("%s with %d gates passed: hedges %t, want %t:\n%s", name, passed, got, hedges, text)
			}
		}
	}
}

func TestRoutesHaveFewNames(t *testing.T) {
	site := visit(t, &fake{}).site
	for path, want := range map[string]string{
		"/": "/", "/verify": "/verify", "/verify/code": "/verify/code", "/support/sent": "/support/sent",
		"/static/style-1.css": "/static/{name}", "/static/x": "/static/{name}", "/nowhere": "", "/verify/": "",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, "BREW"} {
			if got := site.Route(httptest.NewRequest(method, path, nil)); got != want {
				t.Errorf("%s %s: %q, want %q", method, path, got, want)
			}
		}
	}
}
