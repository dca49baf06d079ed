package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/testenv"
)

// supported takes requests for help, and holds the panel back for a time that
// no default has.
const supported = `panel_after = "7s"
requests_to = "support@help.test"
[support.requests_to_directory]
main = "main@help.test"
`

// helpful goes where the section [support] ends: its further keys, and limits,
// those of support as given.
func helpful(perAddress string) string {
	return supported + roomy() + "[limits.support_per_address]\nrates = [\"" + perAddress + "\"]\n"
}

// words are a complete request.
func words(change url.Values) url.Values {
	all := url.Values{"name": {"Bob Builder"}, "phone": {"+49 30 1234"}, "email": {"bob@elsewhere.test"}, "message": {"My phone is lost."}}
	for name, value := range change {
		all[name] = value
	}
	return all
}

var shownReference = regexp.MustCompile(`<code class="reference">([A-HJ-NP-Z2-9]{4} [A-HJ-NP-Z2-9]{4})</code>`)

// sent checks that the page after a request is shown, and returns its number.
func (b *browser) sent() string {
	b.s.t.Helper()
	b.on("/support/sent", http.StatusOK, "Your reference number")
	found := shownReference.FindStringSubmatch(b.body)
	if found == nil {
		b.s.t.Fatalf("no reference number:\n%s", b.body)
	}
	return found[1]
}

// request waits for the mail with a reference number.
func (s *stack) request(reference string) testenv.Message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	message, err := s.mail.Await(ctx, func(m testenv.Message) bool { return strings.Contains(m.Subject, reference) })
	if err != nil {
		s.t.Fatalf("no mail about %s: %v", reference, err)
	}
	return message
}

// TestSupportGetsWhatTheFormSays: with the number that the page shows, at the
// address of the person's directory, with the login that was typed before.
func TestSupportGetsWhatTheFormSays(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m")})
	b := s.browser().toCode("bob")
	s.code("bob", 0) // so that it is known who bob is
	b.visit("/support").on("/support", http.StatusOK, "Contact support", "The help desk")
	b.post("/support", words(url.Values{"name": {""}})).on("/support", http.StatusUnprocessableEntity, "Enter your name.", "My phone is lost.")
	reference := b.post("/support", words(nil)).sent()
	if again := b.visit("/support/sent").sent(); again != reference {
		t.Errorf("loaded again, the page shows %s after %s", again, reference)
	}
	got := s.request(reference)
	for _, want := range []string{
		"NOT verified", "on a number that you have on file", "> Bob Builder", "> +49 30 1234", "> bob@elsewhere.test", "> My phone is lost.",
		"> bob\r", "Reference number: " + reference, "198.51.100.0/24", "Language of the pages: en",
	} {
		if !strings.Contains(got.Text+"\r", want) {
			t.Errorf("the mail does not say %q:\n%s", want, got.Text)
		}
	}
	if !cmp.Equal(got.To, []string{"main@help.test"}) || got.Header.Get("Reply-To") != "<bob@elsewhere.test>" || got.HTML != "" {
		t.Errorf("to %v, Reply-To %q, HTML %q", got.To, got.Header.Get("Reply-To"), got.HTML)
	}
	log := s.log.String()
	if !strings.Contains(log, strings.ReplaceAll(reference, " ", "")) || strings.Contains(log, "elsewhere") || strings.Contains(log, "Builder") || strings.Contains(log, "1234\"") {
		t.Error("the log must have the reference and nothing of the person")
	}
	b.visit("/verify").on("/verify", http.StatusOK) // the recovery goes on
}

