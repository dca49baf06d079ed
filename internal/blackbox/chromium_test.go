package blackbox

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"latchkey/internal/testenv"
)

// screenshots is the variable that names where to write a picture of each page.
// LATCHKEY_ in front would make it a key of the configuration.
const screenshots = "SCREENSHOTS"

// tab is a tab of a real browser.
type tab struct {
	s    *stack
	ctx  context.Context
	seen *complaints
}

// complaints are what the browser has to say about the pages.
type complaints struct {
	base string
	mu   sync.Mutex
	list []string
}

func (c *complaints) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

// take returns what was said since it was last asked.
func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

func (c *complaints) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		c.add("console: %s", e.Type)
	case *runtime.EventExceptionThrown:
		c.add("exception: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelVerbose {
			c.add("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, c.base+"/") && u != "about:blank" {
			c.add("a request to %s", u)
		}
	}
}

// chromium starts a browser that keeps nothing of others and calls nobody.
func (s *stack) chromium() *tab {
	s.t.Helper()
	allocator, _ := chromedp.NewExecAllocator(context.WithoutCancel(s.t.Context()),
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(s.t.TempDir()),
		chromedp.WSURLReadTimeout(2*patience), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-breakpad", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("lang", "en"))
	b := s.tab(allocator)
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		if err := chromedp.Cancel(ctx); err != nil {
			s.t.Logf("close Chromium: %v", err)
		}
	})
	return b
}

// tab opens a tab, in a new browser or in that of the context.
func (s *stack) tab(parent context.Context) *tab {
	s.t.Helper()
	b := &tab{s: s, seen: &complaints{base: s.base}}
	b.ctx, _ = chromedp.NewContext(parent, chromedp.WithListener(b.seen.listen))
	// The first run binds the browser to its context, so it has no deadline.
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		s.t.Fatalf("start Chromium: %v", err)
	}
	return b
}

// load does what makes the browser load a page, and waits for the page.
func (b *tab) load(steps ...chromedp.Action[chromedp.Void]) *tab {
	b.s.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		b.s.t.Fatalf("load a page after %s: %v", b.eval("location.href"), err)
	}
	if answer == nil {
		b.s.t.Fatalf("%s was not asked for again", b.eval("location.href"))
	}
	for name, value := range answer.Headers {
		if text, _ := value.(string); strings.EqualFold(name, "Content-Security-Policy") && strings.Contains(text, "default-src 'none'") {
			return b
		}
	}
	b.s.t.Errorf("%s has no Content-Security-Policy: %v", answer.URL, answer.Headers)
	return b
}

func (b *tab) visit(path string) *tab {
	b.s.t.Helper()
	return b.load(chromedp.Navigate(b.s.base + path))
}

func (b *tab) back() *tab    { b.s.t.Helper(); return b.load(chromedp.NavigateBack()) }
func (b *tab) forward() *tab { b.s.t.Helper(); return b.load(chromedp.NavigateForward()) }
func (b *tab) reload() *tab  { b.s.t.Helper(); return b.load(chromedp.Reload()) }

// submit types into fields and presses the first button of the form that is
// sent to action.
func (b *tab) submit(action string, typed fields) *tab {
	b.s.t.Helper()
	var steps []chromedp.Action[chromedp.Void]
	for name, text := range typed {
		steps = append(steps, chromedp.SendKeys(chromedp.CSS("#"+name), text))
	}
	return b.press(fmt.Sprintf("form[action=%q] button", action), steps...)
}

func (b *tab) press(selector string, before ...chromedp.Action[chromedp.Void]) *tab {
	b.s.t.Helper()
	return b.load(append(before, chromedp.Click(chromedp.CSS(selector)))...)
}

// eval returns what an expression is on the page, as text.
func (b *tab) eval(expression string) string {
	b.s.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.EvaluateAsDevTools[string]("String("+expression+")"))
	if err != nil {
		b.s.t.Fatalf("ask for %s: %v", expression, err)
	}
	return text
}

// on checks which page is shown, that it says something, that nothing on it can
// run, and that the browser has nothing to complain about.
func (b *tab) on(path, title string, says ...string) *tab {
	b.s.t.Helper()
	at, err := url.Parse(b.eval("location.href"))
	if err != nil || at.Path != path || !strings.HasPrefix(at.String(), b.s.base) {
		b.s.t.Fatalf("on %s, want %s: %v", at, path, err)
	}
	if got := b.eval("document.title"); got != title+" – Password reset" {
		b.s.t.Errorf("%s has the title %q, want %q", path, got, title)
	}
	text := b.eval("document.body.innerText")
	for _, want := range says {
		if !strings.Contains(text, want) {
			b.s.t.Errorf("%s does not say %q:\n%s", path, want, text)
		}
	}
	if alert := b.eval("document.querySelectorAll('[role=alert]').length"); (alert == "1") != strings.HasPrefix(title, "Problem: ") {
		b.s.t.Errorf("%s has %s alerts under the title %q", path, alert, title)
	}
	if n := b.eval("document.scripts.length + document.querySelectorAll('style, [style], [onclick], [onload], iframe, object, embed').length"); n != "0" {
		b.s.t.Errorf("%s has %s elements that could run or style something", path, n)
	}
	for _, complaint := range b.seen.take() {
		b.s.t.Errorf("%s: %s", path, complaint)
	}
	b.picture()
	return b
}

