package blackbox

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/internal/testenv"
)

func (s *stack) modify(ldif string) {
	s.t.Helper()
	if err := s.slapd.Modify(s.t.Context(), ldif); err != nil {
		s.t.Fatal(err)
	}
}

// TestS26_TheServiceAccountIsNoTarget, also where it is a person like others to
// the user_filter and its DN is written in another way; each write names whom
// it is for.
func TestS26_TheServiceAccountIsNoTarget(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.modify("dn: " + s.slapd.ServiceDN + "\nchangetype: modify\nadd: objectClass\nobjectClass: uidObject\n-\nadd: uid\nuid: latchkey\n")
	whole := []string{"LATCHKEY_DIRECTORY__0__BASE_DN=" + testenv.BaseDN, "LATCHKEY_DIRECTORY__0__USER_FILTER=(uid={login})", "LATCHKEY_DIRECTORY__0__BIND_DN=CN=Latchkey, OU=Services," + strings.ToUpper(testenv.BaseDN)}
	s.runAs(whole, "contacts", "set", "--at-once", "latchkey", "--email=latchkey@home.test")
	s.env = whole
	s.serve()
	var named, unnamed atomic.Int32
	s.beforeWrite(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if target := userIdentity(m.Bytes); target == testenv.PersonDN("alice") {
			named.Add(1)
		} else {
			unnamed.Add(1)
		}
		return testenv.LDAPAction{}
	})
	c := s.caller()
	c.start("latchkey")
	c.want(http.StatusAccepted, c.open())
	s.delivered()
	if s.codesTo("latchkey") > 0 {
		c.want(http.StatusOK, c.prove(s.code("latchkey", 0)))
		if r := c.set(newPassword); r.status != http.StatusForbidden && r.status != http.StatusGone {
			t.Errorf("status %d: %s", r.status, r.body)
		}
	}
	if err := s.slapd.Bind(t.Context(), s.slapd.ServiceDN, s.slapd.ServicePassword); err != nil {
		t.Errorf("the service account cannot bind any more: %v", err)
	}
	a := s.caller().verified("alice")
	a.want(http.StatusOK, a.set(newPassword))
	if named.Load() != 1 || unnamed.Load() != 0 {
		t.Errorf("%d writes for alice and %d for others, want one and none", named.Load(), unnamed.Load())
	}
}

// userIdentity is whom a Password Modify is for.
func userIdentity(message []byte) string {
	packet := ber.DecodePacket(message)
	if packet == nil || len(packet.Children) < 2 || len(packet.Children[1].Children) < 2 {
		return ""
	}
	value := ber.DecodePacket(packet.Children[1].Children[1].Data.Bytes())
	if value == nil || len(value.Children) == 0 || value.Children[0].Tag != 0 {
		return ""
	}
	return value.Children[0].Data.String()
}

