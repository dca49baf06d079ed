package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/resetapi/problem"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/web"
)

// home is the page of each step.
var home = map[recovery.Step]string{
	recovery.StepVerify: "/verify", recovery.StepSetPassword: "/password",
	recovery.StepSettling: "/done", recovery.StepDone: "/done", recovery.StepEnded: "/ended",
}

// Going back, reloading and a second tab end at the page of the state.
func TestWrongPageLeadsToTheRightOne(t *testing.T) {
	for step, own := range home {
		view := at(step)
		view.End = recovery.Expired
		b := visit(t, &fake{view: view, rules: known})
		for _, path := range []string{"/verify", "/verify/code", "/verify/send", "/give-up", "/password", "/done", "/ended"} {
			got := b.get(path)
			switch {
			case path == own:
				got.shows(t, http.StatusOK)
			case path == "/done" && step == recovery.StepSetPassword:
				got.leads(t, "/password?notice=not_set")
			default:
				got.leads(t, own)
			}
		}
	}
}

// Forms sent from a page that is no longer the right one do the same.
func TestLateFormsLeadToTheRightPage(t *testing.T) {
	for step, own := range home {
		b := visit(t, &fake{
			view: at(step), rules: known,
			give: func(recovery.Ticket) error { return recovery.ErrNotNow },
			open: func(recovery.Method) (recovery.View, error) { return recovery.View{}, recovery.ErrNotNow },
			set:  func(string) (recovery.View, error) { return recovery.View{}, recovery.ErrNotNow },
			prove: func(recovery.Ticket, recovery.Method, string) (recovery.Ticket, recovery.View, error) {
				return recovery.Ticket{}, recovery.View{}, recovery.ErrNotNow
			},
		})
		for path, fields := range forms {
			answer := b.post(path, fields)
			for hops := 0; answer.Code == http.StatusSeeOther && hops < 3; hops++ {
				answer = b.get(answer.Header().Get("Location"))
			}
			answer.shows(t, http.StatusOK)
			if got := answer.at; got != own {
				t.Errorf("%s at %s leads to %q, want %q", path, step, got, own)
			}
		}
	}
}

var forms = map[string]url.Values{
	"/verify/send": {"method": {"email"}}, "/verify/code": {"method": {"email"}, "code": {"12345678"}},
	"/password": {"password": {"x"}, "again": {"x"}}, "/give-up": {},
}

func TestTicketOfTheCookie(t *testing.T) {
	var got recovery.Ticket
	b := visit(t, &fake{show: func(ticket recovery.Ticket) (recovery.View, error) {
		got = ticket
		return at(recovery.StepVerify), nil
	}})
	b.get("/verify").shows(t, http.StatusOK)
	want := recovery.Ticket{ID: "ID", Token: "TOKEN", Origin: recovery.Web, Address: netip.MustParseAddr("192.0.2.7")}
	if got != want {
		t.Errorf("ticket %v, want %v", got, want)
	}
}

func TestWithoutRecovery(t *testing.T) {
	asked := 0
	f := &fake{show: func(recovery.Ticket) (recovery.View, error) {
		asked++
		return recovery.View{}, recovery.ErrNoRecovery
	}}
	for cookie, asks := range map[string]int{
		"": 0, "__Host-latchkey=GONE.GONE": 1, "__Host-latchkey=": 0, "__Host-latchkey=a.": 0, "__Host-latchkey=.b": 0,
		"__Host-latchkey=a.b%0d%0ac.d": 0, "__Host-latchkey=a.b:*": 0, "latchkey=ID.TOKEN": 0,
		"__Host-latchkey=a." + strings.Repeat("b", 129): 0,
	} {
		b := visit(t, f)
		b.cookie = cookie
		for _, path := range []string{"/verify", "/password", "/done", "/ended"} {
			asked = 0
			b.get(path).leads(t, "/?notice=no_recovery")
			if asked != asks {
				t.Errorf("%q: the service was asked %d times, want %d", cookie, asked, asks)
			}
		}
		b.get("/?notice=no_recovery").shows(t, http.StatusOK, "Nothing is lost", "User name")
	}
	b := visit(t, f)
	b.cookie = ""
	for path, fields := range forms {
		b.post(path, fields).leads(t, "/?notice=no_recovery")
	}
}