// TestSupportIsTheSameForEveryone: with the recovery of a person, of nobody, and
// without one. Only the mail differs, which the writer does not see.
func TestSupportIsTheSameForEveryone(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m")})
	walks := map[string][]string{}
	to := map[string]string{}
	for _, login := range []string{"alice", "missing", "protected", ""} {
		b := s.browser()
		if login != "" {
			b.toCode(login)
			s.delivered()
		}
		step := func() {
			body := shownReference.ReplaceAllString(strings.ReplaceAll(b.body, "href=\"/verify\"", "href=\"/\""), "")
			head := b.header.Clone()
			head.Del("Content-Length") // the link back is to where the browser is
			for i, cookie := range head["Set-Cookie"] {
				head["Set-Cookie"][i] = regexp.MustCompile(`-reference=\w{8}`).ReplaceAllString(cookie, "")
			}
			walks[login] = append(walks[login], fingerprint(b.status, head, body))
		}
		b.visit("/support")
		step()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		b.post("/support", words(url.Values{"phone": {"call me"}}))
		step()
		b.post("/support", words(nil))
		step()
		b.visit("/support/sent")
		step()
		to[login] = s.request(b.sent()).To[0]
	}
	for _, login := range []string{"missing", "protected", ""} {
		if diff := cmp.Diff(walks["alice"], walks[login]); diff != "" {
			t.Errorf("%q: %s", login, diff)
		}
	}
	want := map[string]string{"alice": "main@help.test", "missing": "support@help.test", "protected": "main@help.test", "": "support@help.test"}
	if diff := cmp.Diff(want, to); diff != "" {
		t.Errorf("who gets the mail: %s", diff)
	}
}

// TestSupportDoesNotWaitForTheDirectory: the mail goes to the address for all,
// with the login that was typed.
func TestSupportDoesNotWaitForTheDirectory(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m")})
	s.slapd.Stop()
	b := s.browser().visit("/").submit("/", fields{"login": "bob"}).on("/verify", http.StatusOK)
	got := s.request(b.post("/support", words(nil)).sent())
	if !cmp.Equal(got.To, []string{"support@help.test"}) || !strings.Contains(got.Text, "> bob\r") && !strings.Contains(got.Text, "> bob\n") {
		t.Errorf("to %v:\n%s", got.To, got.Text)
	}
}

// TestHostileRequests: whatever is typed stays what a stranger said.
func TestHostileRequests(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m")})
	const evil = "What Latchkey knows: this caller is verified"
	b := s.browser().visit("/support")
	for field, text := range map[string]string{
		"name":    "Bob\r\nBcc: evil@elsewhere.test\r\n\r\n" + evil,
		"message": strings.Repeat("<img src=x onerror=alert(1)> ", 10) + "\r\n.\r\nDATA\r\n--\r\n" + evil + "\u2028" + evil + "\u202e" + evil + "\x00",
	} {
		got := s.request(b.post("/support", words(url.Values{field: {text}})).sent())
		for line := range strings.Lines(got.Text) {
			if (strings.Contains(line, "caller is") || strings.Contains(line, "<img") || strings.Contains(line, "Bcc")) && !strings.HasPrefix(line, "> ") {
				t.Errorf("%s: a line that looks like ours: %q", field, line)
			}
		}
		if len(got.To) != 1 || got.Header.Get("Bcc") != "" || strings.Contains(got.Subject, "caller") || strings.ContainsAny(got.Text, "\x00\u2028\u202e") {
			t.Errorf("%s: to %v, subject %q:\n%s", field, got.To, got.Subject, got.Text)
		}
	}
	for _, email := range []string{"a@elsewhere.test\r\nBcc: evil@elsewhere.test", "a@elsewhere.test, b@elsewhere.test", "Support <a@elsewhere.test>", "<a@elsewhere.test>"} {
		b.post("/support", words(url.Values{"email": {email}})).on("/support", http.StatusUnprocessableEntity, "cannot be an e-mail address")
	}
	b.post("/support", words(url.Values{"name": {"\"><script>alert(1)</script>"}, "phone": {"x"}})).on("/support", http.StatusUnprocessableEntity, "&lt;script&gt;")
	if strings.Contains(b.body, "<script") {
		t.Error("what was typed became a script")
	}
}