// picture writes what a person sees, on a screen and on a phone, when asked to.
func (b *tab) picture() {
	b.s.t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for _, width := range []int64{360, 1280} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)); err != nil {
			b.s.t.Fatal(err)
		}
		if over := b.eval("document.documentElement.scrollWidth > innerWidth"); over != "false" {
			b.s.t.Errorf("the page is wider than %d pixels", width)
		}
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.s.t.Fatal(err)
		}
		taken, _ := filepath.Glob(filepath.Join(dir, "*.png"))
		name := fmt.Sprintf("%02d-%d.png", len(taken)/2+1, width)
		if err := os.WriteFile(filepath.Join(dir, name), png, 0o600); err != nil {
			b.s.t.Fatal(err)
		}
	}
}

// TestResetInChromium walks the pages as people do, with everything they do
// wrong. No step may end at a page that asks to send a form once more.
func TestResetInChromium(t *testing.T) {
	testenv.Need(t, "chromium")
	s := start(t, options{limits: roomy()})
	b := s.chromium()
	b.visit("/").on("/", "Forgot your password?")
	b.submit("/", fields{"login": "bob"}).on("/verify", "Confirm it’s you")
	b.submit("/verify/send", nil).on("/verify", "Enter the code")
	code := s.code("bob", 0)
	const wrong = "12345678"
	b.submit("/verify/code", fields{"code": wrong}).on("/verify", "Problem: Enter the code", "4 tries left")
	b.back().on("/verify", "Enter the code")
	b.forward().on("/verify", "Enter the code")
	b.reload().on("/verify", "Enter the code")
	b.submit("/verify/code", fields{"code": wrong}).on("/verify", "Problem: Enter the code", "3 tries left")
	b.submit("/verify/code", fields{"code": code}).on("/password", "Choose a new password", "at least 10 characters")
	b.back().on("/password", "Choose a new password")

	other := s.tab(b.ctx)
	other.visit("/").on("/", "Forgot your password?", "You have already begun.")
	other.press("a.button").on("/password", "Choose a new password")

	b.submit("/password", fields{"password": newPassword, "again": "something else"}).on("/password", "Problem: Choose a new password", "are not the same")
	b.submit("/password", fields{"password": "nine-char", "again": "nine-char"}).on("/password", "Problem: Choose a new password", "too short")
	b.reload().on("/password", "Choose a new password")
	s.signsIn("bob", testenv.FirstPassword, newPassword)
	b.submit("/password", fields{"password": newPassword, "again": newPassword}).on("/done", "Your new password is set")
	b.back().on("/done", "Your new password is set")
	b.reload().on("/done", "Your new password is set")
	other.reload().on("/done", "Your new password is set")
	s.signsIn("bob", newPassword, testenv.FirstPassword)
}

// TestChromiumRunsNothing: what somebody managed to put on a page does not run,
// and the browser says so; this also shows that the test above would hear it.
func TestChromiumRunsNothing(t *testing.T) {
	testenv.Need(t, "chromium")
	s := start(t, options{limits: roomy()})
	b := s.chromium()
	b.visit("/?notice=<script>document.title='run'</script>").on("/", "Forgot your password?")
	b.submit("/", fields{"login": "<script>document.title='run'</script>"}).on("/verify", "Confirm it’s you")
	for what, injected := range map[string]string{
		"script":  "e = document.createElement('script'), e.textContent = 'document.title = \"run\"', document.body.append(e)",
		"handler": "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')",
		"style":   "document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">')",
		"frame":   "document.body.insertAdjacentHTML('beforeend', '<iframe src=\"https://evil.test/\"></iframe>')",
	} {
		b.visit("/verify").seen.take()
		b.eval("(() => { let e; " + injected + " })()")
		var heard string
		eventually(t, "the browser refuses a "+what, func() bool {
			heard += strings.Join(b.seen.take(), "\n")
			return strings.Contains(heard, "Content Security Policy")
		})
		if title := b.eval("document.title"); !strings.HasPrefix(title, "Confirm") {
			t.Errorf("the %s ran: the title is %q", what, title)
		}
	}
}
