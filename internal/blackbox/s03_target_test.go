package blackbox

import (
	"maps"
	"net/http"
	"testing"

	"latchkey/internal/testenv"
)

// otherNames are fields by which a request could name somebody else.
var otherNames = []string{"user", "username", "login", "uid", "dn", "id", "person", "account"}

// TestS03_TheTargetIsFixed: nothing that a request names after the start changes
// whose password is written.
func TestS03_TheTargetIsFixed(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	step := func(method, path string, body fields) {
		t.Helper()
		for _, name := range otherNames {
			more := maps.Clone(body)
			if _, own := body[name]; own {
				continue
			}
			more[name] = "bob"
			if r := c.do(method, path, more); r.status != http.StatusBadRequest {
				t.Errorf("%s %s with %q: %d %s", method, path, name, r.status, r.body)
			}
		}
	}
	step(http.MethodPost, "/recoveries", fields{"login": "alice"})
	c.start("alice")
	step(http.MethodPost, "/recoveries/"+c.id+"/challenges", fields{"method": "email"})
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	step(http.MethodPost, "/recoveries/"+c.id+"/proofs", fields{"method": "email", "code": code})
	c.want(http.StatusOK, c.prove(code))
	step(http.MethodPut, "/recoveries/"+c.id+"/password", fields{"password": newPassword})
	c.want(http.StatusOK, c.do(http.MethodPut, "/recoveries/"+c.id+"/password?login=bob&uid=bob", fields{"password": newPassword}))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	s.signsIn("bob", testenv.FirstPassword, newPassword)
}

// TestS03_FormsTooAreAboutThePersonOfTheStart: further fields of a form are
// ignored, and so is what stands in the address.
func TestS03_FormsTooAreAboutThePersonOfTheStart(t *testing.T) {
	s := start(t, options{limits: roomy()})
	naming := func(own fields) fields {
		all := fields{}
		for _, name := range otherNames {
			all[name] = "bob"
		}
		maps.Copy(all, own)
		return all
	}
	b := s.browser().visit("/?login=bob").submit("/", naming(fields{"login": "alice"})).on("/verify", http.StatusOK)
	b.submit("/verify/send", naming(nil)).on("/verify", http.StatusOK)
	b.submit("/verify/code", naming(fields{"code": s.code("alice", 0)})).on("/password", http.StatusOK)
	b.submit("/password", naming(fields{"password": newPassword, "again": newPassword})).on("/done", http.StatusOK)
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	s.signsIn("bob", testenv.FirstPassword, newPassword)
	s.delivered()
	if n := s.mailTo("bob"); n != 0 {
		t.Errorf("bob got %d mails", n)
	}
}

// TestS03_ALoginGivenToAnother: alice has proved who she is, and then bob gets
// the login "alice". He keeps his password.
func TestS03_ALoginGivenToAnother(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller().verified("alice")
	s.giveLogin("alice", "alice.new")
	s.giveLogin("bob", "alice")
	if r := c.set(newPassword); r.status != http.StatusGone {
		t.Errorf("the password after the change: %d %s", r.status, r.body)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword) // that is bob
	s.signsIn("alice.new", testenv.FirstPassword, newPassword)
}

// giveLogin gives a person another login.
func (s *stack) giveLogin(uid, to string) {
	s.t.Helper()
	if err := s.slapd.Modify(s.t.Context(), "dn: "+testenv.PersonDN(uid)+"\nchangetype: modrdn\nnewrdn: uid="+to+"\ndeleteoldrdn: 1\n"); err != nil {
		s.t.Fatal(err)
	}
}