func TestNoticesAreOurs(t *testing.T) {
	b := visit(t, &fake{})
	b.cookie = ""
	if diff := cmp.Diff(b.get("/").Body.String(), b.get("/?notice=<b>call+0900</b>").Body.String()); diff != "" {
		t.Error(diff)
	}
}

func TestGiveUp(t *testing.T) {
	given := false
	view := at(recovery.StepEnded)
	view.End = recovery.GivenUp
	b := visit(t, &fake{view: view, give: func(recovery.Ticket) error {
		given = true
		return nil
	}})
	b.post("/give-up", nil).leads(t, "/ended")
	b.get("/ended").shows(t, http.StatusOK, "Reset canceled", "Your password was not changed.")
	if !given {
		t.Error("nothing was given up")
	}
}

// TestAnEndWithADeadPassword: nobody whose old password is dead is told that it was
// not changed.
func TestAnEndWithADeadPassword(t *testing.T) {
	view := at(recovery.StepEnded)
	view.MustFinish = true
	for _, view.End = range []recovery.End{recovery.GivenUp, recovery.Expired, recovery.TooManyRefusals} {
		page := visit(t, &fake{view: view}).get("/ended")
		page.shows(t, http.StatusOK, "your old password does not work any more", "Start again")
		if strings.Contains(page.text(), "not changed") {
			t.Errorf("%s: %s", view.End, page.text())
		}
	}
}

