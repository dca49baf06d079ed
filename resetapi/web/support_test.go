package web_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/support"
	"latchkey/resetapi/web"
)

// deskOf is a desk that is a function.
type deskOf func(support.Request) (string, error)

func (d deskOf) Submit(_ context.Context, r support.Request, _ netip.Addr) (string, error) {
	return d(r)
}

var (
	takes = web.Config{RequestsTo: "help@example.org", Name: "Service desk"}
	typed = url.Values{"name": {"Bob <b>"}, "phone": {"+49 30 1"}, "email": {"b@home.test"}, "message": {"\none\n\"two\" </textarea>"}}
)

func visitDesk(t *testing.T, f *fake, d deskOf) *browser {
	t.Helper()
	return visitAs(t, f, takes, web.Options{Desk: d})
}

func TestWriteToSupport(t *testing.T) {
	var got support.Request
	b := visitDesk(t, &fake{view: at(recovery.StepVerify)}, func(r support.Request) (string, error) {
		got = r
		return "K7MP2XQ4", nil
	})
	page := b.get("/support")
	page.shows(t, http.StatusOK, "Contact support", "At most 1000 characters.", "Service desk")
	sound(t, "en", page)
	if diff := cmp.Diff(url.Values{"name": {""}, "phone": {""}, "email": {""}, "message": {""}}, page.fields("/support")); diff != "" {
		t.Error(diff)
	}
	sent := b.post("/support", typed)
	sent.leads(t, "/support/sent")
	want := support.Request{
		Name: typed.Get("name"), Phone: typed.Get("phone"), Email: typed.Get("email"), Message: typed.Get("message"), Recovery: "ID", Language: "en",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	cookies := strings.Join(sent.Header()["Set-Cookie"], "\n")
	if !strings.Contains(cookies, "__Host-latchkey-reference=K7MP2XQ4; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Strict") {
		t.Errorf("cookies: %s", cookies)
	}
	b.cookie += "; __Host-latchkey-reference=K7MP2XQ4"
	for range 2 { // a reload says the same
		page = b.get("/support/sent")
		page.shows(t, http.StatusOK, "Your reference number: K7MP 2XQ4")
		sound(t, "en", page)
	}
}

// A stranger's cookie is nobody's recovery.
func TestWriteToSupportWithoutRecovery(t *testing.T) {
	var got support.Request
	b := visitDesk(t, &fake{show: func(recovery.Ticket) (recovery.View, error) { return recovery.View{}, recovery.ErrNoRecovery }},
		func(r support.Request) (string, error) {
			got = r
			return "K7MP2XQ4", nil
		})
	b.post("/support", typed).leads(t, "/support/sent")
	if got.Recovery != "" {
		t.Errorf("it is about the recovery %q", got.Recovery)
	}
}

// What was typed stays where it is, whatever is wrong.
func TestRefusedRequestsKeepWhatWasTyped(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
		says   []string
		wrong  string
	}{
		"faults": {
			&support.FaultsError{Faults: []support.Fault{support.NameTooLong, support.PhoneOdd, support.MessageTooLong}}, http.StatusUnprocessableEntity,
			[]string{"Please check this", "at most 100 characters", "at most 40 in all", "Shorten it to 1000 characters"},
			"name phone message",
		},
		"no way back": {
			&support.FaultsError{Faults: []support.Fault{support.NameMissing, support.NoWayBack, support.EmailOdd}}, http.StatusUnprocessableEntity,
			[]string{"Enter your name.", "so that support can reach you", "cannot be an e-mail address"},
			"name phone email",
		},
		"limited": {
			&recovery.LimitedError{RetryAfter: 9 * time.Minute}, http.StatusTooManyRequests, []string{"Yours was not sent", "Try again in 9 minutes"}, "",
		},
		"away": {store.ErrUnavailable, http.StatusServiceUnavailable, []string{"could not be sent right now"}, ""},
		"full": {recovery.ErrBusy, http.StatusServiceUnavailable, []string{"could not be sent right now"}, ""},
	} {
		b := visitDesk(t, &fake{view: at(recovery.StepVerify)}, func(support.Request) (string, error) { return "", test.err })
		page := b.post("/support", typed)
		page.shows(t, test.status, append(test.says, "Service desk")...)
		page.titled(t, "Problem: Contact support")
		sound(t, "en", page)
		var wrong []string
		values := url.Values{}
		for _, n := range append(page.all("input"), page.all("textarea")...) {
			values.Set(attribute(n, "name"), attribute(n, "value"))
			if n.Data == "textarea" && n.FirstChild != nil {
				values.Set("message", n.FirstChild.Data)
			}
			if attribute(n, "aria-invalid") == "true" {
				wrong = append(wrong, attribute(n, "name"))
			}
		}
		if diff := cmp.Diff(typed, values); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, field := range wrong {
			if !strings.Contains(page.Body.String(), `<p class="fault" id="`+field+`-fault">`) {
				t.Errorf("%s: no sentence beside the field %s", name, field)
			}
		}
		if got := strings.Join(wrong, " "); got != test.wrong {
			t.Errorf("%s: the fields %q are marked, want %q", name, got, test.wrong)
		}
		if (test.status != http.StatusUnprocessableEntity) != (page.Header().Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", name, page.Header().Get("Retry-After"))
		}
	}
}

