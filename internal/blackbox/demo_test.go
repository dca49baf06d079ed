package blackbox

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/internal/testenv"
)

// demonstration is a running latchkey-demo.
type demonstration struct {
	// stack has the address of the wizard only, for the tabs.
	*stack
	inbox string
	out   *logBuffer
	// dir is where the demonstration keeps its files while it runs.
	dir     string
	process *exec.Cmd
	ended   chan error
}

// freeAddress is one of the loopback that nobody uses.
func freeAddress(t testing.TB) string {
	t.Helper()
	port, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// launch starts the program and returns when the first page is there.
func launch(t testing.TB, path string) *demonstration {
	t.Helper()
	d := &demonstration{dir: t.TempDir(), out: &logBuffer{changed: make(chan struct{})}, ended: make(chan error, 1)}
	wizard, inbox := freeAddress(t), freeAddress(t)
	d.stack, d.inbox = &stack{base: "http://" + wizard}, "http://"+inbox
	d.process = exec.Command(path, "-addr", wizard, "-inbox-addr", inbox)
	d.process.Stdout, d.process.Stderr, d.process.Env = d.out, d.out, append(os.Environ(), "TMPDIR="+d.dir)
	d.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- d.process.Wait() }()
	late := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := http.Get(d.base); err == nil {
			answer.Body.Close()
			return d
		}
		select {
		case err := <-d.ended:
			t.Fatalf("the demonstration ended: %v\n%s", err, d.out)
		case <-late:
			_ = d.process.Process.Kill()
			t.Fatalf("no page:\n%s", d.out)
		case <-tick.C:
		}
	}
}

// interrupt ends the demonstration as Ctrl-C does.
func (d *demonstration) interrupt(t testing.TB) {
	t.Helper()
	_ = d.process.Process.Signal(os.Interrupt)
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("the demonstration ended with %v:\n%s", err, d.out)
		}
	case <-time.After(patience):
		_ = d.process.Process.Kill()
		t.Errorf("the demonstration does not end:\n%s", d.out)
	}
	if left, err := os.ReadDir(d.dir); err != nil || len(left) > 0 {
		t.Errorf("the demonstration leaves %v behind (%v)", left, err)
	}
}

// player is somebody in front of both pages.
type player struct {
	*tab
	inbox *tab
	d     *demonstration
}

// arrived waits for an item of a kind in the inbox that has all these texts, and
// returns its code; the page has to show it by itself.
func (p *player) arrived(kind string, texts ...string) string {
	p.s.t.Helper()
	script := fmt.Sprintf(`(() => {
		const found = [...document.querySelectorAll("article.%s")].find(a => %q.split("|").every(t => a.innerText.includes(t)));
		return found ? "found " + (found.querySelector(".code")?.innerText ?? "") : "";
	})()`, kind, strings.Join(texts, "|"))
	var found string
	eventually(p.s.t, fmt.Sprintf("the inbox shows a %s with %q", kind, texts), func() bool {
		found = p.inbox.eval(script)
		return found != ""
	})
	return strings.TrimPrefix(found, "found ")
}

// begin types a login and asks for a code by a method.
func (p *player) begin(login, method string) {
	p.s.t.Helper()
	p.visit("/").on("/", "Forgot your password?")
	p.submit("/", fields{"login": login}).on("/verify", "Confirm it’s you")
	p.press(fmt.Sprintf("button[value=%q]", method)).on("/verify", "Enter the code")
}

// enter types a code.
func (p *player) enter(code string) *tab {
	p.s.t.Helper()
	return p.submit("/verify/code", fields{"code": code})
}

// choose sets the new password and sees that the directory has it.
func (p *player) choose(login string) {
	p.s.t.Helper()
	p.on("/password", "Choose a new password", "at least 10 characters")
	p.submit("/password", fields{"password": newPassword, "again": newPassword}).on("/done", "Your new password is set")
	p.proved(login)
}

// proved sees that the directory has the new password, and that it was told.
func (p *player) proved(login string) {
	p.s.t.Helper()
	p.arrived("directory", "new password for "+login, "old password: refused", "new password: accepted")
	p.d.out.await(p.s.t, "The directory has a new password for "+login, 1)
	p.arrived("mail", login+"@home.test", "was changed")
}

// dead checks that no code works for somebody who may not reset, and that the
// page says whom to ask.
func (p *player) dead(login string) {
	p.s.t.Helper()
	p.begin(login, "email")
	p.enter("12345678").on("/verify", "Problem: Enter the code", "4 tries left", "Contact your administrator", "Example service desk", "Write to support")
}

