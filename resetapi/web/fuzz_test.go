package web_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"latchkey/resetapi/recovery"
	"latchkey/resetapi/support"
	"latchkey/resetapi/web"
)

// obliging is a service that takes everything, at any step.
func obliging(step recovery.Step) *fake {
	view := at(step)
	if step == recovery.StepVerify {
		view = sent()
	}
	ticket := recovery.Ticket{ID: "ID", Token: "NEXT"}
	return &fake{
		view:  view,
		start: func(recovery.StartRequest) (recovery.Ticket, recovery.View, error) { return ticket, view, nil },
		give:  func(recovery.Ticket) error { return nil },
		open:  func(recovery.Method) (recovery.View, error) { return view, nil },
		prove: func(recovery.Ticket, recovery.Method, string) (recovery.Ticket, recovery.View, error) {
			return ticket, view, &recovery.WrongCodeError{TriesLeft: 3}
		},
		rules: func() (recovery.PasswordRules, error) { return recovery.PasswordRules{MinLength: 15}, nil },
		lock:  func() (recovery.View, error) { return view, nil },
		set: func(string) (recovery.View, error) {
			return view, &recovery.RefusedError{Reasons: []string{"too_short", "made up"}}
		},
	}
}

// strictDesk finds something wrong with every request for help.
type strictDesk struct{}

func (strictDesk) Submit(_ context.Context, r support.Request, _ netip.Addr) (string, error) {
	if r.Name == "" {
		return "", &support.FaultsError{Faults: []support.Fault{support.NameMissing, support.NoWayBack}}
	}
	return "", &support.FaultsError{Faults: []support.Fault{support.EmailOdd, support.PhoneOdd, support.MessageTooLong}}
}

// sites are the pages before services at each step.
func sites(f *testing.F) []*web.Site {
	f.Helper()
	var all []*web.Site
	for _, step := range []recovery.Step{recovery.StepVerify, recovery.StepSetPassword, recovery.StepSettling, recovery.StepDone, recovery.StepEnded} {
		c := web.Defaults()
		c.RequestsTo = "help@example.org"
		site, err := web.New(c, obliging(step), slog.New(slog.DiscardHandler), web.Options{
			Address: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") }, RequestID: func(context.Context) string { return "REQUEST7" },
			Desk: strictDesk{},
		})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, site)
	}
	return all
}

const fromBrowser = " HTTP/1.1\r\nHost: reset.example.org\r\nCookie: __Host-latchkey=ID.TOKEN"

// inert fails where a page could do anything but be read and send our forms.
func inert(t *testing.T, page string) {
	t.Helper()
	tree, err := html.Parse(strings.NewReader(page))
	if err != nil || !utf8.ValidString(page) {
		t.Fatalf("no page in UTF-8: %v", err)
	}
	elements := []string{
		"html", "head", "meta", "title", "link", "body", "header", "a", "img", "span", "main", "ol", "li", "h1", "h2", "h3", "div", "ul", "p", "footer", "section",
		"address", "strong", "form", "label", "input", "textarea", "button", "code", "noscript", "small", "em", "dl", "dt", "dd",
	}
	for n := range tree.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(elements, n.Data) {
			t.Errorf("the page has an element %q:\n%s", n.Data, page)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc", a.Key == "formaction":
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			case a.Key == "href", a.Key == "src", a.Key == "action":
				if !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "mailto:") && !strings.HasPrefix(a.Val, "tel:") || strings.HasPrefix(a.Val, "//") {
					t.Errorf("%s leads to %q", n.Data, a.Val)
				}
			}
		}
	}
}

