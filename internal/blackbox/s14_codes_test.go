package blackbox

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"latchkey/internal/testenv"
)

// guises are the forms in which a secret could lie somewhere: as it is, in
// base64 at each of the three places where it can begin, in hexadecimal, in
// UTF-16, and, for a number, in the binary forms that Redis packs numbers into.
func guises(secret string) []string {
	all := []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + secret))
		first, end := (8*shift+5)/6, len(encoded)
		if (shift+len(secret))%3 != 0 {
			end-- // its last sign depends on what follows
		}
		middle := encoded[first:end]
		all = append(all, middle, strings.NewReplacer("+", "-", "/", "_").Replace(middle))
	}
	var little, big strings.Builder
	for _, unit := range utf16.Encode([]rune(secret)) {
		little.Write(binary.LittleEndian.AppendUint16(nil, unit))
		big.Write(binary.BigEndian.AppendUint16(nil, unit))
	}
	all = append(all, little.String(), big.String())
	if n, err := strconv.ParseUint(secret, 10, 32); err == nil && n > 1<<24 {
		all = append(all, string(binary.LittleEndian.AppendUint32(nil, uint32(n))), string(binary.BigEndian.AppendUint32(nil, uint32(n))))
	}
	return all
}

// TestS15_ACodeIsOverInTime: the right code is refused as soon as its time is
// over, like a wrong one.
func TestS15_ACodeIsOverInTime(t *testing.T) {
	s := start(t, options{limits: roomy(), recovery: "code_lifetime = \"10s\"\n"})
	c := s.caller()
	c.start("alice")
	r := c.want(http.StatusAccepted, c.open())
	challenge, _ := r.json["challenge"].(map[string]any)
	text, _ := challenge["expires_at"].(string)
	until, err := time.Parse(time.RFC3339, text)
	if err != nil || time.Until(until) > 11*time.Second {
		t.Fatalf("the code is said to last until %q: %s", text, r.body)
	}
	code := s.code("alice", 0)
	// Times are told in whole seconds.
	eventually(t, "the code is over", func() bool { return time.Now().After(until.Add(time.Second)) })
	c.want(http.StatusUnprocessableEntity, c.prove(code))
	c.want(http.StatusConflict, c.set(newPassword))
	c.want(http.StatusAccepted, c.open())
	c.want(http.StatusOK, c.prove(s.code("alice", 1)))
}

// TestS18_NoQuestions: there is nothing to ask a person about themselves, and
// no hint to give, in the configuration, in the API and on the pages.
func TestS18_NoQuestions(t *testing.T) {
	s := start(t, options{limits: roomy()})
	b := s.browser().toCode("alice")
	pages := b.body + s.browser().visit("/").body
	example := filepath.Join(t.TempDir(), "latchkey.toml")
	s.run("config", "init", example)
	contract := s.browser().visit("/api/v1/openapi.yaml").on("/api/v1/openapi.yaml", http.StatusOK).body
	for where, text := range map[string]string{"pages": pages, "configuration": contents(t, example), "API": contract} {
		if len(text) < 500 {
			t.Errorf("the %s cannot be read: %q", where, text)
		}
		for _, word := range []string{"security question", "secret question", "maiden", "password hint", "password_hint", "questions =", "favorite"} {
			if strings.Contains(strings.ToLower(text), word) {
				t.Errorf("%q is in the %s", word, where)
			}
		}
	}
	c := s.caller()
	c.start("alice")
	for _, method := range []string{"question", "questions", "hint", "password", "kba", ""} {
		if r := c.openBy(method); r.status < 400 || r.status >= 500 {
			t.Errorf("method %q: status %d: %s", method, r.status, r.body)
		}
	}
}

// TestS19_SMSAloneIsWarnedOf at a start, and whoever chooses it reads that it
// is the less protected way; a code by mail proves nothing but a recovery.
func TestS19_SMSAloneIsWarnedOf(t *testing.T) {
	gateway := testenv.NewSMSGateway(t, testenv.SMSOptions{})
	s := start(t, options{limits: roomy(), config: "[sms]\ncountries = [\"DE\"]\nurl = \"" + gateway.URL + "\"\nallow_private = [\"127.0.0.1\"]\n"})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "latchkey.toml")
	alone := strings.Replace(contents(t, path), "[[policy]]\nenabled = true", "[[policy]]\nenabled = true\nmethods = [\"sms\"]", 1)
	if err := os.WriteFile(path, []byte(alone), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve()
	s.log.await(t, "has no method but SMS, which can be intercepted; offer another one beside it", 1)
	b := s.browser().visit("/").submit("/", fields{"login": "alice"}).on("/verify", http.StatusOK)
	if !strings.Contains(b.body, "less well protected") {
		t.Errorf("the page does not warn of SMS:\n%s", b.body)
	}
	if b.visit("/").on("/", http.StatusOK); strings.Contains(b.body, `type="password"`) || strings.Contains(b.body, `name="code"`) {
		t.Errorf("the first page asks for a password or a code:\n%s", b.body)
	}
}
