package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/resetapi/recovery"
	"latchkey/resetapi/web"
)

// What was said of a form is shown by the page it is for, once, and is gone
// with whatever page is shown next.
func TestSaidOnceAndWhereItBelongs(t *testing.T) {
	f := &fake{view: sent(), prove: func(recovery.Ticket, recovery.Method, string) (recovery.Ticket, recovery.View, error) {
		return recovery.Ticket{}, recovery.View{}, &recovery.WrongCodeError{TriesLeft: 4}
	}}
	for _, first := range []string{"/verify", "/", "/nowhere"} {
		b := visit(t, f)
		b.post("/verify/code", forms["/verify/code"]).leads(t, "/verify")
		b.get("/done").leads(t, "/verify") // a redirect shows nothing, and keeps it
		page := b.get(first)
		if got := strings.Contains(page.text(), "you have 4 tries left"); got != (first == "/verify") {
			t.Errorf("%s says it: %v", first, got)
		}
		want := []string{"__Host-latchkey-said=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict"}
		if diff := cmp.Diff(want, page.Header()["Set-Cookie"]); diff != "" {
			t.Errorf("%s: %s", first, diff)
		}
		b.get("/verify").titled(t, "Enter the code")
	}
}

func TestSaidOverHTTPOnTheLoopback(t *testing.T) {
	b := visitAs(t, &fake{}, web.Config{}, web.Options{Insecure: true})
	answer := b.post("/", url.Values{"login": {""}})
	want := []string{"latchkey-said=/~0~start.login_missing; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"}
	if diff := cmp.Diff(want, answer.Header()["Set-Cookie"]); diff != "" {
		t.Error(diff)
	}
	b.get("/").shows(t, http.StatusOK, "Enter your user name.")
}

// The cookie chooses among our own sentences. Whatever else it holds, the page
// is as if it were not there.
func TestSaidByOthersIsIgnored(t *testing.T) {
	b := visit(t, &fake{view: sent()})
	plain := b.get("/verify").Body.String()
	for _, value := range []string{
		"", "~", "~~", "/verify", "/verify~3", "/verify~3~", "/verify~~verify.wrong_code", "/verify~-1~verify.wrong_code",
		"/verify~99999999999~verify.wrong_code", "/verify~1e3~verify.wrong_code", "/password~3~verify.wrong_code",
		"verify~3~verify.wrong_code", "/verify~3~<b>call+0900</b>", "/verify~3~reason.call_0900", "/verify~3~done.title",
		"/verify~3~problem.internal.text", "/verify~3~problem.wrong_code", "/verify~3~verify.wrong_code%0d",
		strings.Repeat("/verify~3~", 400),
	} {
		b.said = "__Host-latchkey-said=" + value
		if diff := cmp.Diff(plain, b.get("/verify").Body.String()); diff != "" {
			t.Errorf("%.60q changed the page: %s", value, diff)
		}
	}
	b.said = "__Host-latchkey-said=/verify~3~done.title~verify.wrong_code~verify.wrong_code"
	page := b.get("/verify")
	page.shows(t, http.StatusOK, "you have 3 tries left")
	if strings.Count(page.text(), "you have 3 tries left") != 1 {
		t.Error("the page repeats itself")
	}
}

// Where the field is gone, the sentence points to none.
func TestSaidWithoutItsField(t *testing.T) {
	v := sent()
	v.Now = v.Challenge.ExpiresAt
	b := visit(t, &fake{view: v})
	b.said = "__Host-latchkey-said=/verify~0~verify.no_tries"
	page := b.get("/verify")
	page.shows(t, http.StatusOK, "cannot be tried again", "That did not work")
	for _, link := range page.all("a") {
		if attribute(link, "href") == "#code" {
			t.Error("a link to a field that is not there")
		}
	}
}

// Every form changes a cookie, so that the page it was sent from is not shown
// again from the memory of the browser.
func TestEveryFormChangesACookie(t *testing.T) {
	for path, view := range map[string]recovery.View{
		"/": sent(), "/verify/send": sent(), "/verify/code": at(recovery.StepSetPassword),
		"/password": at(recovery.StepDone), "/give-up": at(recovery.StepEnded),
	} {
		b := visit(t, &fake{
			view: view, start: begin(nil),
			give: func(recovery.Ticket) error { return nil },
			open: func(recovery.Method) (recovery.View, error) { return view, nil },
			set:  func(string) (recovery.View, error) { return view, nil },
			prove: func(ticket recovery.Ticket, _ recovery.Method, _ string) (recovery.Ticket, recovery.View, error) {
				return ticket, view, nil
			},
		})
		fields := forms[path]
		if path == "/" {
			fields = url.Values{"login": {"alice"}}
		}
		own := home[view.Step]
		b.post(path, fields).leads(t, own)
		if want := "__Host-latchkey-said=" + own + "~0"; b.said != want {
			t.Errorf("%s sets %q, want %q", path, b.said, want)
		}
	}
}