func TestSentWithoutAReference(t *testing.T) {
	b := visitDesk(t, &fake{view: at(recovery.StepVerify)}, nil)
	for _, cookie := range []string{"", "<b>call</b>", "K7MP2XQ", "k7mp2xq4", "K7MP2XQ4."} {
		b.cookie = "__Host-latchkey-reference=" + cookie
		b.get("/support/sent").leads(t, "/support")
	}
}

// Without an address for them, nothing takes or offers requests.
func TestSupportThatTakesNoRequests(t *testing.T) {
	b := visitAs(t, &fake{view: at(recovery.StepVerify)}, web.Config{Name: "Service desk"}, web.Options{})
	b.get("/support").shows(t, http.StatusNotFound)
	b.post("/support", typed).shows(t, http.StatusNotFound)
	page := b.get("/")
	page.shows(t, http.StatusOK, "Contact your administrator", "Service desk")
	if strings.Contains(page.Body.String(), "/support\"") {
		t.Error("the page leads to the form")
	}
}

// At each step the panel comes after the same wait; where something went wrong
// it is there at once.
func TestHelpIsOnEveryPage(t *testing.T) {
	c := takes
	c.PanelAfter = setting.Duration(7500 * time.Millisecond)
	for step, path := range home {
		view := at(step)
		view.End = recovery.Expired
		b := visitAs(t, &fake{view: view, rules: known}, c, web.Options{Desk: deskOf(nil)})
		waits := step != recovery.StepEnded && step != recovery.StepSettling
		b.helped(path, waits)
		b.helped("/", true)
		b.helped("/nowhere", false)
		b.helped("/support", false)
	}
	b := visitAs(t, &fake{view: sent()}, c, web.Options{Desk: deskOf(nil)})
	b.said = "__Host-latchkey-said=/verify~3~verify.wrong_code"
	b.helped("/verify", false)
	b.helped("/verify", true)
	now := visitAs(t, &fake{view: sent()}, takes, web.Options{Desk: deskOf(nil)})
	now.helped("/verify", false)
}

// helped checks that a page has the panel, and whether it waits as configured.
func (b *browser) helped(path string, waits bool) {
	b.t.Helper()
	page := b.get(path)
	page.shows(b.t, page.Code, "Contact your administrator", "Service desk")
	if path != "/support" {
		page.shows(b.t, page.Code, "Contact support", "Write to support")
	}
	if got := strings.Contains(page.text(), "More help in a moment"); got != waits {
		b.t.Errorf("%s waits: %v", path, got)
	}
	var wait string
	for _, link := range page.all("link") {
		if href := attribute(link, "href"); strings.HasPrefix(href, "/static/wait.") {
			wait = b.get(href).Body.String()
		}
	}
	if (wait == ":root { --panel-after: 7500ms; }\n") != waits {
		b.t.Errorf("%s has the style %q", path, wait)
	}
}
