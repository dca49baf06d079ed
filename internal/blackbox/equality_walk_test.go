package blackbox

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// walk is what one class of account meets on all paths.
type walk struct {
	s     *stack
	login string
	// steps are the answers in order, without what may differ.
	steps []string
	// walked are the methods and paths that were asked.
	walked map[string]bool
	// starts is how many recoveries were begun.
	starts int
}

// apiSteps is everything that the API has, in an order in which each step is
// answered: before and after the look-up, up to the last guess and beyond it.
var apiSteps = slices.Concat([]apiStep{
	{http.MethodPost, "/recoveries", nil},
	{http.MethodGet, "/recoveries/{id}", nil},
	{http.MethodPost, "/recoveries/{id}/challenges", fields{"method": "email"}},
	awaitDelivery,
	{http.MethodGet, "/recoveries/{id}", nil},
	{http.MethodPost, "/recoveries/{id}/challenges", fields{"method": "email"}},
	{http.MethodPost, "/recoveries/{id}/challenges", fields{"method": "sms"}},
	awaitDelivery,
	{http.MethodGet, "/recoveries/{id}/password-policy", nil},
	{http.MethodPut, "/recoveries/{id}/password", fields{"password": newPassword}},
	{http.MethodPost, "/recoveries/{id}/unlock", nil},
	changeOf(newPassword), changeOf("short"),
}, slices.Repeat([]apiStep{{http.MethodPost, "/recoveries/{id}/proofs", fields{"method": "email", "code": "00000000"}}}, 6), []apiStep{
	{http.MethodGet, "/recoveries/{id}", nil},
	{http.MethodPost, "/recoveries/{id}/challenges", fields{"method": "email"}},
	{http.MethodPut, "/recoveries/{id}/password", fields{"password": newPassword}},
	{http.MethodPost, "/recoveries/{id}/unlock", nil},
	{http.MethodDelete, "/recoveries/{id}", nil},
	{http.MethodGet, "/openapi.yaml", nil},
	{http.MethodHead, "/openapi.yaml", nil},
})

type apiStep struct {
	method, path string
	body         fields
}

// whoever stands for the login of the walk.
const whoever = "{login}"

// changeOf tries a wrong password.
func changeOf(to string) apiStep {
	return apiStep{http.MethodPost, "/password-changes", fields{"login": whoever, "current_password": "not-Theirs-0", "new_password": to}}
}

// as puts the login of the walk into what is sent.
func (w *walk) as(text string) string { return strings.ReplaceAll(text, whoever, w.login) }

// awaitDelivery is no request: the look-up and the message are done then.
var awaitDelivery = apiStep{}

