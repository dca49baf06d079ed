package blackbox

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// browser walks the pages as a person would, without JavaScript.
type browser struct {
	s *stack
	// address is where it asks from.
	address string
	client  *http.Client
	// at is the page that is shown, with its status.
	at     *url.URL
	status int
	header http.Header
	body   string
	// stubborn: where no answer comes, the server is started again and the page
	// is loaded again, with its form, as browsers offer it. lost counts that.
	stubborn bool
	lost     int
}

func (s *stack) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s: s, address: "198.51.100.9", client: &http.Client{Jar: jar, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("pages send in circles")
		}
		return nil
	}}}
}

func (b *browser) show(request *http.Request) *browser {
	b.s.t.Helper()
	request.Header.Set("X-Forwarded-For", b.address)
	answer, err := b.client.Do(request)
	if err != nil && b.stubborn {
		b.lost++
		b.s.restart()
		if request.GetBody != nil {
			request.Body, _ = request.GetBody() // of a text, which cannot fail
		}
		answer, err = b.client.Do(request)
	}
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	b.at, b.status, b.header, b.body = answer.Request.URL, answer.StatusCode, answer.Header, string(text)
	return b
}

func (b *browser) visit(path string) *browser {
	b.s.t.Helper()
	request, _ := http.NewRequestWithContext(b.s.t.Context(), http.MethodGet, b.s.base+path, nil)
	return b.show(request)
}

// submit sends the form of the shown page whose action ends in action, with its
// hidden fields and those given.
func (b *browser) submit(action string, filled fields) *browser {
	b.s.t.Helper()
	values, found := formValues(b.body, action)
	if !found {
		b.s.t.Fatalf("no form for %q on %s:\n%s", action, b.at.Path, b.body)
	}
	for name, value := range filled {
		values.Set(name, value)
	}
	return b.post(action, values)
}

// post sends a form, also one that no page shows.
func (b *browser) post(action string, values url.Values) *browser {
	b.s.t.Helper()
	request, _ := http.NewRequestWithContext(b.s.t.Context(), http.MethodPost, b.s.base+action, strings.NewReader(values.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", b.s.base)
	return b.show(request)
}

// formValues are the values that a form sends untouched, its first button's too.
func formValues(page, action string) (url.Values, bool) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, false
	}
	for n := range root.Descendants() {
		if n.Data != "form" || attribute(n, "action") != action {
			continue
		}
		values := url.Values{}
		for field := range n.Descendants() {
			name := attribute(field, "name")
			if name != "" && (attribute(field, "type") == "hidden" || field.Data == "button") && !values.Has(name) {
				values.Set(name, attribute(field, "value"))
			}
		}
		return values, true
	}
	return nil, false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// on checks which page is shown and that it says something.
func (b *browser) on(path string, status int, says ...string) *browser {
	b.s.t.Helper()
	if b.at.Path != path || b.status != status {
		b.s.t.Fatalf("on %s with %d, want %s with %d:\n%s", b.at.Path, b.status, path, status, b.body)
	}
	for _, text := range says {
		if !strings.Contains(b.body, text) {
			b.s.t.Errorf("%s does not say %q:\n%s", path, text, b.body)
		}
	}
	return b
}

// toCode begins a recovery and asks for a code.
func (b *browser) toCode(uid string) *browser {
	b.s.t.Helper()
	b.visit("/").submit("/", fields{"login": uid}).on("/verify", http.StatusOK)
	return b.submit("/verify/send", nil).on("/verify", http.StatusOK)
}

func (b *browser) toPassword(uid string) *browser {
	b.s.t.Helper()
	known := b.s.codesTo(uid)
	b.toCode(uid)
	b.submit("/verify/code", fields{"code": b.s.code(uid, known)})
	if b.lost > 0 && b.at.Path == "/verify" {
		// The form was sent twice and may have brought two codes, the second of which
		// is good.
		b.submit("/verify/code", fields{"code": b.s.code(uid, known+1)})
	}
	return b.on("/password", http.StatusOK)
}

func (b *browser) setPassword(password string) *browser {
	b.s.t.Helper()
	return b.submit("/password", fields{"password": password, "again": password})
}

// calm reloads the page, which then no longer tells what went wrong before.
func (b *browser) calm() *browser {
	b.s.t.Helper()
	b.visit(b.at.Path).on(b.at.Path, http.StatusOK)
	if strings.Contains(b.body, "role=\"alert\"") {
		b.s.t.Errorf("%s still shows the alert after a reload:\n%s", b.at.Path, b.body)
	}
	return b
}