// FuzzPage: whatever a browser sends, no page fails, acts, or leads away, and no
// cookie is set but ours.
func FuzzPage(f *testing.F) {
	post := func(path, body string) string {
		return "POST " + path + fromBrowser + "\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n" + body
	}
	for i, text := range []string{
		"GET /" + fromBrowser + "\r\n\r\n", "GET /?notice=no_recovery HTTP/1.1\r\nHost: x\r\n\r\n", "GET /verify" + fromBrowser + "; __Host-latchkey-said=/verify~3~verify.wrong_code\r\n\r\n",
		"GET /password?notice=not_set" + fromBrowser + "; __Host-latchkey-said=/password~0~reason.too_short~reason.<b>\r\n\r\n", "GET /done" + fromBrowser + "\r\n\r\n", "GET /ended" + fromBrowser + "\r\n\r\n",
		"GET /support/sent" + fromBrowser + "; __Host-latchkey-reference=K7MP2XQ4\r\n\r\n", "GET /static/style.css HTTP/1.1\r\nHost: x\r\n\r\n", "GET /static/..%2f HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%1b%5b2J%0d%0aX: HTTP/1.1\r\nHost: x\r\n\r\n", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /verify/code" + fromBrowser + "\r\n\r\n",
		"GET /" + fromBrowser + "\r\nAccept-Language: de;q=0.9,*;q=0, en-x-\x1b, " + strings.Repeat("x-y,", 400) + "\r\n\r\n",
		"GET /" + fromBrowser + "=a.b; __Host-latchkey=\"quoted.value\"; latchkey=x.y; __Host-latchkey-device=\x00\r\n\r\n",
		post("/", "login=%3Cscript%3E"), post("/", "login=a&login=b"), post("/", "login=%zz"), post("/", "login=%ff%00"), post("/verify/send", "method=email"),
		post("/verify/code", "method=email&code=1234+5678"), post("/verify/code?x=/evil", "method=%3C&code=%D9%A1"), post("/password?/evil", "password=&again="), post("/password", "password=x&again=y"), post("/password", "password=%ff&again=%ff"),
		post("/give-up", ""), post("/support", "name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&phone=javascript:1&email=a@b&message=%3C/textarea%3E%3Cimg+src=x+onerror=1%3E%E2%80%AE"),
		post("/support", "name=&phone=&email=&message="+strings.Repeat("x", 2000)),
	} {
		f.Add([]byte(text), byte(i))
	}
	all := sites(f)
	f.Fuzz(func(t *testing.T, wire []byte, step byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			return
		}
		_, body, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
		r.Body = io.NopCloser(bytes.NewReader(body)) // a length that does not fit hides the form
		if step%2 == 0 {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // most find their way no further otherwise
		}
		w := httptest.NewRecorder()
		all[int(step)%len(all)].ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%q: status %d", wire, w.Code)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && w.Body.Len() > 0 && w.Code != http.StatusTemporaryRedirect && w.Code != http.StatusMovedPermanently {
			inert(t, w.Body.String())
		}
		paths := []string{"/", "/?notice=no_recovery", "/verify", "/password", "/password?notice=not_set", "/done", "/ended", "/support", "/support/sent"}
		if w.Code == http.StatusSeeOther && !slices.Contains(paths, w.Header().Get("Location")) {
			t.Errorf("%q leads to %q", wire, w.Header().Get("Location"))
		}
		if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\")) {
			t.Errorf("%q leads away to %q", wire, to)
		}
		for _, set := range w.Result().Cookies() {
			if !strings.HasPrefix(set.Name, "__Host-latchkey") || !set.Secure || !set.HttpOnly || set.SameSite != http.SameSiteStrictMode || strings.ContainsFunc(set.Value, foreignToCookie) {
				t.Errorf("%q sets %v", wire, set)
			}
		}
	})
}

func foreignToCookie(r rune) bool {
	return !unicode.In(r, unicode.ASCII_Hex_Digit) && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("._~/-", r)
}

// FuzzSaid: a cookie makes a page say our own sentences, each once, and nothing
// that stands in the cookie.
func FuzzSaid(f *testing.F) {
	var ours strings.Builder
	names, err := filepath.Glob("messages/*.toml")
	if err != nil || len(names) < 2 {
		f.Fatalf("%v: %v", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		ours.Write(text)
	}
	for _, said := range []string{
		"/verify~3~verify.wrong_code", "/verify~2147483647~problem.limited.text", "/verify~-1~x", "/verify~0~Call +49301234567 now", "/verify~1~verify.wrong_code~verify.wrong_code",
		"/verify~1~start.title~brand~support.title", "/verify~1~reason.<script>", "/verify~1~reason.too_short" + strings.Repeat("~reason.in_history", 300), "~~", "/verify", "/verify~99999999999~x",
	} {
		f.Add(said)
	}
	site := sites(f)[0]
	f.Fuzz(func(t *testing.T, said string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/verify", nil)
		r.Header.Set("Cookie", "__Host-latchkey=ID.TOKEN; __Host-latchkey-said="+said)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%q: status %d", said, w.Code)
		}
		inert(t, w.Body.String())
		a := read(t, w)
		shown := a.text()
		for _, part := range strings.Split(said, "~") {
			if len(part) > 5 && !strings.Contains(ours.String(), part) && strings.Contains(shown, part) {
				t.Errorf("%q is said on the page: %s", part, shown)
			}
		}
		const most = 30
		if n := len(a.all("li")); n > most {
			t.Errorf("%q says %d things", said, n)
		}
	})
}

// FuzzTyped: what a person typed for support stands in the form again as it was,
// and nowhere else.
func FuzzTyped(f *testing.F) {
	for _, text := range []string{
		"<b>x</b>", `"><script>`, "</textarea><script>", "{{.}}", "javascript:alert(1)", "a\r\nb", "\u202eabc", "\x1b[2J", "&lt;", "' onmouseover='x", "\n\nx", "=HYPERLINK(1)", "\xff", "\x00", " x ",
	} {
		f.Add(text, text)
	}
	site := sites(f)[0]
	f.Fuzz(func(t *testing.T, name, message string) {
		fields := url.Values{"name": {name}, "phone": {name}, "email": {name}, "message": {message}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/support", strings.NewReader(fields.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if len(fields.Encode()) > 60_000 {
			return
		}
		if w.Code != http.StatusUnprocessableEntity {
			t.Fatalf("status %d", w.Code)
		}
		inert(t, w.Body.String())
		a := read(t, w)
		if got := a.fields("/support").Get("name"); got != browserReads(name) {
			t.Errorf("%q stands there as %q", name, got)
		}
		area := ""
		for n := range a.all("textarea")[0].Descendants() {
			area += n.Data
		}
		if area != browserReads(message) {
			t.Errorf("%q stands there as %q", message, area)
		}
	})
}

// browserReads is a text as it comes out of a page: line breaks are one
// character, and what is no text is replaced.
func browserReads(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\ufffd").Replace(s)
	return strings.ToValidUTF8(s, "\ufffd")
}
