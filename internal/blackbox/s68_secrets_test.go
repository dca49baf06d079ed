package blackbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"latchkey/internal/testenv"
)

// traces are the forms in which a secret may hide in a text.
func traces(secret string) map[string]string {
	forms := map[string]string{
		"plain": secret, "hex": hex.EncodeToString([]byte(secret)),
		"HEX": strings.ToUpper(hex.EncodeToString([]byte(secret))), "escaped": url.QueryEscape(secret),
	}
	var little, big []byte
	for _, unit := range utf16.Encode([]rune(secret)) {
		little, big = append(little, byte(unit), byte(unit>>8)), append(big, byte(unit>>8), byte(unit))
	}
	forms["UTF-16LE"], forms["UTF-16BE"] = string(little), string(big)
	for shift, first := range []int{0, 2, 3} {
		whole := append(bytes.Repeat([]byte{0}, shift), secret...)
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := encoding.EncodeToString(whole[:len(whole)/3*3]) // what follows would change the rest
			forms[fmt.Sprint(name, shift)] = text[first:]
		}
	}
	return forms
}

// lacks reports every secret that a text holds in any form.
func lacks(t *testing.T, where, text string, secrets map[string]string) {
	t.Helper()
	for name, secret := range secrets {
		for form, trace := range traces(secret) {
			if len(trace) >= 3 && strings.Contains(text, trace) {
				t.Errorf("%s holds the %s (%s)", where, name, form)
			}
		}
	}
}

// TestTracesAreFound keeps the search honest.
func TestTracesAreFound(t *testing.T) {
	const secret = "canary-Trace-5kq"
	for name, text := range map[string]string{
		"base64 of a whole": base64.StdEncoding.EncodeToString([]byte(secret)), "base64 after one": base64.StdEncoding.EncodeToString([]byte("x" + secret + "yz")),
		"base64 after two": base64.URLEncoding.EncodeToString([]byte("xy" + secret + "z")), "hex": fmt.Sprintf("%x", secret), "UTF-16": "\x00" + strings.Join(strings.Split(secret, ""), "\x00"),
	} {
		found := false
		for _, trace := range traces(secret) {
			found = found || strings.Contains(text, trace)
		}
		if !found {
			t.Errorf("%s is not found in %q", name, text)
		}
	}
}

// history is every command that Redis was ever given, as it lies in its
// append-only file: all values of all keys, streams and tails among them, also of
// what has expired.
func (s *stack) history() string {
	s.t.Helper()
	answer, err := s.redis.Admin(s.t.Context(), "CONFIG", "GET", "dir")
	if err != nil {
		s.t.Fatal(err)
	}
	_, dir, _ := strings.Cut(answer, "\n")
	text := tree(s.t, filepath.Join(dir, "appendonlydir"))
	if !strings.Contains(text, "latchkey:{hot}:") {
		s.t.Fatal("the append-only file of Redis holds nothing of Latchkey")
	}
	return text
}

// tree is everything in the files below a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil || all.Len() == 0 {
		t.Fatalf("read %s: %d bytes, %v", dir, all.Len(), err)
	}
	return all.String()
}

// crash makes the server tell where it stands and end, as it would where Go
// itself fails.
func (s *stack) crash() {
	s.t.Helper()
	s.mu.Lock()
	command, ended := s.command, s.ended
	s.command = nil
	s.mu.Unlock()
	if err := command.Process.Signal(syscall.SIGQUIT); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		_ = command.Process.Kill()
		s.t.Fatal("the server does not end")
	}
	if !strings.Contains(s.log.String(), "goroutine ") {
		s.t.Error("the crash told nothing")
	}
}