// S11: HEAD answers like GET, without a body, and neither changes anything: the
// fake would panic.
func TestS11_Head(t *testing.T) {
	for step, path := range home {
		b := visit(t, &fake{view: at(step), rules: known})
		get, head := b.get(path), b.send(http.MethodHead, path, "")
		if head.Body.Len() != 0 || head.Code != get.Code {
			t.Errorf("HEAD %s: %d with %d bytes", path, head.Code, head.Body.Len())
		}
		if diff := cmp.Diff(get.Header(), head.Header()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOtherMethodsAndPaths(t *testing.T) {
	b := visit(t, &fake{view: at(recovery.StepVerify)})
	for path, allow := range map[string]string{"/": "GET, HEAD, POST", "/verify": "GET, HEAD", "/verify/code": "GET, HEAD, POST", "/give-up": "GET, HEAD, POST", "/password": "GET, HEAD, POST"} {
		got := b.send(http.MethodDelete, path, "")
		got.shows(t, http.StatusMethodNotAllowed, "That does not work here")
		if got.Header().Get("Allow") != allow {
			t.Errorf("%s: Allow %q, want %q", path, got.Header().Get("Allow"), allow)
		}
	}
	for _, path := range []string{"/nowhere", "/verify/", "/static/style.css", "/static/", "/favicon.ico", "/templates/start.html"} {
		b.get(path).shows(t, http.StatusNotFound, "There is no such page")
	}
}

func TestFormsAreReadStrictly(t *testing.T) {
	b := visit(t, &fake{})
	b.send(http.MethodPost, "/", "login=a&login=b").shows(t, http.StatusBadRequest)
	b.send(http.MethodPost, "/", "").shows(t, http.StatusBadRequest)
	b.send(http.MethodPost, "/?login=alice", "x=1").shows(t, http.StatusBadRequest)
	b.send(http.MethodPost, "/", "login=%zz").shows(t, http.StatusBadRequest)
	b.send(http.MethodPost, "/", "login="+strings.Repeat("a", 70<<10)).shows(t, http.StatusRequestEntityTooLarge)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"login":"alice"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r)
	read(t, w).shows(t, http.StatusUnsupportedMediaType)
}

func TestInternalErrorsSayNothing(t *testing.T) {
	b := visit(t, &fake{show: func(recovery.Ticket) (recovery.View, error) { return recovery.View{}, errors.New("cn=secret") }})
	page := b.get("/verify")
	page.shows(t, http.StatusInternalServerError, "Something went wrong here", "REQUEST7")
	if strings.Contains(page.Body.String(), "cn=secret") {
		t.Error("the page tells the cause")
	}
}

// Every page has one h1, a language, no script and no style of its own, a label
// for each field, and is not kept by any cache.
func TestEveryPageIsSound(t *testing.T) {
	for _, languages := range []string{"en", "de"} {
		for step, path := range home {
			view := at(step)
			view.End = recovery.Expired
			b := visit(t, &fake{view: view, rules: known})
			b.languages = languages
			sound(t, languages, b.get(path))
			sound(t, languages, b.get("/"))
			sound(t, languages, b.get("/nowhere"))
		}
		b := visit(t, &fake{view: sent(), prove: func(recovery.Ticket, recovery.Method, string) (recovery.Ticket, recovery.View, error) {
			return recovery.Ticket{}, recovery.View{}, &recovery.WrongCodeError{TriesLeft: 2}
		}})
		b.languages = languages
		sound(t, languages, b.get("/verify"))
		sound(t, languages, b.refused("/verify/code", forms["/verify/code"], "/verify"))
	}
}

func sound(t *testing.T, language string, page answer) {
	t.Helper()
	if len(page.all("h1")) != 1 || len(page.all("main")) != 1 || attribute(page.all("html")[0], "lang") != language {
		t.Errorf("not one h1, one main and lang=%s:\n%s", language, page.Body)
	}
	if len(page.all("script"))+len(page.all("style")) > 0 || regexp.MustCompile(`(?i)\s(style|on\w+)=`).MatchString(page.Body.String()) {
		t.Errorf("script or style:\n%s", page.Body)
	}
	if page.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
		t.Errorf("headers %v", page.Header())
	}
	labels := make(map[string]bool)
	for _, label := range page.all("label") {
		labels[attribute(label, "for")] = true
	}
	for _, input := range page.all("input") {
		if attribute(input, "type") != "hidden" && !labels[attribute(input, "id")] {
			t.Errorf("the field %q has no label", attribute(input, "name"))
		}
	}
	ids := make(map[string]bool)
	for n := range page.page.Descendants() {
		ids[attribute(n, "id")] = true
	}
	for n := range page.page.Descendants() {
		for id := range strings.FieldsSeq(attribute(n, "aria-describedby") + " " + attribute(n, "aria-labelledby")) {
			if !ids[id] {
				t.Errorf("%s refers to %q, which is not there", n.Data, id)
			}
		}
	}
}

func TestSupportIsShownToEveryone(t *testing.T) {
	c := web.Config{ServiceName: "Example & Sons", Name: "Service desk", Email: "help@example.org", Phone: "+49 (30) 1234-0", Text: "8 to 18"}
	b := visitAs(t, &fake{view: at(recovery.StepVerify)}, c, web.Options{})
	for _, path := range []string{"/", "/verify", "/nowhere"} {
		page := b.get(path)
		page.shows(t, page.Code, "Example & Sons", "Need help?", "Service desk", "help@example.org", "+49 (30) 1234-0", "8 to 18")
		var links []string
		for _, link := range page.all("a") {
			links = append(links, attribute(link, "href"))
		}
		if got := strings.Join(links, " "); !strings.Contains(got, "mailto:help@example.org tel:+4930") {
			t.Errorf("links %s", got)
		}
	}
}

func TestStaticFiles(t *testing.T) {
	b := visit(t, &fake{})
	page := b.get("/")
	var found int
	for _, n := range append(page.all("link"), page.all("img")...) {
		path := attribute(n, "href") + attribute(n, "src")
		file := b.get(path)
		if file.Code != http.StatusOK || !strings.Contains(file.Header().Get("Cache-Control"), "immutable") || file.Body.Len() > 8<<10 {
			t.Errorf("%s: %d, %s, %d bytes", path, file.Code, file.Header().Get("Cache-Control"), file.Body.Len())
		}
		found++
	}
	if found != 3 {
		t.Errorf("%d static files, want style, icon and logo", found)
	}
}

// The server around the pages shows its own refusals by Fail.
func TestFail(t *testing.T) {
	b := visit(t, &fake{})
	for _, kind := range []problem.Type{problem.Misdirected, problem.CrossOrigin, problem.TooLarge} {
		w := httptest.NewRecorder()
		p := problem.Of(kind, "detail for programs")
		b.site.Fail(w, httptest.NewRequest(http.MethodPost, "/", nil), p)
		page := read(t, w)
		page.shows(t, p.Status, "Reference for support: REQUEST7")
		if strings.Contains(page.text(), "detail for programs") {
			t.Error("the page shows the detail")
		}
	}
}