// pageForms are what is sent to each path of a form, in this order.
var pageForms = []struct {
	path string
	form url.Values
}{
	{"/", url.Values{"login": {""}}},
	{"/verify/send", url.Values{"method": {"email"}}},
	{"/verify/send", url.Values{"method": {"sms"}}},
	{"/password", url.Values{"password": {newPassword}, "again": {newPassword}}},
	{"/unlock", url.Values{}},
	{"/change", url.Values{"login": {whoever}, "current": {"not-Theirs-0"}, "password": {newPassword}, "again": {newPassword}}},
	{"/change", url.Values{"login": {whoever}, "current": {"not-Theirs-0"}, "password": {newPassword}, "again": {"other"}}},
	{"/support", words(nil)},
	{"/support", words(url.Values{"phone": {"call me"}})},
	{"/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}},
	{"/verify/code", url.Values{"method": {"email"}, "code": {""}}},
	{"/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}},
	{"/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}},
	{"/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}},
	{"/verify/code", url.Values{"method": {"email"}, "code": {"00000000"}}},
	{pathNotMe, url.Values{}},
	{pathNotMe, ticked},
	{"/give-up", url.Values{}},
}

// pathNotMe takes the link of a notice. Who is no holder has none, so all walk
// with noLink in its place.
const (
	pathNotMe = "/not-me/{link}"
	noLink    = "bm90IGEgbGluaw"
)

// shownOnly are the pages that take no form.
var shownOnly = []string{"/verify", "/done", "/ended", "/support/sent", "/change/done"}

// note keeps an answer.
func (w *walk) note(method, path string, status int, header http.Header, body string) {
	w.walked[method+" "+path] = true
	w.steps = append(w.steps, method+" "+path+" "+fingerprint(status, header, body))
}

func (w *walk) begin(c *caller) reply {
	w.s.t.Helper()
	w.starts++
	return c.start(w.login)
}

func (w *walk) api() {
	w.s.t.Helper()
	c := w.s.caller()
	for _, step := range apiSteps {
		if step.path == "" {
			w.s.delivered()
			continue
		}
		if step.method+step.path == "POST/recoveries" {
			r := w.begin(c)
			w.note(step.method, step.path, r.status, r.header, string(r.body))
			continue
		}
		sent := maps.Clone(step.body)
		for name, value := range sent {
			sent[name] = w.as(value)
		}
		status, header, body := c.raw(step.method, strings.Replace(step.path, "{id}", c.id, 1), sent)
		w.note(step.method, step.path, status, header, body)
	}
	w.operations()
}

// operations asks for everything that the served contract has, each on a recovery
// of its own after its look-up, and looks at that afterwards: what is new there
// is compared without a step of its own.
func (w *walk) operations() {
	w.s.t.Helper()
	offered, _ := w.s.offered()
	for _, operation := range offered {
		method, path, _ := strings.Cut(operation, " ")
		c := w.s.caller()
		w.begin(c)
		c.want(http.StatusAccepted, c.open())
		w.s.delivered()
		var body fields
		if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
			body = fields{}
		}
		status, header, answer := c.raw(method, strings.Replace(path, "{id}", c.id, 1), body)
		w.steps = append(w.steps, "alone "+operation+" "+fingerprint(status, header, answer))
		status, header, answer = c.raw(http.MethodGet, "/recoveries/"+c.id, nil)
		w.steps = append(w.steps, "behind "+operation+" "+fingerprint(status, header, answer))
	}
}

// raw is do for answers that are not JSON.
func (c *caller) raw(method, path string, body fields) (int, http.Header, string) {
	c.s.t.Helper()
	if !strings.HasSuffix(path, ".yaml") {
		var sent any
		if body != nil {
			sent = body
		}
		r := c.do(method, path, sent)
		return r.status, r.header, string(r.body)
	}
	request, err := http.NewRequestWithContext(c.s.t.Context(), method, c.s.base+"/api/v1"+path, http.NoBody)
	if err != nil {
		c.s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.s.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// pages begins a recovery in a browser that shows each redirect, sends every
// form, and looks at every page before it, after it, and at the end.
func (w *walk) pages() {
	w.s.t.Helper()
	b := w.s.browser()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	look := func() {
		for _, path := range w.paths() {
			b.visit(strings.Replace(path, "{link}", noLink, 1))
			w.note(http.MethodGet, path, b.status, b.header, b.body)
		}
	}
	send := func(path string, form url.Values) {
		typed := url.Values{}
		for name, values := range form {
			typed.Set(name, w.as(values[0]))
		}
		b.post(strings.Replace(path, "{link}", noLink, 1), typed)
		w.note(http.MethodPost, path, b.status, b.header, b.body)
	}
	w.starts++
	send("/", url.Values{"login": {w.login}})
	look()
	for i, form := range pageForms {
		send(form.path, form.form)
		if i == 1 { // the look-up and the message come from here on
			w.s.delivered()
			look()
		}
		b.visit("/verify")
		w.note(http.MethodGet, "/verify", b.status, b.header, b.body)
	}
	look()
}

// paths are all pages that are known here.
func (w *walk) paths() []string {
	paths := slices.Clone(shownOnly)
	for _, form := range pageForms {
		paths = append(paths, form.path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// offered are the methods and paths that the contract names, and the paths of
// the site's pages.
func (s *stack) offered() (api, pages []string) {
	s.t.Helper()
	_, _, contract := s.caller().raw(http.MethodGet, "/openapi.yaml", nil)
	var path string
	for _, line := range regexp.MustCompile(`(?m)^  (/\S*):$|^    (get|head|post|put|patch|delete):$`).FindAllStringSubmatch(contract, -1) {
		if line[1] != "" {
			path = line[1]
			continue
		}
		api = append(api, strings.ToUpper(line[2])+" "+path)
	}
	source, err := os.ReadFile("../../resetapi/web/path.go")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?m)^\tpath\w+ += "(/[^"]*)"$`).FindAllStringSubmatch(string(source), -1) {
		pages = append(pages, line[1])
	}
	if len(api) < 8 || len(pages) < 10 {
		s.t.Fatalf("the paths cannot be read: %v, %v", api, pages)
	}
	return api, pages
}

// complete fails for a path that nobody walked.
func (w *walk) complete(t *testing.T) {
	t.Helper()
	api, pages := w.s.offered()
	for _, path := range pages {
		api = append(api, http.MethodGet+" "+path)
	}
	for _, path := range api {
		if !w.walked[path] {
			t.Errorf("%s is not walked: add it to the steps in this file, so that it is compared for all classes of account", path)
		}
	}
}