// TestS68_NothingSecretIsShownOrKept: canaries at every input, also in requests
// that are refused, while the log is as loud as it gets; then a search in all that
// an operator or a thief may read.
func TestS68_NothingSecretIsShownOrKept(t *testing.T) {
	secrets := map[string]string{
		"login": "canaryLogin3kqz7", "contact": "canaryMail8vxq2@home.test", "password": "canary-Pass-word-4hq8", "refused password": "canary-Refused-6jwx",
		"password in flight": "canary-Flight-9wzx5", "name": "canaryName2pq", "phone": "+49 30 55501733", "email": "canaryEmail7hk@elsewhere.test", "message": "canaryMessage4zt",
	}
	s := start(t, options{observed: true, proxied: true, limits: helpful("1000/1m"), slapd: testenv.SlapdOptions{LDIF: testenv.PersonLDIF(secrets["login"])}})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_LOG__LEVEL=debug"}
	s.serve()
	s.run("contacts", "set", "--at-once", secrets["login"], "--email="+secrets["contact"])
	for name, value := range s.strays() {
		secrets["stray "+name] = value
	}

	b := s.browser()
	b.visit("/").submit("/", fields{"login": secrets["login"]}).submit("/verify/send", nil).on("/verify", http.StatusOK)
	code := s.codeFor(secrets["contact"])
	secrets["code"], secrets["wrong code"] = code, "73910462"
	b.submit("/verify/code", fields{"code": secrets["wrong code"]}).submit("/verify/code", fields{"code": code}).on("/password", http.StatusOK)
	base, _ := url.Parse(s.base)
	for _, cookie := range b.client.Jar.Cookies(base) {
		if _, token, ok := strings.Cut(cookie.Value, "."); ok {
			secrets["cookie"] = token
		}
	}
	b.post("/support", words(url.Values{"name": {secrets["name"]}, "phone": {secrets["phone"]}, "email": {secrets["email"]}, "message": {secrets["message"]}})).sent()
	b.visit("/password").setPassword(secrets["refused password"] + "\t")
	b.setPassword(secrets["password"]).on("/done", http.StatusOK)

	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	secrets["first token"], secrets["second code"] = c.token, s.code("alice", 0)
	c.want(http.StatusOK, c.prove(secrets["second code"]))
	secrets["second token"] = c.token
	s.delivered()
	lacks(t, "Redis", s.history(), secrets)
	_, metrics := s.ask("/metrics")
	lacks(t, "the metrics", metrics, secrets)
	lacks(t, "a listing", s.run("audit", "export")+s.run("delivery", "list", "--json"), secrets)

	s.inFlight(c, secrets)
	lacks(t, "the log with its crash", s.log.String(), secrets)
	lacks(t, "Redis at the end", s.history(), secrets)
	lacks(t, "the audit", tree(t, filepath.Join(s.dir, "audit")), secrets)
}

// inFlight lets the server crash in the middle of a write, and looks at what the
// system shows of the process before.
func (s *stack) inFlight(c *caller, secrets map[string]string) {
	s.t.Helper()
	writing := make(chan struct{})
	s.onRequestOnce(func() testenv.LDAPAction {
		close(writing)
		return testenv.LDAPAction{Wait: s.t.Context().Done()}
	})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = c.try(http.MethodPut, "/recoveries/"+c.id+"/password", fields{"password": secrets["password in flight"]})
	}()
	select {
	case <-writing:
	case <-time.After(patience):
		s.t.Fatalf("nothing was written:\n%s", s.log)
	}
	for _, file := range []string{"cmdline", "environ", "status", "limits"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.command.Process.Pid, file))
		if err != nil && os.Getuid() == 0 {
			s.t.Error(err)
		}
		lacks(s.t, "/proc/PID/"+file, string(text), secrets)
		if file == "limits" && !strings.Contains(strings.Join(strings.Fields(string(text)), " "), "Max core file size 0 0") {
			s.t.Errorf("a core file may be written:\n%s", text)
		}
	}
	s.crash()
	<-gone
}

// onRequestOnce lets act decide what becomes of the next Password Modify.
func (s *stack) onRequestOnce(act func() testenv.LDAPAction) {
	done := false
	s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if done || !isWrite(m) {
			return testenv.LDAPAction{}
		}
		done = true
		return act()
	})
}

// isWrite reports whether a message asks for a new password.
func isWrite(m testenv.LDAPMessage) bool {
	return m.Op == extendedRequest && bytes.Contains(m.Bytes, []byte(passwordModify))
}

// codeFor waits for the code that goes to an address.
func (s *stack) codeFor(address string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	m, err := s.mail.Await(ctx, func(m testenv.Message) bool { return m.To[0] == address && codeInMail.MatchString(m.Text) })
	if err != nil {
		s.t.Fatalf("no code: %v", err)
	}
	found := codeInMail.FindStringSubmatch(m.Text)
	return found[1] + found[2]
}
