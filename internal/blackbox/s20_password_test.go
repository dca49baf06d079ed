package blackbox

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"golang.org/x/net/html"

	"latchkey/internal/testenv"
)

// beforeWrite lets answer decide what becomes of each Password Modify.
func (s *stack) beforeWrite(answer func(m testenv.LDAPMessage) testenv.LDAPAction) {
	s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == extendedRequest && bytes.Contains(m.Bytes, []byte(passwordModify)) {
			return answer(m)
		}
		return testenv.LDAPAction{}
	})
}

// TestS20_Lengths: from the minimum to 256 characters, whatever they take in
// bytes; what is longer is refused before it reaches the directory.
func TestS20_Lengths(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true, recovery: "refusals_per_recovery = 20\n"})
	c := s.caller().verified("alice")
	writes := 0
	s.beforeWrite(func(testenv.LDAPMessage) testenv.LDAPAction { writes++; return testenv.LDAPAction{} })
	for candidate, want := range map[string]string{
		"7 chars":                  "too_short",
		"7🦊 🐘 🐙 ":                  "too_short",
		strings.Repeat("aä🐘 ", 65): "too_long", // 260 characters
	} {
		if r := c.want(http.StatusUnprocessableEntity, c.set(candidate)); reasons(r) != want {
			t.Errorf("%.20q: %s, want %s", candidate, r.body, want)
		}
	}
	begun := time.Now()
	c.want(http.StatusRequestEntityTooLarge, c.set(strings.Repeat("x", 1<<20)))
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("a password of a mebibyte took %s", took)
	}
	if writes != 0 {
		t.Errorf("%d of them reached the directory", writes)
	}
	before := testenv.FirstPassword
	for _, password := range []string{strings.Repeat(" 🐘", 32), strings.Repeat("🦊🐘🐙🦉", 64)} {
		c.want(http.StatusOK, c.set(password))
		s.signsIn("alice", password, before)
		before = password
		c.verified("alice")
	}
}

// TestS21_TheBytesThatWereTyped are the password: nothing is trimmed, folded,
// composed or cut off, in the API and on the pages.
func TestS21_TheBytesThatWereTyped(t *testing.T) {
	s := start(t, options{limits: roomy()})
	before := testenv.FirstPassword
	for _, test := range []struct{ password, near string }{
		{"  two spaces before", "two spaces before"},
		{"two spaces behind  ", "two spaces behind"},
		{`quotes " and \ back\\slash`, `quotes " and \ back\slash`},
		{"cafe\u0301 cre\u0300me glace\u0301e", "caf\u00e9 cr\u00e8me glac\u00e9e"},
		{"ELEPHANTS on Parade", "elephants on parade"},
		{"%20&amp;<b>{{.}}</b>+$(id)", " &<b>{{.}}</b>+$(id)"},
		{"ten characters and more, as many as there are", "ten chara"},
	} {
		b := s.browser().toPassword("alice")
		b.setPassword(test.password).on("/done", http.StatusOK)
		s.signsIn("alice", test.password, test.near)
		c := s.caller().verified("alice")
		c.want(http.StatusOK, c.set(test.password+"!"))
		s.signsIn("alice", test.password+"!", before)
		before = test.password
	}
	c := s.caller().verified("alice")
	for _, forbidden := range []string{"with a \x00 in the middle", "a line\nand another", "an escape \x1b[31m of a terminal"} {
		if r := c.want(http.StatusUnprocessableEntity, c.set(forbidden)); reasons(r) != "forbidden_character" {
			t.Errorf("%q: %s", forbidden, r.body)
		}
	}
	s.signsIn("alice", before+"!", "with a ")
}

// TestS21_ComposedWhereItIsConfigured: however a keyboard makes a character, it is
// one password, counted by what it is then; on the way in and where it is changed.
func TestS21_ComposedWhereItIsConfigured(t *testing.T) {
	const apart, composed, next = "cafe\u0301 cre\u0300me glace\u0301e", "caf\u00e9 cr\u00e8me glac\u00e9e", "the\u0301 noir sans sucre"
	s := start(t, options{limits: roomy()})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"LATCHKEY_PASSWORD__UNICODE_FORM=nfc"}
	s.serve()
	c := s.caller().verified("alice")
	if r := c.want(http.StatusUnprocessableEntity, c.set("e\u0301i\u0301a\u0301o\u0301u\u0301")); !strings.Contains(reasons(r), "too_short") {
		t.Errorf("five characters of two code points: %s", r.body)
	}
	c.want(http.StatusOK, c.set(apart))
	s.signsIn("alice", composed, apart)
	c.want(http.StatusOK, s.caller().change("alice", apart, next))
	s.signsIn("alice", "th\u00e9 noir sans sucre", next)
}

// withPolicyError adds to a response the error of draft-behera §6.2.
func withPolicyError(response []byte, code byte) []byte {
	message := ber.DecodePacket(response)
	control := ber.NewSequence("Control")
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "1.3.6.1.4.1.42.2.27.8.5.1", "type"))
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string([]byte{0x30, 3, 0x81, 1, code}), "value"))
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "controls")
	controls.AppendChild(control)
	message.AppendChild(controls)
	return message.Bytes()
}

