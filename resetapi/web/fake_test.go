package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"latchkey/resetapi/recovery"
	"latchkey/resetapi/web"
)

// now is the store's clock in these tests.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fake is a recovery service of functions; one that is not set must not be
// called, but for View, which shows view.
type fake struct {
	view  recovery.View
	start func(recovery.StartRequest) (recovery.Ticket, recovery.View, error)
	give  func(recovery.Ticket) error
	show  func(recovery.Ticket) (recovery.View, error)
	open  func(recovery.Method) (recovery.View, error)
	prove func(recovery.Ticket, recovery.Method, string) (recovery.Ticket, recovery.View, error)
	rules func() (recovery.PasswordRules, error)
	set   func(string) (recovery.View, error)
	lock  func() (recovery.View, error)
}

func (f *fake) Start(_ context.Context, r recovery.StartRequest) (recovery.Ticket, recovery.View, error) {
	return f.start(r)
}

func (f *fake) GiveUp(_ context.Context, t recovery.Ticket) error { return f.give(t) }

func (f *fake) View(_ context.Context, t recovery.Ticket) (recovery.View, error) {
	if f.show != nil {
		return f.show(t)
	}
	return f.view, nil
}

func (f *fake) Open(_ context.Context, _ recovery.Ticket, m recovery.Method) (recovery.View, error) {
	return f.open(m)
}

func (f *fake) Prove(_ context.Context, t recovery.Ticket, m recovery.Method, code string) (recovery.Ticket, recovery.View, error) {
	return f.prove(t, m, code)
}

func (f *fake) Remember(context.Context, recovery.Ticket) (string, error) { return "mark", nil }

func (f *fake) PasswordRules(context.Context, recovery.Ticket) (recovery.PasswordRules, error) {
	return f.rules()
}

func (f *fake) SetPassword(_ context.Context, _ recovery.Ticket, password string) (recovery.View, error) {
	return f.set(password)
}

func (f *fake) Unlock(context.Context, recovery.Ticket) (recovery.View, error) { return f.lock() }

// at is a recovery at a step.
func at(step recovery.Step) recovery.View {
	return recovery.View{
		ID: "ID", Step: step, GatesLeft: 1, Methods: []recovery.Method{recovery.EmailCode},
		Now: now, ExpiresAt: now.Add(10 * time.Minute),
	}
}

// sent is a recovery whose code was sent just now.
func sent() recovery.View {
	v := at(recovery.StepVerify)
	v.Challenge = &recovery.ChallengeView{
		Method: recovery.EmailCode, ExpiresAt: now.Add(10 * time.Minute), ResendAt: now.Add(30 * time.Second),
	}
	return v
}

// browser sends requests with the cookies and the languages that it holds. It
// keeps what was said of a form, and nothing else by itself.
type browser struct {
	t         *testing.T
	site      *web.Site
	cookie    string
	said      string
	languages string
}

func visit(t *testing.T, f *fake) *browser {
	t.Helper()
	return visitAs(t, f, web.Config{}, web.Options{})
}

// visitAs opens a browser that holds the ticket of a recovery.
func visitAs(t *testing.T, f *fake, c web.Config, o web.Options) *browser {
	t.Helper()
	o.Address = func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") }
	o.RequestID = func(context.Context) string { return "REQUEST7" }
	site, err := web.New(c, f, slog.New(slog.DiscardHandler), o)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, site: site, cookie: "__Host-latchkey=ID.TOKEN"}
}

// answer is a response to a request for a path, and what its page holds.
type answer struct {
	*httptest.ResponseRecorder
	at   string
	page *html.Node
}

func (b *browser) get(path string) answer { return b.send(http.MethodGet, path, "") }

func (b *browser) post(path string, fields url.Values) answer {
	return b.send(http.MethodPost, path, fields.Encode())
}

// refused sends a form that leads back to a page, and returns that page.
func (b *browser) refused(path string, fields url.Values, page string) answer {
	b.t.Helper()
	b.post(path, fields).leads(b.t, page)
	return b.get(page)
}

func (b *browser) send(method, path, body string) answer {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, cookie := range []string{b.cookie, b.said} {
		if cookie != "" {
			r.Header.Add("Cookie", cookie)
		}
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", b.languages)
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r)
	for _, set := range w.Result().Cookies() {
		if strings.HasSuffix(set.Name, "-said") {
			b.said = ""
			if set.MaxAge > 0 {
				b.said = set.Name + "=" + set.Value
			}
		}
	}
	answer := read(b.t, w)
	answer.at = path
	return answer
}

func read(t *testing.T, w *httptest.ResponseRecorder) answer {
	t.Helper()
	page, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	return answer{w, "", page}
}

// leads fails unless the answer sends the browser on to a path.
func (a answer) leads(t *testing.T, path string) {
	t.Helper()
	if a.Code != http.StatusSeeOther || a.Header().Get("Location") != path {
		t.Errorf("%d to %q, want 303 to %q", a.Code, a.Header().Get("Location"), path)
	}
	if a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the redirect to %q may be kept", path)
	}
}

// shows fails unless the answer has a status and a page with all texts.
func (a answer) shows(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.Code != status {
		t.Errorf("status %d, want %d", a.Code, status)
	}
	for _, want := range texts {
		if !strings.Contains(a.text(), want) {
			t.Errorf("the page does not say %q:\n%s", want, a.text())
		}
	}
}

// titled fails unless the page has a title before the name of the service.
func (a answer) titled(t *testing.T, want string) {
	t.Helper()
	if got := a.all("title")[0].FirstChild.Data; got != want+" – Password reset" {
		t.Errorf("the title is %q, want %q", got, want)
	}
}

// text is what a person can read, title and head left out.
func (a answer) text() string {
	var words []string
	for n := range a.page.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "title" {
			words = append(words, strings.Fields(n.Data)...)
		}
	}
	return strings.Join(words, " ")
}

// all are the elements of a name.
func (a answer) all(name string) []*html.Node {
	var found []*html.Node
	for n := range a.page.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

// fields are the values of what the form to a path would send.
func (a answer) fields(path string) url.Values {
	values := url.Values{}
	for _, form := range a.all("form") {
		if attribute(form, "action") != path {
			continue
		}
		for n := range form.Descendants() {
			if name := attribute(n, "name"); name != "" {
				values.Add(name, attribute(n, "value"))
			}
		}
	}
	return values
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