// TestS30_LoginsAreValues: whatever is typed is one value in one filter, finds
// nobody, and is answered like every other login.
func TestS30_LoginsAreValues(t *testing.T) {
	s := start(t, options{limits: roomy()})
	// What the import of the contacts asked for, many logins at a time, comes before.
	before, err := os.ReadFile(s.slapd.Log())
	if err != nil {
		t.Fatal(err)
	}
	ordinary := s.caller().start("nobody-of-that-name")
	for _, login := range []string{
		"*", "*)(uid=*", "alice)(|(objectClass=*", "alice)", `a\00b`, `\2a`, `\61lice`, "alic*", "a*e", "alice\u0000", "uid=alice,ou=people," + testenv.BaseDN,
		"(&(uid=alice))", "alice)(!(uid=nobody", strings.Repeat("a", 257), strings.Repeat("*", 200),
	} {
		r := s.caller().do(http.MethodPost, "/recoveries", fields{"login": login})
		if len(login) > 256 || strings.ContainsRune(login, 0) {
			if r.status != http.StatusBadRequest && r.status != http.StatusUnprocessableEntity {
				t.Errorf("%.40q: status %d", login, r.status)
			}
			continue
		}
		if r.status != http.StatusAccepted || len(r.body) != len(ordinary.body) {
			t.Errorf("%q: %d %s, an ordinary one: %s", login, r.status, r.body, ordinary.body)
		}
		c := &caller{s: s, address: "198.51.100.7", id: r.json["id"].(string), token: r.json["token"].(string)}
		c.want(http.StatusAccepted, c.open())
	}
	s.delivered()
	if n := len(s.mail.Messages()); n != 0 {
		t.Errorf("%d mails", n)
	}
	text, err := os.ReadFile(s.slapd.Log())
	if err != nil {
		t.Fatal(err)
	}
	searched := 0
	for line := range strings.Lines(string(text[len(before):])) {
		_, filter, ok := strings.Cut(line, `filter="`)
		if !ok || !strings.Contains(filter, "(uid=") || strings.Contains(filter, "entryUUID") {
			continue
		}
		searched++
		filter = strings.TrimSuffix(strings.TrimSpace(filter), `"`)
		if n := strings.Count(filter, "(uid="); n != 1 || strings.Contains(filter, "*") && !strings.Contains(filter, `(objectClass=*)`) {
			t.Errorf("slapd was asked for %s", filter)
		}
	}
	if searched < 12 {
		t.Errorf("slapd saw %d searches:\n%s", searched, text)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
}

// TestS34_LocksOfAdministratorsStay: an account that was locked, switched off
// or expired is not reset, before the proof or after it, and what locks it
// stays. slapd itself would take the lock away with the write.
func TestS34_LocksOfAdministratorsStay(t *testing.T) {
	const forGood = "000001010000Z"
	s := start(t, options{limits: roomy(), proxied: true})
	writes := 0
	s.beforeWrite(func(testenv.LDAPMessage) testenv.LDAPAction { writes++; return testenv.LDAPAction{} })
	for _, uid := range []string{"adminlocked", "disabled"} {
		c := s.caller()
		c.start(uid)
		c.want(http.StatusAccepted, c.open())
		s.delivered()
		if s.codesTo(uid) != 0 {
			t.Errorf("%s got a code", uid)
		}
		c.want(http.StatusUnprocessableEntity, c.prove("00000000"))
		c.want(http.StatusConflict, c.set(newPassword))
	}
	for uid, change := range map[string]string{
		"alice": "add: pwdAccountLockedTime\npwdAccountLockedTime: " + forGood, "bob": "add: shadowExpire\nshadowExpire: 1",
		"overlimit": "add: pwdEndTime\npwdEndTime: 20200101000000Z",
	} {
		c := s.caller().verified(uid)
		s.modify("dn: " + testenv.PersonDN(uid) + "\nchangetype: modify\n" + change + "\n")
		c.want(http.StatusGone, c.set(newPassword))
		if err := s.slapd.Bind(t.Context(), testenv.PersonDN(uid), newPassword); err == nil {
			t.Errorf("%s can sign in with the new password", uid)
		}
	}
	for _, uid := range []string{"adminlocked", "alice"} {
		if lock, err := s.slapd.Attribute(t.Context(), testenv.PersonDN(uid), "pwdAccountLockedTime"); err != nil || fmt.Sprint(lock) != "["+forGood+"]" {
			t.Errorf("the lock of %s is %q, %v", uid, lock, err)
		}
	}
	if writes != 0 {
		t.Errorf("%d writes were sent", writes)
	}
}

// TestS36_FiveOutcomes: each end of a write has its own answer, and only the
// first says that the password is set.
func TestS36_FiveOutcomes(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true, recovery: "settle_for = \"10s\"\n"})
	empty := 0
	for _, test := range []struct {
		name, state   string
		code, status  int
		drop, written bool
	}{
		{name: "not allowed", code: 50, status: http.StatusForbidden, state: "ended"},
		{name: "refused", code: 19, status: http.StatusUnprocessableEntity, state: "set_password"},
		{name: "busy", code: 51, status: http.StatusServiceUnavailable, state: "set_password"},
		{name: "read-only", code: 53, status: http.StatusServiceUnavailable, state: "set_password"},
		{name: "another error", code: 80, status: http.StatusServiceUnavailable, state: "set_password"},
		{name: "unknown", drop: true, status: http.StatusAccepted, state: "settling"},
		{name: "done", status: http.StatusOK, state: "done", written: true},
	} {
		uid := map[bool]string{true: "bob", false: "alice"}[test.drop]
		c := s.caller().verified(uid)
		var cut atomic.Bool
		s.proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op == testenv.LDAPBindRequest && bytes.Contains(m.Bytes, []byte{0x80, 0}) {
				empty++
			}
			if m.Op != extendedRequest || !bytes.Contains(m.Bytes, []byte(passwordModify)) {
				return testenv.LDAPAction{Drop: cut.Load()}
			}
			if test.drop {
				cut.Store(true)
				return testenv.LDAPAction{Drop: true}
			}
			if test.written {
				return testenv.LDAPAction{}
			}
			return testenv.LDAPAction{Answer: m.Result(extendedResponse, test.code, "no")}
		})
		r := c.set(newPassword)
		s.proxy.OnRequest(nil)
		if r.status != test.status {
			t.Errorf("%s: status %d, want %d: %s", test.name, r.status, test.status, r.body)
		}
		if !test.written {
			s.signsIn(uid, testenv.FirstPassword, newPassword)
		}
		if state := c.view().json["state"]; state != test.state && (!test.drop || state == "done") {
			t.Errorf("%s: the state is %v, want %s", test.name, state, test.state)
		}
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	if empty != 0 {
		t.Errorf("%d binds with an empty password", empty)
	}
}

// TestS37_OneWriteAtATime: while one recovery of a person writes, another of
// theirs may not, nor may the same one twice, nor any of them afterwards.
func TestS37_OneWriteAtATime(t *testing.T) {
	const second = "another-Elephant-43"
	s := start(t, options{limits: roomy(), proxied: true, holds: true})
	one, other := s.caller().verified("alice"), s.caller().verified("alice")
	writing, release := make(chan struct{}), make(chan struct{})
	var writes atomic.Int32
	s.beforeWrite(func(testenv.LDAPMessage) testenv.LDAPAction {
		if writes.Add(1) > 1 {
			return testenv.LDAPAction{}
		}
		close(writing)
		return testenv.LDAPAction{Wait: release}
	})
	first := make(chan reply, 1)
	go func() {
		r, _ := one.try(http.MethodPut, "/recoveries/"+one.id+"/password", fields{"password": newPassword})
		first <- r
	}()
	<-writing
	for _, c := range []*caller{one, other} {
		if r := c.set(second); r.status < 400 {
			t.Errorf("a second write meanwhile: %d %s", r.status, r.body)
		}
	}
	close(release)
	if r := <-first; r.status != http.StatusOK {
		t.Errorf("the first write: %d %s", r.status, r.body)
	}
	other.want(http.StatusGone, other.set(second))
	if writes.Load() != 1 {
		t.Errorf("%d writes, want one", writes.Load())
	}
	s.signsIn("alice", newPassword, second)
}
