package blackbox

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"

	"latchkey/internal/testenv"
)

// TestS58_NoCommands: no package of the program can start another one, load code
// or be looked into from outside.
func TestS58_NoCommands(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{join .Imports \" \"}}{{end}}", "latchkey/cmd/latchkey").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		names := strings.Fields(line)
		if len(names) == 0 || !strings.HasPrefix(names[0], "latchkey/") {
			continue
		}
		packages++
		for _, never := range []string{"os/exec", "plugin", "net/http/pprof", "expvar", "C"} {
			if slices.Contains(names[1:], never) {
				t.Errorf("%s imports %s", names[0], never)
			}
		}
	}
	if packages < 20 {
		t.Errorf("only %d packages were seen", packages)
	}
}

// harmful are people whose entries were written to harm whoever shows them.
var harmful = []struct{ login, name string }{
	{`<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`},
	{`=HYPERLINK("http://evil.test")`, `@SUM(1+1)*cmd|' /C calc'!A0`},
	{`{{.Code}}{login}%s`, "{{template \"x\"}}\r\nBcc: evil@evil.test"},
	{"o'brien, \"the\\ + one; #1", "\x1b]0;owned\x07\x1b[2J\x1b[1;31m"},
	{"a\u202egnp.b\u2028c", "\u202e\u2066evil\u0085\u200b"},
	{"-2+3*'x'", "\x00\x7f\u009b31m"},
}

// escapedDN is the DN of a hostile person, each byte escaped (RFC 4514 §2.4).
func escapedDN(login string) string {
	var b strings.Builder
	for _, c := range []byte(login) {
		fmt.Fprintf(&b, "\\%02x", c)
	}
	return "uid=" + b.String() + ",ou=people," + testenv.BaseDN
}

func harmfulLDIF() string {
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	var b strings.Builder
	for _, h := range harmful {
		fmt.Fprintf(&b, "\ndn: %s\nobjectClass: inetOrgPerson\nuid:: %s\ncn:: %s\nsn:: %s\ndisplayName:: %s\nmail:: %s\nuserPassword: %s\n", escapedDN(h.login),
			encoded(h.login), encoded("x"+h.name), encoded("x"+h.name), encoded("x"+h.name), encoded("a@home.test\r\nBcc: evil@evil.test"), testenv.FirstPassword)
	}
	return b.String()
}

// inert checks that a text does nothing to a terminal that shows it.
func inert(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\u200b') {
			t.Errorf("%s holds %U", what, r)
			return
		}
	}
}

// TestS59_HostileEntriesStayInert: people with names from hell reset their
// passwords; pages, mails, tables, logs and terminals show those names as text.
func TestS59_HostileEntriesStayInert(t *testing.T) {
	s := start(t, options{limits: roomy(), slapd: testenv.SlapdOptions{LDIF: harmfulLDIF()}})
	for i, h := range harmful {
		address := fmt.Sprintf("h%d@home.test", i)
		s.run("contacts", "set", "--at-once", "--email="+address, "--", h.login)
		b := s.browser().visit("/").submit("/", fields{"login": h.login})
		b.on("/verify", http.StatusOK).submit("/verify/send", nil).on("/verify", http.StatusOK)
		b.submit("/verify/code", fields{"code": s.codeFor(address)}).on("/password", http.StatusOK)
		if elsewhere.MatchString(b.body) || strings.Contains(b.body, "<img src=x") {
			t.Errorf("the page of %q is alive:\n%s", h.login, b.body)
		}
		b.setPassword(newPassword).on("/done", http.StatusOK)
		if err := s.slapd.Bind(t.Context(), escapedDN(h.login), newPassword); err != nil {
			t.Errorf("%q cannot sign in: %v", h.login, err)
		}
		inert(t, "policy explain", s.run("policy", "explain", "--", h.login))
		inert(t, "contacts show", s.run("contacts", "show", "--", h.login))
		inert(t, "audit search", s.run("audit", "search", "--login="+h.login))
	}
	s.checkMails()
	s.checkTables()
	for line := range strings.Lines(s.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON: %q", line)
		}
		inert(t, "the log", line)
	}
}

// checkMails looks at the mails to hostile people.
func (s *stack) checkMails() {
	s.t.Helper()
	eventually(s.t, "the notices came", func() bool { return s.notices(fmt.Sprintf("h%d@home.test", len(harmful)-1)) == 1 })
	for _, m := range s.mail.Messages() {
		if len(m.To) != 1 || strings.Contains(m.To[0], "evil") || m.Header.Get("Bcc") != "" || strings.Contains(m.HTML, "<img src=x") || strings.Contains(m.HTML, "<script") {
			s.t.Errorf("the mail to %v is alive:\n%s", m.To, m.Raw)
		}
		inert(s.t, "the text of a mail", strings.ReplaceAll(m.Text, "\r\n", "\n"))
		inert(s.t, "the subject of a mail", m.Subject)
	}
}

// checkTables reads what is exported for spreadsheets.
func (s *stack) checkTables() {
	s.t.Helper()
	exported := s.run("contacts", "export")
	rows, err := csv.NewReader(strings.NewReader(exported)).ReadAll()
	if err != nil || len(rows) < len(harmful) {
		s.t.Fatalf("%d rows, %v:\n%s", len(rows), err, exported)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") {
				s.t.Errorf("the cell %q is a formula", cell)
			}
		}
	}
	s.file("exported.csv", exported)
	s.run("contacts", "import", "exported.csv")
	if again := s.run("contacts", "export"); again != exported {
		s.t.Errorf("imported again, the contacts are\n%s\nafter\n%s", again, exported)
	}
}

// TestS60_TheGatewayLeadsNowhereElse: redirects of the SMS gateway are not
// followed; one in clear, and one at an address that is not public and not listed,
// is refused before anything starts.
func TestS60_TheGatewayLeadsNowhereElse(t *testing.T) {
	s, _ := withSMS(t, options{limits: roomy()})
	var asked, led atomic.Int32
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { led.Add(1) }))
	t.Cleanup(inner.Close)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, inner.URL+"/latest/meta-data", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(gateway.Close)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_SMS__URL=" + gateway.URL}
	s.serve()
	c := s.caller()
	c.start("bob")
	c.want(http.StatusAccepted, c.openBy("email"))
	c.want(http.StatusOK, c.proveBy("email", s.code("bob", 0)))
	c.want(http.StatusAccepted, c.openBy("sms"))
	s.log.await(t, `"kind":"code"`, 1)
	if asked.Load() == 0 || led.Load() != 0 {
		t.Errorf("the gateway was asked %d times and led on %d times", asked.Load(), led.Load())
	}
	for _, url := range []string{"http://127.0.0.1:1/", "https://localhost/", "https://127.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "http://gateway.example.test/", "ftp://gateway.example.test/", "file:///etc/passwd", "https://user@gateway.example.test/"} {
		command := exec.Command(s.program, "config", "check", "latchkey.toml")
		command.Dir, command.Env = s.dir, append(command.Environ(), "LATCHKEY_SMS__URL="+url, "LATCHKEY_SMS__ALLOW_PRIVATE=10.9.9.9")
		if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), "sms") {
			t.Errorf("config check takes %s:\n%s", url, out)
		}
	}
}
