package blackbox

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"

	"latchkey/internal/testenv"
)

// ordersOf returns all orders of the letters, each once. Whatever can be done with
// some of the letters, in any order, is how one of these begins.
func ordersOf(letters string) []string {
	if letters == "" {
		return []string{""}
	}
	var all []string
	for i, letter := range letters {
		for _, rest := range ordersOf(letters[:i] + letters[i+1:]) {
			all = append(all, string(letter)+rest)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// guessesAtOnce is after how many recoveries with wrong codes the person's tries
// are given back, so that codes are compared all the time.
const guessesAtOnce = 20

// TestS01_OnlyTheFullPathWrites: whoever calls the steps of a recovery in any
// order, with "other method", "back" and "resend", but without the codes, never
// comes to the password. The directory keeps the old one.
func TestS01_OnlyTheFullPathWrites(t *testing.T) {
	api, pages := slices.Concat(ordersOf("ESWXP"), ordersOf("EEWP")), slices.Concat(ordersOf("eswp"), ordersOf("eewp"))
	if soaking() {
		api, pages = ordersOf("EESSWXP"), ordersOf("eesswp")
	}
	const manySMS = "[limits.sms_per_country]\nrates = [\"100000/1m\"]\n[limits.sms]\nrates = [\"100000/1m\"]\n"
	s, gateway := withSMS(t, options{limits: roomy() + manySMS, policy: "methods = [\"email\", \"sms\"]\n", recovery: "guesses_per_day = 50\nguesses_in_a_row = 100\n"})
	stamp := s.passwordStamp("bob")
	for i, order := range api { // the second of a letter is the resend
		if i%guessesAtOnce == 0 {
			s.run("limits", "clear", "bob")
		}
		c := s.caller()
		c.start("bob")
		for n, letter := range order {
			if r := c.stepWithoutCode(letter); r.status < http.StatusBadRequest && letter != 'E' && letter != 'S' {
				t.Fatalf("%s: step %d was possible: %d %s", order, n, r.status, r.body)
			}
		}
		if r := c.want(http.StatusOK, c.view()); r.json["state"] != "verify" || r.json["gates_left"] != 1.0 {
			t.Fatalf("%s ends at %s", order, r.body)
		}
	}
	s.wanderPages("bob", pages)
	if now := s.passwordStamp("bob"); now != stamp {
		t.Errorf("bob's password was changed at %s", now)
	}
	s.signsIn("bob", testenv.FirstPassword, newPassword)

	s.run("limits", "clear", "bob")
	s.delivered()
	mails, texts := s.codesTo("bob"), len(gateway.Requests())
	c := s.caller()
	c.start("bob")
	c.want(http.StatusAccepted, c.openBy("email"))
	c.want(http.StatusOK, c.proveBy("email", s.code("bob", mails)))
	for _, order := range ordersOf("EWXP") { // one of two gates is none
		for _, letter := range order {
			if r := c.stepWithoutCode(letter); r.status < http.StatusBadRequest {
				t.Fatalf("%s after the first gate: %s", order, r.body)
			}
		}
	}
	c.want(http.StatusAccepted, c.openBy("sms"))
	c.want(http.StatusOK, c.proveBy("sms", s.smsCode(gateway, texts)))
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("bob", newPassword, testenv.FirstPassword)
}

// passwordStamp is when the directory last changed a password.
func (s *stack) passwordStamp(uid string) string {
	s.t.Helper()
	values, err := s.slapd.Attribute(s.t.Context(), testenv.PersonDN(uid), "pwdChangedTime")
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(values)
}

// stepWithoutCode makes the step of a letter as somebody who has no code.
func (c *caller) stepWithoutCode(letter rune) reply {
	c.s.t.Helper()
	switch letter {
	case 'E':
		return c.openBy("email")
	case 'S':
		return c.openBy("sms")
	case 'W':
		return c.proveBy("email", "00000000")
	case 'X':
		return c.proveBy("sms", "")
	default:
		if r := c.do(http.MethodGet, "/recoveries/"+c.id+"/password-policy", nil); r.status < http.StatusBadRequest {
			return r
		}
		return c.set(newPassword)
	}
}

// wanderPages walks the pages in every order given, without a code.
func (s *stack) wanderPages(uid string, all []string) {
	s.t.Helper()
	for i, order := range all {
		if i%guessesAtOnce == 0 {
			s.run("limits", "clear", uid)
		}
		b := s.browser()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		b.post("/", url.Values{"login": {uid}})
		for _, letter := range order {
			switch letter {
			case 'e':
				b.post("/verify/send", url.Values{"method": {"email"}})
			case 's':
				b.post("/verify/send", url.Values{"method": {"sms"}})
			case 'w':
				b.post("/verify/code", url.Values{"method": {"email"}, "code": {"0"}})
			case 'p':
				b.post("/password", url.Values{"password": {newPassword}, "again": {newPassword}})
			}
			b.visit("/password") // "back", and where a way past the gates would end
			if to := b.header.Get("Location"); b.status != http.StatusSeeOther || to != "/verify" {
				s.t.Fatalf("%s at %c: %d to %q\n%s", order, letter, b.status, to, b.body)
			}
		}
	}
}

// soaking reports whether the long versions of the tests are wanted.
func soaking() bool { return os.Getenv("SOAK") == "1" }
