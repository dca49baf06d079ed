package blackbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/internal/testenv"
)

// second starts another server on the same Redis, directory and keyring, with
// further variables.
func (s *stack) second(env ...string) *stack {
	s.t.Helper()
	port, err := testenv.FreePort()
	if err != nil {
		s.t.Fatal(err)
	}
	other := &stack{
		t: s.t, dir: s.dir, home: s.home, slapd: s.slapd, redis: s.redis, mail: s.mail, program: s.program,
		base: fmt.Sprintf("http://127.0.0.1:%d", port), log: &logBuffer{changed: make(chan struct{})},
	}
	other.env = append(env,
		fmt.Sprintf("LATCHKEY_SERVER__LISTEN=127.0.0.1:%d", port), "LATCHKEY_SERVER__PUBLIC_URL="+other.base,
		"LATCHKEY_SERVER__PRIVATE_LISTEN=", "LATCHKEY_AUDIT__DIR=audit-2", "LATCHKEY_AUDIT__INSTANCE=second",
	)
	other.serve()
	s.t.Cleanup(other.checkedStop)
	return other
}

var linkInMail = regexp.MustCompile(`http://127\.0\.0\.1:\d+(/not-me/[\w-]+)`)

// link waits for the notice of a reset to an address and returns the path of its
// link.
func (s *stack) link(to string) string {
	s.t.Helper()
	m := s.mailWith(to, "/not-me/")
	if found := linkInMail.FindStringSubmatch(m.Text); found != nil && strings.Contains(m.HTML, found[1]) {
		return found[1]
	}
	s.t.Fatalf("no link in the text and the HTML of %q", m.Text)
	return ""
}

// mailWith waits for a mail to an address that says something.
func (s *stack) mailWith(to, says string) testenv.Message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	m, err := s.mail.Await(ctx, func(m testenv.Message) bool {
		return m.To[0] == to && strings.Contains(strings.Join(strings.Fields(m.Text), " "), says)
	})
	if err != nil {
		s.t.Fatalf("no mail to %s says %q: %v\n%s", to, says, err, s.log)
	}
	return m
}

// blocked counts those who stopped self-service, and those of them with a login.
func (s *stack) blocked(login string) (all, theirs int) {
	s.t.Helper()
	var list struct {
		Blocks []struct{ Login string }
	}
	if err := json.Unmarshal([]byte(s.run("blocks", "list", "--json")), &list); err != nil {
		s.t.Fatal(err)
	}
	for _, b := range list.Blocks {
		if b.Login == login {
			theirs++
		}
	}
	return len(list.Blocks), theirs
}

// asks sends a request without a body to a page.
func (s *stack) asks(method, path string) (int, string) {
	s.t.Helper()
	request, _ := http.NewRequestWithContext(s.t.Context(), method, s.base+path, nil)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

var ticked = url.Values{"sure": {"yes"}}

const thirdPassword = "orange-Giraffes-77"

// TestS75_ThatWasNotMe: opening the link of a notice changes nothing, whoever
// opens it and however; its form stops self-service for the one account, on all
// servers, also where all gates are passed, until an operator lifts it.
func TestS75_ThatWasNotMe(t *testing.T) {
	s := start(t, options{limits: helpful("1000/1m"), observed: true})
	b := s.second()
	thief := s.caller().verified("alice")
	thief.want(http.StatusOK, thief.set(newPassword))
	link, twin := s.link("alice@home.test"), s.link("alice@example.test")
	again, asleep := b.caller().verified("alice"), b.caller().verified("alice")
	for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodTrace} {
		s.asks(method, link)
	}
	s.browser().visit(link+"?sure=yes").on(link, http.StatusOK, "You did not reset your password?", "49 30 901820")
	s.browser().post(link, nil).on(link, http.StatusUnprocessableEntity, "Nothing was changed")
	s.browser().post(link, url.Values{"sure": {"no"}}).on(link, http.StatusUnprocessableEntity)
	if all, _ := s.blocked("alice"); all != 0 {
		t.Fatal("looking at the link stopped somebody")
	}
	b.browser().post(twin, ticked).on(twin, http.StatusOK, "Password reset is stopped", thief.id[:8])
	if all, theirs := s.blocked("alice"); all != 1 || theirs != 1 {
		t.Errorf("%d are stopped, %d of them alice", all, theirs)
	}
	again.want(http.StatusGone, again.set(thirdPassword))
	s.signsIn("alice", newPassword, thirdPassword)
	for _, at := range []*stack{s, b} {
		known := s.mailTo("alice")
		c := at.caller()
		c.start("alice")
		c.want(http.StatusAccepted, c.open())
		eventually(t, "alice is told why", func() bool { return s.mailTo("alice") > known })
		c.want(http.StatusUnprocessableEntity, c.prove("12345678"))
		other := at.caller().verified("bob")
		other.want(http.StatusOK, other.set(map[*stack]string{s: newPassword, b: thirdPassword}[at]))
	}
	s.mailWith("alice@home.test", "said that a reset was not theirs")
	if n := s.codesTo("alice"); n != 3 {
		t.Errorf("alice got %d codes, want those from before", n)
	}
	s.told(thief.id[:8])
	s.lifted(b, link, asleep)
	for _, secret := range []string{strings.TrimPrefix(link, "/not-me/"), strings.TrimPrefix(twin, "/not-me/")} {
		_, metrics := s.ask("/metrics")
		if strings.Contains(s.log.String()+b.log.String()+metrics, secret) {
			t.Error("a link is in the log or the metrics")
		}
		if !strings.Contains(metrics, `route="/not-me/{link}"`) {
			t.Error("the requests are not counted under their pattern")
		}
	}
}