// TestS22_TheDirectorysReasons: there are no rules of composition of our own,
// and each of the directory's refusals has its own reason, in the API and in the
// person's language.
func TestS22_TheDirectorysReasons(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true, recovery: "refusals_per_recovery = 20\n"})
	c, b := s.caller().verified("alice"), s.browser().toPassword("bob")
	var code byte
	s.beforeWrite(func(m testenv.LDAPMessage) testenv.LDAPAction {
		const constraintViolation = 19
		return testenv.LDAPAction{Answer: withPolicyError(m.Result(extendedResponse, constraintViolation, "no"), code)}
	})
	for refusal, want := range map[byte][2]string{
		5: {"not_complex", "too simple for your organization"}, 6: {"too_short", "is too short"},
		7: {"too_young", "set too recently"}, 8: {"in_history", "have used this password before"}, 9: {"too_long", "is too long"},
		42: {"directory_refused", "without saying why"},
	} {
		code = refusal
		if r := c.want(http.StatusUnprocessableEntity, c.set(newPassword)); reasons(r) != want[0] {
			t.Errorf("error %d: %s, want %s", refusal, r.body, want[0])
		}
		if b.setPassword(newPassword); !strings.Contains(b.body, want[1]) {
			t.Errorf("error %d: the page does not say %q:\n%s", refusal, want[1], b.body)
		}
	}
	s.proxy.OnRequest(nil)
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	const lowerCaseOnly = "only small letters here"
	c.want(http.StatusOK, c.set(lowerCaseOnly))
	s.signsIn("alice", lowerCaseOnly, testenv.FirstPassword)
}

// TestS24_GeneratedAndEmptyPasswords: one that the directory made up is thrown
// away with an alarm, and is told to nobody; none that is empty is ever sent.
func TestS24_GeneratedAndEmptyPasswords(t *testing.T) {
	const made = "made-Up-By-The-Server-7"
	s := start(t, options{limits: roomy(), proxied: true, recovery: "settle_for = \"1s\"\n"})
	c := s.caller().verified("alice")
	writes := 0
	s.beforeWrite(func(m testenv.LDAPMessage) testenv.LDAPAction {
		writes++
		s.helpdesk("alice", made)
		value := ber.NewSequence("PasswdModifyResponseValue")
		value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, made, "genPasswd"))
		return testenv.LDAPAction{Answer: m.Result(extendedResponse, 0, "", ber.NewString(ber.ClassContext, ber.TypePrimitive, 11, string(value.Bytes()), "responseValue"))}
	})
	for _, blank := range []string{"", " ", strings.Repeat(" ", 20), strings.Repeat("\u00a0", 20), "\t\t\t\t\t\t\t\t\t\t\t\t"} {
		if r := c.set(blank); r.status != http.StatusUnprocessableEntity && r.status != http.StatusBadRequest {
			t.Errorf("%q: status %d", blank, r.status)
		}
	}
	if writes != 0 {
		t.Fatalf("%d empty passwords were sent", writes)
	}
	r := c.set(newPassword)
	if r.status == http.StatusOK || r.json["state"] == "done" {
		t.Errorf("the answer is %d %s", r.status, r.body)
	}
	s.log.await(t, "a password of its own making", 1)
	eventually(t, "the recovery is over", func() bool { return c.view().json["state"] == "ended" })
	if writes != 1 {
		t.Errorf("%d writes, want one", writes)
	}
	s.delivered()
	story := s.run("audit", "search", "--recovery", c.id, "--json")
	s.noneInRedis(made, newPassword)
	for where, text := range map[string]string{"log": s.log.String(), "audit": story, "answer": string(r.body), "mails": fmt.Sprint(s.mail.Messages())} {
		if strings.Contains(text, made) || strings.Contains(text, newPassword) {
			t.Errorf("a password is in the %s:\n%s", where, text)
		}
	}
}

// TestS25_PasswordManagersAreWelcome: the fields say what they are, nothing
// keeps anybody from pasting, and nothing cuts off what is filled in.
func TestS25_PasswordManagersAreWelcome(t *testing.T) {
	s := start(t, options{limits: roomy()})
	b := s.browser().toPassword("alice")
	root, err := html.Parse(strings.NewReader(b.body))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for n := range root.Descendants() {
		if n.Data == "script" || slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return strings.HasPrefix(a.Key, "on") }) {
			t.Errorf("<%s %v> may get in the way of a password manager", n.Data, n.Attr)
		}
		if n.Data != "input" || attribute(n, "type") != "password" {
			continue
		}
		found++
		if attribute(n, "autocomplete") != "new-password" {
			t.Errorf("a password field has autocomplete=%q", attribute(n, "autocomplete"))
		}
		for _, never := range []string{"maxlength", "pattern", "readonly"} {
			if slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == never }) {
				t.Errorf("a password field has %s", never)
			}
		}
	}
	if found == 0 {
		t.Error("there is no password field")
	}
}
