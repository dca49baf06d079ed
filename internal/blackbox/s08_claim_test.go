package blackbox

import (
	"fmt"
	"net/http"
	"testing"

	"latchkey/internal/testenv"
)

// TestS08_ChangedMeanwhile: what changed between the proof and the write ends
// the recovery, and nothing is written: the account, its groups, its contacts,
// its login, its place in the tree, and the password itself.
func TestS08_ChangedMeanwhile(t *testing.T) {
	more := []string{"moved", "deleted", "renamed", "overtaken"}
	ldif := ""
	for _, uid := range more {
		ldif += testenv.PersonLDIF(uid)
	}
	s := start(t, options{limits: roomy(), slapd: testenv.SlapdOptions{LDIF: ldif[1:] + "\n"}})
	people := append([]string{"alice", "bob", "overlimit"}, more...)
	callers := map[string]*caller{}
	for _, uid := range people {
		s.run("contacts", "set", "--at-once", uid, "--email="+uid+"@home.test")
		callers[uid] = s.caller().verified(uid)
	}
	s.changeEntry("alice", "changetype: modify\nreplace: shadowExpire\nshadowExpire: 1\n")
	if err := s.slapd.Modify(t.Context(), "dn: "+testenv.ProtectedGroupDN+"\nchangetype: modify\nadd: member\nmember: "+testenv.PersonDN("bob")+"\n"); err != nil {
		t.Fatal(err)
	}
	s.run("contacts", "set", "--at-once", "overlimit", "--email=other@home.test")
	s.changeEntry("moved", "changetype: modrdn\nnewrdn: uid=moved\ndeleteoldrdn: 0\nnewsuperior: ou=services,"+testenv.BaseDN+"\n")
	s.changeEntry("deleted", "changetype: delete\n")
	s.giveLogin("renamed", "renamed.new")
	s.helpdesk("overtaken", "helpdesk-Gave-This-1")
	for uid, c := range callers {
		if r := c.want(http.StatusGone, c.set(newPassword)); r.json["end"] != "superseded" {
			t.Errorf("%s: %s", uid, r.body)
		}
	}
	for _, uid := range []string{"alice", "bob", "overlimit", "renamed.new"} {
		s.signsIn(uid, testenv.FirstPassword, newPassword)
	}
	s.signsIn("overtaken", "helpdesk-Gave-This-1", newPassword)
	if err := s.slapd.Bind(t.Context(), "uid=moved,ou=services,"+testenv.BaseDN, newPassword); err == nil {
		t.Error("who was moved away has the new password")
	}
}

// changeEntry changes a person's entry.
func (s *stack) changeEntry(uid, change string) {
	s.t.Helper()
	if err := s.slapd.Modify(s.t.Context(), "dn: "+testenv.PersonDN(uid)+"\n"+change); err != nil {
		s.t.Fatalf("%s: %v", uid, err)
	}
}

// TestS08_TheClaimIsUsedUp: by one success, or by five refusals of the directory;
// it belongs to one recovery, and to the token of the last proof only.
func TestS08_TheClaimIsUsedUp(t *testing.T) {
	s := start(t, options{limits: roomy()})
	refused := s.caller().verified("bob")
	for n := range 5 {
		r := refused.set(testenv.FirstPassword)
		if want := http.StatusUnprocessableEntity; n < 4 && r.status != want || n == 4 && r.json["end"] != "too_many_refusals" {
			t.Errorf("refusal %d: %d %s", n+1, r.status, r.body)
		}
	}
	refused.want(http.StatusGone, refused.set(newPassword))
	s.signsIn("bob", testenv.FirstPassword, newPassword)

	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code, before := s.code("alice", 0), c.token
	c.want(http.StatusOK, c.prove(code))
	stale := &caller{s: s, address: c.address, id: c.id, token: before}
	stale.want(http.StatusUnauthorized, stale.set(newPassword))
	written := 0
	for _, r := range c.volley(20, http.MethodPut, "/recoveries/"+c.id+"/password", func(i int) any {
		return fields{"password": fmt.Sprintf("%s-%d", newPassword, i)}
	}) {
		if r.status == http.StatusOK {
			written++
		}
	}
	if written != 1 {
		t.Errorf("%d of 20 passwords sent at once were written, want one", written)
	}
	c.want(http.StatusConflict, c.set(newPassword))
	if n := len(s.earlierPasswords("alice")); n != 1 {
		t.Errorf("the directory has %d earlier passwords, want one", n)
	}
}

// earlierPasswords are a person's earlier passwords, as the directory keeps them.
func (s *stack) earlierPasswords(uid string) []string {
	s.t.Helper()
	values, err := s.slapd.Attribute(s.t.Context(), testenv.PersonDN(uid), "pwdHistory")
	if err != nil {
		s.t.Fatal(err)
	}
	return values
}

// TestS09_SuccessEndsTheOthers: of two recoveries of one person that may both
// write, the second is over as soon as the first has written; so is the code
// that lies open in a third.
func TestS09_SuccessEndsTheOthers(t *testing.T) {
	s := start(t, options{limits: roomy()})
	first, second, third, page := s.caller().verified("alice"), s.caller().verified("alice"), s.caller(), s.browser().toPassword("alice")
	known := s.codesTo("alice")
	third.start("alice")
	third.want(http.StatusAccepted, third.open())
	code := s.code("alice", known)
	first.want(http.StatusOK, first.set(newPassword))
	if r := second.want(http.StatusGone, second.set(newPassword+"-2")); r.json["end"] != "superseded" {
		t.Errorf("the second: %s", r.body)
	}
	page.setPassword(newPassword+"-3").on("/ended", http.StatusOK)
	if r := third.want(http.StatusGone, third.prove(code)); r.json["end"] != "superseded" {
		t.Errorf("the code of the third: %s", r.body)
	}
	third.want(http.StatusGone, third.set(newPassword+"-4"))
	s.signsIn("alice", newPassword, newPassword+"-2")
	c := s.caller().verified("alice") // a new one is not in the way of anything
	c.want(http.StatusOK, c.set(newPassword+"-5"))
}