// told checks that everyone learned of the stop, once.
func (s *stack) told(reference string) {
	s.t.Helper()
	s.delivered()
	for _, to := range []string{"alice@home.test", "alice@example.test"} {
		n := 0
		for _, m := range s.mail.Messages() {
			if m.To[0] == to && strings.Contains(m.Subject, "was stopped for your account") {
				n++
			}
		}
		if n != 1 {
			s.t.Errorf("%s got %d mails of the stop", to, n)
		}
	}
	alarm := s.mailWith("main@help.test", "the reset that it tells of was not me")
	if !strings.Contains(alarm.Subject, reference) || !strings.Contains(alarm.Text, "Account: alice") {
		s.t.Errorf("support is told %q:\n%s", alarm.Subject, alarm.Text)
	}
	if found := s.run("audit", "search", "--kind", "disowned"); strings.Count(found, "disowned") != 1 {
		s.t.Errorf("the audit says\n%s", found)
	}
}

// lifted checks what an operator can do about it, and that the links from before
// are worth nothing then.
func (s *stack) lifted(b *stack, link string, dead *caller) {
	s.t.Helper()
	s.browser().post(link, ticked).on(link, http.StatusOK) // once more stops nothing more
	for _, said := range []string{"goes on", "was not stopped"} {
		if out := s.run("blocks", "lift", "alice"); !strings.Contains(out, said) {
			s.t.Errorf("blocks lift says %q, want %q", out, said)
		}
	}
	dead.want(http.StatusGone, dead.set(thirdPassword))
	b.browser().post(link, ticked).on(link, http.StatusNotFound, "This link cannot be used")
	_, first := s.asks(http.MethodGet, link)
	for _, wrong := range []string{link[:len(link)-1], "/not-me/x", "/not-me/" + strings.Repeat("A", len(link))} {
		if status, body := s.asks(http.MethodGet, wrong); status != http.StatusNotFound || body != first {
			s.t.Errorf("%s: %d, another page", wrong, status)
		}
	}
	if all, _ := s.blocked("alice"); all != 0 {
		s.t.Error("a link from before the lift stops again")
	}
	c := b.caller().verified("alice")
	c.want(http.StatusOK, c.set(thirdPassword))
	s.signsIn("alice", thirdPassword, newPassword)
}

// TestS75_TheLinkInChromium: a browser with scripts opens it, as scanners do, and
// even sends the form; only whoever ticks the box stops anything.
func TestS75_TheLinkInChromium(t *testing.T) {
	testenv.Need(t, "chromium")
	s := start(t, options{limits: roomy()})
	c := s.caller().verified("bob")
	c.want(http.StatusOK, c.set(newPassword))
	link := s.link("bob@home.test")
	b := s.chromium()
	b.visit(link).on(link, "You did not reset your password?", "Signing in stays as it is", "49 30 901820")
	b.reload().on(link, "You did not reset your password?")
	b.eval("document.querySelector('form button').click()") // the box is required
	b.on(link, "You did not reset your password?")
	b.eval("document.querySelector('#sure').removeAttribute('required')")
	b.press("form button").seen.take() // it complains of the status
	b.on(link, "Problem: You did not reset your password?", "Tick the box")
	if all, _ := s.blocked("bob"); all != 0 {
		t.Fatal("the browser stopped somebody by itself")
	}
	b.press("form button", chromedp.Click(chromedp.CSS("#sure"))).on(link, "Password reset is stopped for your account")
	if _, theirs := s.blocked("bob"); theirs != 1 {
		t.Error("nothing is stopped")
	}
}

// TestS75_LinksAreLimited by address, and while Redis is away nothing is said to
// be stopped.
func TestS75_LinksAreLimited(t *testing.T) {
	s := start(t, options{limits: roomy("codes_per_address") + "[limits.codes_per_address]\nrates = [\"4/1h\"]\n"})
	c := s.caller().verified("bob")
	c.want(http.StatusOK, c.set(newPassword))
	link := s.link("bob@home.test")
	for range 2 {
		s.browser().post("/not-me/guess", ticked).on("/not-me/guess", http.StatusNotFound)
		s.browser().visit("/not-me/guess").on("/not-me/guess", http.StatusNotFound)
	}
	s.browser().visit("/not-me/guess").on("/not-me/guess", http.StatusTooManyRequests)
	s.browser().post(link, ticked).on(link, http.StatusTooManyRequests, "Nothing was changed")
	if status, _ := s.asks(http.MethodGet, link); status != http.StatusOK {
		t.Errorf("looking from another address: %d", status)
	}
	if all, _ := s.blocked("bob"); all != 0 {
		t.Error("a refused request stops somebody")
	}
	s.redis.Kill()
	s.browser().post(link, ticked).on(link, http.StatusServiceUnavailable, "Nothing was changed")
}
