package blackbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"latchkey/internal/testenv"
)

// otherwise changes the configuration file of a server and starts it again.
func (s *stack) otherwise(old, new string) {
	s.t.Helper()
	if err := s.stop(); err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.dir, "latchkey.toml")
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), old) != 1 {
		s.t.Fatalf("%q cannot be replaced in the configuration: %v", old, err)
	}
	s.file("latchkey.toml", strings.Replace(string(text), old, new, 1))
	s.serve()
}

// aliceSpelled are logins under which the directory finds alice.
var aliceSpelled = []string{"alice", "ALICE", "alice@example.test", "Alice@EXAMPLE.test", "ａｌｉｃｅ"}

// findsByMail lets people be found by uid and by mail.
const findsByMail = "[[directory]]\nuser_filter = \"(|(uid={login})(mail={login}))\"\n"

// TestS42_SpellingsShareThePersonsCounters: whichever name of hers is typed, and
// from wherever, alice has ten guesses a day.
func TestS42_SpellingsShareThePersonsCounters(t *testing.T) {
	s := start(t, options{limits: roomy()})
	s.otherwise("[[directory]]\n", findsByMail)
	code := ""
	for n, login := range append(aliceSpelled, "alice") {
		c := s.caller()
		c.address = fmt.Sprintf("203.0.113.%d", n)
		c.start(login)
		c.want(http.StatusAccepted, c.open())
		code = s.code("alice", n) // so it is her
		for range 4 {
			c.want(http.StatusUnprocessableEntity, c.prove("00000000"))
		}
		if n >= 2 {
			c.want(http.StatusGone, c.prove(code))
		}
	}
	if n := s.compared(); n != 10 {
		t.Errorf("%d guesses were compared, want 10", n)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}

// TestS42_SpellingsShareTheLoginsCounter: one budget for all that the directory
// would take for the same word.
func TestS42_SpellingsShareTheLoginsCounter(t *testing.T) {
	s := start(t, options{limits: roomy("starts_per_login") + "[limits.starts_per_login]\nrates = [\"4/1h\"]\n"})
	for _, name := range []string{"alice", "missing"} {
		wide := strings.Map(func(r rune) rune { return r + 'ａ' - 'a' }, name)
		for n, login := range []string{name, strings.ToUpper(name), name + ".", wide, " " + name, name, strings.ToUpper(wide)} {
			c := s.caller()
			c.address = fmt.Sprintf("203.0.113.%d", n)
			want := http.StatusAccepted
			if n >= 4 {
				want = http.StatusTooManyRequests
			}
			c.want(want, c.do(http.MethodPost, "/recoveries", fields{"login": login}))
		}
	}
}

// TestS42_AFloodOfMessages: strangers from everywhere ask for codes under all
// names of a person, with the limits as they are. Three get through.
func TestS42_AFloodOfMessages(t *testing.T) {
	s := start(t, options{})
	s.otherwise("[[directory]]\n", findsByMail)
	for n := range 40 {
		c := s.caller()
		c.address = fmt.Sprintf("203.%d.113.1", n)
		r := c.do(http.MethodPost, "/recoveries", fields{"login": aliceSpelled[n%len(aliceSpelled)]})
		if r.status != http.StatusAccepted {
			c.want(http.StatusTooManyRequests, r)
			continue
		}
		c.id, c.token = r.json["id"].(string), r.json["token"].(string)
		for range 3 {
			c.want(http.StatusAccepted, c.open())
			s.delivered()
		}
	}
	if n := s.mailTo("alice"); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

// compared counts the wrong codes that were compared in recoveries of people; no
// code of a decoy is ever right.
func (s *stack) compared() int {
	s.t.Helper()
	decoys, guesses := map[string]bool{}, []string{}
	for line := range strings.Lines(s.log.String()) {
		var said struct {
			Msg, Recovery string
			Compared      bool
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			s.t.Fatalf("%v in %q", err, line)
		}
		switch {
		case said.Msg == "recovery is a decoy":
			decoys[said.Recovery] = true
		case said.Compared:
			guesses = append(guesses, said.Recovery)
		}
	}
	return len(slices.DeleteFunc(guesses, func(recovery string) bool { return decoys[recovery] }))
}

// TestS44_AThousandHostileTries: from 50 addresses at once, with the limits as
// they are. At most ten are compared, the person signs in as before, sees whom
// to ask, writes to support, and resets in the browser that did so before.
func TestS44_AThousandHostileTries(t *testing.T) {
	s := start(t, options{limits: supported})
	before := "an-Earlier-Password-1"
	own := s.browser().toPassword("alice").setPassword(before).on("/done", http.StatusOK)

	var recoveries []*caller
	for n := range 50 {
		c := s.caller()
		c.address = fmt.Sprintf("203.%d.113.1", n)
		if r := c.do(http.MethodPost, "/recoveries", fields{"login": "alice"}); r.status == http.StatusAccepted {
			c.id, c.token = r.json["id"].(string), r.json["token"].(string)
			c.want(http.StatusAccepted, c.open())
			s.delivered()
			recoveries = append(recoveries, c)
		}
	}
	var passed atomic.Int32
	together(1000, func(i int) {
		c := *recoveries[i%len(recoveries)]
		c.address = fmt.Sprintf("203.%d.113.1", i%50)
		r, err := c.try(http.MethodPost, "/recoveries/"+c.id+"/proofs", fields{"method": "email", "code": fmt.Sprintf("%08d", i)})
		if err != nil {
			t.Error(err)
		} else if r.status == http.StatusOK {
			passed.Add(1)
		}
	})
	if n := s.compared(); passed.Load() > 0 || n == 0 || n > 10 {
		t.Errorf("in %d recoveries %d guesses were compared and %d passed", len(recoveries), n, passed.Load())
	}
	for _, name := range []string{"pwdFailureTime", "pwdAccountLockedTime"} {
		if values, err := s.slapd.Attribute(t.Context(), testenv.PersonDN("alice"), name); err != nil || len(values) > 0 {
			t.Errorf("the directory has %s: %v, %v", name, values, err)
		}
	}
	s.signsIn("alice", before, testenv.FirstPassword)
	stranger := s.browser()
	stranger.visit("/").on("/", http.StatusOK, "The help desk", "49 30 901820")
	s.request(stranger.post("/support", words(url.Values{"name": {"Alice"}})).sent())
	own.toPassword("alice").setPassword(newPassword).on("/done", http.StatusOK)
	s.signsIn("alice", newPassword, before)
}