// TestDemo clicks through the whole story, once as each kind of person.
func TestDemo(t *testing.T) {
	testenv.Need(t, "chromium")
	t.Parallel()
	d := launch(t, built(t, demo))
	defer d.interrupt(t)
	d.t = t
	first := d.chromium()
	for login, play := range map[string]func(*player){
		"alice": func(p *player) {
			p.begin("alice", "email")
			p.enter(p.arrived("mail", "alice@home.test", "Your code"))
			p.choose("alice")
		},
		"bob": func(p *player) {
			p.begin("bob", "sms")
			p.enter(p.arrived("sms", "+491713920001", "code")).on("/verify", "Confirm once more")
			p.press(`button[value="email"]`).on("/verify", "Enter the code")
			p.enter(p.arrived("mail", "bob@home.test", "Your code"))
			p.choose("bob")
		},
		"admin": func(p *player) {
			p.begin("admin", "email")
			p.enter(p.arrived("mail", "admin@home.test", "Your code")).on("/verify", "Confirm once more")
			p.press(`button[value="sms"]`).on("/verify", "Enter the code")
			p.enter(p.arrived("sms", "+491713920002", "code"))
			p.choose("admin")
		},
		"locked": func(p *player) {
			p.begin("locked", "email")
			p.enter(p.arrived("mail", "locked@home.test", "Your code")).on("/password", "Choose a new password", "Your account is locked")
			p.press(`form[action="/unlock"] button`).on("/done", "Your account is unlocked", "It was not changed")
			p.arrived("mail", "locked@home.test", "was unlocked")
		},
		"mustchange": func(p *player) {
			p.visit("/").on("/", "Forgot your password?")
			p.press(`a[href="/change"]`).on("/change", "Change your password", "at least 10 characters")
			typed := fields{"login": "mustchange", "current": "not-Theirs-0", "password": newPassword, "again": newPassword}
			p.submit("/change", typed).on("/change", "Problem: Change your password", "The user name or the current password is not right")
			typed["current"] = testenv.FirstPassword
			p.submit("/change", typed).on("/change/done", "Your new password is set")
			p.proved("mustchange")
		},
		"young": func(p *player) {
			p.begin("young", "email")
			p.enter(p.arrived("mail", "young@home.test", "Your code")).on("/password", "Choose a new password", "too new to be replaced")
			p.submit("/password", fields{"password": newPassword, "again": newPassword}).on("/password", "Problem: Choose a new password", "set too recently")
		},
		"nocontacts": func(p *player) { p.dead("nocontacts") },
		"nobody":     func(p *player) { p.dead("nobody") },
		"notenabled": func(p *player) {
			p.dead("notenabled")
			p.arrived("mail", "notenabled@home.test", "not turned on for this account", "Example service desk")
		},
		"protected": func(p *player) {
			p.dead("protected")
			p.arrived("mail", "protected@home.test", "specially protected")
		},
		"disabled": func(p *player) {
			p.dead("disabled")
			p.arrived("mail", "disabled@home.test", "switched off")
		},
	} {
		t.Run(login, func(t *testing.T) {
			s := &stack{t: t, base: d.base}
			p := &player{tab: s.stranger(first), inbox: (&stack{t: t, base: d.inbox}).stranger(first), d: d}
			p.inbox.visit("/")
			if text := p.inbox.eval("document.body.innerText"); !strings.Contains(text, "This is a demonstration") || !strings.Contains(text, login) {
				t.Errorf("the inbox does not say what it is, and who is %s:\n%s", login, text)
			}
			play(p)
			p.inbox.picture()
			for _, complaint := range p.inbox.seen.take() {
				t.Errorf("the inbox: %s", complaint)
			}
		})
	}
	if out := d.out.String(); strings.Contains(out, newPassword) || strings.Contains(out, "DATA RACE") {
		t.Errorf("the demonstration says:\n%s", out)
	}
}

// stranger opens a tab that knows nothing of the others of the browser.
func (s *stack) stranger(beside *tab) *tab {
	s.t.Helper()
	b := &tab{s: s, seen: &complaints{base: s.base}}
	var cancel func()
	b.ctx, cancel = chromedp.NewContext(beside.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.seen.listen))
	s.t.Cleanup(cancel)
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		s.t.Fatalf("open a tab: %v", err)
	}
	return b
}

// BenchmarkDemo measures the time from the start to the first page.
func BenchmarkDemo(b *testing.B) {
	path := built(b, demo)
	for b.Loop() {
		d := launch(b, path)
		b.StopTimer()
		d.interrupt(b)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/first-page")
}
