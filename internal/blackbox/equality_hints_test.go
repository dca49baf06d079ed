package blackbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// bothMethods lets everyone choose how a code comes.
const bothMethods = "[[policy]]\nenabled = true\nmethods = [\"email\", \"sms\"]"

// TestS40_NoHintOfAContact: whoever begins for a person who has an address and a
// number, for one who has an address only, and for nobody, sees the same ways to
// get a code, each time, and no piece of a contact before a gate is passed.
func TestS40_NoHintOfAContact(t *testing.T) {
	s, _ := withSMS(t, options{limits: roomy()})
	s.otherwise("[[policy]]\nenabled = true", bothMethods)
	const starts = 30
	want := ""
	for n := range starts {
		for _, login := range []string{"bob", "alice", "missing"} {
			c := s.caller()
			c.start(login)
			for _, method := range []string{"email", "sms"} {
				c.want(http.StatusAccepted, c.openBy(method))
				if n == 0 { // the others are quicker than the look-up
					s.delivered()
				}
				r := c.want(http.StatusOK, c.view())
				for _, piece := range []string{"@", "home.test", "****", "678", "+49"} {
					if strings.Contains(string(r.body), piece) {
						t.Fatalf("%q is shown of %s: %s", piece, login, r.body)
					}
				}
				seen := fmt.Sprint(r.json["state"], r.json["gates_left"], r.json["methods"])
				if want == "" {
					want = seen
				}
				if seen != want {
					t.Fatalf("start %d shows %s for %s, and %s before", n, seen, login, want)
				}
			}
		}
	}
	if want != "verify1 [email sms]" {
		t.Errorf("everyone is shown %s", want)
	}
	b := s.browser().toCode("bob")
	s.delivered()
	for _, path := range []string{"/verify", "/", "/password"} {
		b.visit(path)
		for _, piece := range []string{"home.test", "****", "5678", "+4915"} {
			if strings.Contains(b.body, piece) {
				t.Errorf("%s shows %q", path, piece)
			}
		}
	}
}

// TestS41_CodesAreRefusedAlike: the first code that an address may not submit is
// the same one for a person and for nobody, and so is each answer before.
func TestS41_CodesAreRefusedAlike(t *testing.T) {
	s := start(t, options{limits: roomy("codes_per_address") + "[limits.codes_per_address]\nrates = [\"7/10m\"]\n"})
	want := []int{422, 422, 422, 422, 410, 422, 422, 429, 429, 429}
	for n, login := range []string{"alice", "missing", "disabled"} {
		var got []int
		c := s.caller()
		c.address = fmt.Sprintf("203.0.113.%d", n)
		for range 2 {
			c.start(login)
			c.want(http.StatusAccepted, c.open())
			s.delivered()
			for range 5 {
				got = append(got, c.prove("00000000").status)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", login, got, want)
		}
	}
}
