package inbox

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The addresses and texts of the tests.
const message = "From: reset@example.test\r\nTo: alice@home.test\r\nSubject: =?UTF-8?q?Your_c=C3=B6de?=\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n1234 5678 =E2=80=93 see http://127.0.0.1:1/x.\r\n" +
	"--b\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n<p>1234 5678</p>\r\n--b--\r\n"

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func newPage(t *testing.T) (*Inbox, *Page) {
	t.Helper()
	i := new(Inbox)
	p, err := NewPage(i, Words{Wizard: "http://127.0.0.1:1", Password: "old-one", Cast: []Role{{"alice", "is somebody", "Something happens."}}})
	if err != nil {
		t.Fatal(err)
	}
	return i, p
}

// TestMailArrives by SMTP, and is shown with its links and codes.
func TestMailArrives(t *testing.T) {
	i, p := newPage(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { _ = i.ServeMail(l) }()
	if err := smtp.SendMail(l.Addr().String(), nil, "reset@example.test", []string{"alice@home.test"}, []byte(message)); err != nil {
		t.Fatal(err)
	}
	items := i.after(0)
	want := Item{Number: 1, Kind: Mail, To: "alice@home.test", Title: "Your cöde", Text: "1234 5678 – see http://127.0.0.1:1/x.", HTML: "<p>1234 5678</p>"}
	if len(items) != 1 {
		t.Fatalf("%d mails arrived", len(items))
	}
	want.At = items[0].At
	if diff := cmp.Diff(want, items[0]); diff != "" {
		t.Errorf("the mail (-want +got):\n%s", diff)
	}
	page := get(t, p, "/").Body.String()
	for _, part := range []string{
		"Your cöde", "alice@home.test", `<strong class="code">1234 5678</strong>`, `<a href="http://127.0.0.1:1/x" target="wizard">`,
		"This is a demonstration", "old-one", "Something happens.",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s:\n%s", part, page)
		}
	}
	framed := get(t, p, "/mail/1")
	if framed.Body.String() != "<p>1234 5678</p>" || !strings.Contains(framed.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the mail as HTML: %v %s", framed.Header(), framed.Body)
	}
	if got := get(t, p, "/mail/2").Code; got != http.StatusNotFound {
		t.Errorf("a mail that is not there: %d", got)
	}
}

// TestBadMailIsRefused with a reason, not kept.
func TestBadMailIsRefused(t *testing.T) {
	for _, bad := range []string{"no header", "Subject: x\nContent-Type: ;\n\n", "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nends"} {
		if _, err := readMail(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestSMSArrives by HTTP.
func TestSMSArrives(t *testing.T) {
	i, p := newPage(t)
	send := func(body string) int {
		w := httptest.NewRecorder()
		i.TakeSMS(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/messages", strings.NewReader(body)))
		return w.Code
	}
	if got := send(`{"to":"+491713920001","text":"12345678 is your code"}`); got != http.StatusAccepted {
		t.Errorf("answered %d", got)
	}
	if got := send(`{`); got != http.StatusBadRequest {
		t.Errorf("what is no message is answered %d", got)
	}
	if page := get(t, p, "/").Body.String(); !strings.Contains(page, `<strong class="code">12345678</strong> is your code`) || !strings.Contains(page, "491713920001") {
		t.Errorf("the page lacks the SMS:\n%s", page)
	}
}

// TestNews: only what is newer is told, the newest first, and nothing twice.
func TestNews(t *testing.T) {
	i, p := newPage(t)
	if got := get(t, p, "/new?after=0"); got.Code != http.StatusNoContent || got.Body.Len() > 0 {
		t.Errorf("an empty inbox: %d %s", got.Code, got.Body)
	}
	for n := range 3 {
		i.Add(Item{Kind: Directory, Title: fmt.Sprintf("title %d", n+1), Checks: []Check{{"Tried", "refused", n != 1}}})
	}
	news := get(t, p, "/new?after=1").Body.String()
	if a, b := strings.Index(news, "title 3"), strings.Index(news, "title 2"); a < 0 || b < a || strings.Contains(news, "title 1") || strings.Contains(news, "<html") {
		t.Errorf("news:\n%s", news)
	}
	if strings.Count(news, `class="wrong"`) != 1 || strings.Count(news, `class="right"`) != 1 {
		t.Errorf("right and wrong are not told apart:\n%s", news)
	}
	if got := get(t, p, "/new?after=x").Code; got != http.StatusBadRequest {
		t.Errorf("after x: %d", got)
	}
	for range 2 * mostKept {
		i.Add(Item{})
	}
	if kept := i.after(0); len(kept) != mostKept || kept[0].Number != 2*mostKept+3 {
		t.Errorf("%d items are kept", len(kept))
	}
}

// TestNothingRuns: what is sent cannot become a part of the page.
func TestNothingRuns(t *testing.T) {
	i, p := newPage(t)
	i.Add(Item{Kind: Mail, To: "<b>", Title: "<script>", Text: "http://x/\"onload=<script>", HTML: "<script>"})
	answer := get(t, p, "/")
	text, _ := io.ReadAll(answer.Body)
	if strings.Count(string(text), "<script") != 1 || strings.Contains(string(text), "<b>") || strings.Contains(string(text), `"onload`) {
		t.Errorf("the page:\n%s", text)
	}
	if csp := answer.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}
}

func TestPieces(t *testing.T) {
	for text, want := range map[string][]piece{
		"":                               nil,
		"plain":                          {{Text: "plain"}},
		"1234 5678":                      {{Text: "1234 5678", Code: true}},
		"@127.0.0.1 #12345678":           {{Text: "@127.0.0.1 #"}, {Text: "12345678", Code: true}},
		"+491713920001 and +49 901820":   {{Text: "+491713920001 and +49 901820"}},
		"see https://x.test/a?b=1), now": {{Text: "see "}, {Text: "https://x.test/a?b=1", Link: true}, {Text: "), now"}},
	} {
		if diff := cmp.Diff(want, pieces(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