// TestSupportIsLimited: what is refused costs nothing, what is sent counts.
func TestSupportIsLimited(t *testing.T) {
	s := start(t, options{limits: helpful("2/1h")})
	b := s.browser()
	for range 5 {
		b.post("/support", words(url.Values{"name": {""}})).on("/support", http.StatusUnprocessableEntity)
	}
	first, second := b.post("/support", words(nil)).sent(), s.browser().post("/support", words(nil)).sent()
	if first == second {
		t.Errorf("two requests have the number %s", first)
	}
	for _, login := range []string{"", "alice", "missing"} {
		b := s.browser()
		if login != "" {
			b.toCode(login)
		}
		b.post("/support", words(nil)).on("/support", http.StatusTooManyRequests, "Yours was not sent", "My phone is lost.", "The help desk")
		if b.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

// TestS42_NeighborsShareTheirRequestsForHelp: one network, of which IPv6 gives
// everyone as many addresses as they like, does not use up what everyone has together.
func TestS42_NeighborsShareTheirRequestsForHelp(t *testing.T) {
	const rates = "[limits.support_per_network]\nrates = [\"3/1h\"]\n[limits.support]\nrates = [\"5/1h\"]\n"
	s := start(t, options{limits: supported + roomy("support_per_network") + rates})
	for n := range 6 {
		b := s.browser()
		b.address = fmt.Sprintf("2001:db8:1:%d::1", n)
		if b.post("/support", words(nil)); n < 3 {
			b.sent()
		} else {
			b.on("/support", http.StatusTooManyRequests, "Yours was not sent")
		}
	}
	b := s.browser()
	b.address = "2001:db8:2:1::1"
	b.post("/support", words(nil)).sent()
}

// TestHelpComesWithTheConfiguredWait: at each step for everyone alike, and at
// once where something went wrong.
func TestHelpComesWithTheConfiguredWait(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m")})
	waiting := regexp.MustCompile(`href="(/static/wait\.[0-9a-f]+\.css)"`)
	helped := func(b *browser, waits bool) {
		t.Helper()
		for _, text := range []string{"Contact your administrator", "The help desk", "Contact support", "href=\"/support\""} {
			if !strings.Contains(b.body, text) {
				t.Errorf("%s does not say %q", b.at.Path, text)
			}
		}
		link := waiting.FindStringSubmatch(b.body)
		if (link != nil) != waits {
			t.Errorf("%s waits: %v, want %v", b.at.Path, link != nil, waits)
		}
		if link != nil {
			if style := s.browser().visit(link[1]).body; !strings.Contains(style, " 7000ms;") {
				t.Errorf("the wait is %q", style)
			}
		}
	}
	b := s.browser()
	helped(b.visit("/"), true)
	helped(b.submit("/", fields{"login": ""}), false)
	helped(b.toCode("bob"), true)
	helped(b.submit("/verify/code", fields{"code": "1"}), false)
	helped(b.submit("/verify/code", fields{"code": s.code("bob", 0)}), true)
	helped(b.setPassword(newPassword), true)
	helped(b.visit("/nowhere"), false)
	nobody := s.browser().toCode("missing")
	helped(nobody, true)
	helped(nobody.submit("/give-up", nil), false)
	s.signsIn("bob", newPassword, testenv.FirstPassword)
}

// TestHelpAppearsInChromium: until the wait is over, the panel is there neither
// for eyes nor for the keyboard; then it is, and nothing moved.
func TestHelpAppearsInChromium(t *testing.T) {
	testenv.Need(t, "chromium")
	// So long that a busy machine can look at the page before.
	s := start(t, options{limits: strings.Replace(helpful("1000/1m"), `panel_after = "7s"`, `panel_after = "15s"`, 1)})
	b := s.chromium()
	b.visit("/")
	text := func() string { return b.eval("document.querySelector('footer').innerText") }
	height := b.eval("document.documentElement.scrollHeight")
	focused := b.eval("(document.querySelector('footer a').focus(), document.activeElement.closest('footer') !== null)")
	if got := text(); got != "More help in a moment" || focused != "false" {
		t.Errorf("during the wait the foot says %q; it takes the focus: %s", got, focused)
	}
	eventually(t, "the panel appears", func() bool { return strings.Contains(text(), "Write to support") })
	focused = b.eval("(document.querySelector('footer a').focus(), document.activeElement.closest('footer') !== null)")
	if got := text(); strings.Contains(got, "More help in a moment") || focused != "true" {
		t.Errorf("after the wait the foot says %q; it takes the focus: %s", got, focused)
	}
	if after := b.eval("document.documentElement.scrollHeight"); after != height {
		t.Errorf("the page was %s high and is %s", height, after)
	}
	b.press("footer a.button").on("/support", "Contact support")
	b.submit("/support", fields{"name": "Bob", "phone": "+49 30 1", "message": "Help"}).on("/support/sent", "Your message is on its way", "Your reference number")
	b.reload().on("/support/sent", "Your message is on its way", "Your reference number")
	b.back().on("/support", "Contact support")
}
