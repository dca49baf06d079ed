package web_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/resetapi/recovery"
	"latchkey/resetapi/web"
)

func begin(request *recovery.StartRequest) func(recovery.StartRequest) (recovery.Ticket, recovery.View, error) {
	return func(r recovery.StartRequest) (recovery.Ticket, recovery.View, error) {
		if request != nil {
			*request = r
		}
		return recovery.Ticket{ID: "NEW", Token: "FRESH"}, at(recovery.StepVerify), nil
	}
}

func TestStart(t *testing.T) {
	var request recovery.StartRequest
	b := visit(t, &fake{start: begin(&request)})
	b.cookie, b.languages = "", "de-AT, en;q=0.5"
	page := b.get("/")
	page.shows(t, http.StatusOK, "Passwort vergessen?", "Benutzername")
	if diff := cmp.Diff(url.Values{"login": {""}}, page.fields("/")); diff != "" {
		t.Error(diff)
	}
	b.post("/", url.Values{"login": {" alice "}, "dn": {"cn=other"}}).leads(t, "/verify")
	want := recovery.StartRequest{Login: "alice", Languages: "de", Origin: recovery.Web, Address: netip.MustParseAddr("192.0.2.7")}
	if diff := cmp.Diff(want, request, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

// S12: the attributes of the cookies, and a value that the browser brought is
// never taken over.
func TestS12_Cookie(t *testing.T) {
	for name, test := range map[string]struct {
		insecure   bool
		want, said string
	}{
		"https": {
			false, "__Host-latchkey=NEW.FRESH; Path=/; HttpOnly; Secure; SameSite=Strict",
			"__Host-latchkey-said=/verify~0; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict",
		},
		"http on loopback": {
			true, "latchkey=NEW.FRESH; Path=/; HttpOnly; SameSite=Strict",
			"latchkey-said=/verify~0; Path=/; Max-Age=60; HttpOnly; SameSite=Strict",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{start: begin(nil), give: func(recovery.Ticket) error { return nil }}
			b := visitAs(t, f, web.Config{}, web.Options{Insecure: test.insecure})
			got := b.post("/", url.Values{"login": {"alice"}}).Header()["Set-Cookie"]
			if diff := cmp.Diff([]string{test.want, test.said}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStartGivesUpWhatWasBegun(t *testing.T) {
	var given []string
	b := visit(t, &fake{start: begin(nil), give: func(t recovery.Ticket) error {
		given = append(given, t.ID+"."+t.Token)
		return recovery.ErrNotNow
	}})
	b.post("/", url.Values{"login": {"alice"}}).leads(t, "/verify")
	if diff := cmp.Diff([]string{"ID.TOKEN"}, given); diff != "" {
		t.Error(diff)
	}
}

func TestStartRefusesWhatIsNoLogin(t *testing.T) {
	b := visit(t, &fake{})
	for login, sentence := range map[string]string{
		"  ":                     "Enter your user name.",
		"a\x00b":                 "This cannot be a user name.",
		strings.Repeat("a", 257): "This cannot be a user name.",
	} {
		page := b.refused("/", url.Values{"login": {login}}, "/")
		page.shows(t, http.StatusOK, "Please check this", sentence)
		page.titled(t, "Problem: Forgot your password?")
	}
}

// What was typed is not kept: neither on the page nor on the way to it.
func TestRefusedStartKeepsNoLogin(t *testing.T) {
	const login = `"><script>alert(1)</script><b x='`
	b := visit(t, &fake{start: func(recovery.StartRequest) (recovery.Ticket, recovery.View, error) {
		return recovery.Ticket{}, recovery.View{}, &recovery.LimitedError{RetryAfter: 9*time.Minute - time.Millisecond}
	}})
	answer := b.post("/", url.Values{"login": {login}})
	answer.leads(t, "/")
	want := []string{"__Host-latchkey-said=/~540~problem.limited.text; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict"}
	if diff := cmp.Diff(want, answer.Header()["Set-Cookie"]); diff != "" {
		t.Error(diff)
	}
	page := b.get("/")
	page.shows(t, http.StatusOK, "too many attempts", "Try again in 9 minutes.")
	if len(page.all("script")) > 0 || strings.Contains(page.Body.String(), "alert(1)") {
		t.Error("the page holds the login")
	}
}

func TestStartOffersToGoOn(t *testing.T) {
	for step, path := range map[recovery.Step]string{
		recovery.StepVerify: "/verify", recovery.StepSetPassword: "/password", recovery.StepSettling: "/done",
		recovery.StepDone: "", recovery.StepEnded: "",
	} {
		page := visit(t, &fake{view: at(step)}).get("/")
		var offered string
		for _, link := range page.all("a") {
			if attribute(link, "class") == "button" {
				offered = attribute(link, "href")
			}
		}
		if offered != path {
			t.Errorf("%s: offers %q, want %q", step, offered, path)
		}
	}
}
