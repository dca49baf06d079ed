package directorytest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// betweenCases are about what happens between the steps of a reset.
func betweenCases() []testCase {
	return []testCase{
		{"renamed between the steps", renamed},
		{"deleted between the steps", deleted},
		{"deleted and made anew", madeAnew},
		{"changed between the steps", changedBetween},
	}
}

// rename gives a person's entry another cn, and returns its DN. The login stays.
func (s *subject) rename(login, escaped string) string {
	s.Helper()
	dn := s.DN(login)
	_, parent, _ := strings.Cut(dn, ",")
	rdn := "cn=" + escaped
	text := base64.StdEncoding.EncodeToString
	goes := map[bool]string{true: "1", false: "0"}[s.OneName]
	s.do("dn:: " + text([]byte(dn)) + "\nchangetype: modrdn\nnewrdn:: " + text([]byte(rdn)) + "\ndeleteoldrdn: " + goes + "\n")
	return rdn + "," + parent
}

// renamed: who was read under the old name is written under none; read again by
// the permanent id the person is found.
func renamed(s *subject) {
	login := s.add()
	before := s.find(login)
	dn := s.rename(login, "Another Name")
	if err := s.directory.SetPassword(s.Context(), before, second); !errors.Is(err, directory.ErrNotFound) {
		s.Errorf("under the old name: %v", err)
	}
	s.letsIn(dn, first, second)
	p, err := s.directory.Read(s.Context(), before.ID)
	if err != nil || p.DN == before.DN {
		s.Fatalf("read by the id: %+v, %v", p, err)
	}
	if err := s.directory.SetPassword(s.Context(), p, second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(dn, second, first)
}

func deleted(s *subject) {
	login := s.add()
	before := s.find(login)
	s.do(deletion(s.DN(login)))
	if err := s.directory.SetPassword(s.Context(), before, second); !errors.Is(err, directory.ErrNotFound) {
		s.Errorf("the reset: %v", err)
	}
	if _, err := s.directory.Read(s.Context(), before.ID); !errors.Is(err, directory.ErrNotFound) {
		s.Errorf("read again: %v", err)
	}
	if err := s.directory.Unlock(s.Context(), before); !errors.Is(err, directory.ErrNotFound) {
		s.Errorf("the unlocking: %v", err)
	}
}

// madeAnew: another person under the same name and login is another person.
func madeAnew(s *subject) {
	login := s.add()
	before := s.find(login)
	s.do(deletion(s.DN(login)))
	s.do(s.Entry(login, third))
	if err := s.directory.SetPassword(s.Context(), before, second); !errors.Is(err, directory.ErrNotFound) {
		s.Errorf("the reset: %v", err)
	}
	s.letsIn(s.DN(login), third, second, first)
	if p := s.find(login); p.ID == before.ID {
		s.Error("the permanent id is given to another person")
	}
}

func changedBetween(s *subject) {
	login := s.add()
	before, now := s.find(login), time.Now()
	// The stamps of some servers have whole seconds, by a clock of their own.
	s.eventually("the next second has begun", func() bool { return time.Since(now) > 1100*time.Millisecond })
	if err := s.directory.SetPassword(s.Context(), s.find(login), second); err != nil {
		s.Fatal(err)
	}
	if err := s.directory.SetPassword(s.Context(), before, third); !errors.Is(err, directory.ErrChanged) {
		s.Errorf("the reset by an old reading: %v", err)
	}
	s.letsIn(s.DN(login), second, third)
}

// lostCases are about connections that end around the write.
func lostCases() []testCase {
	return []testCase{
		{"connection lost before the write", lostBefore},
		{"answer to the write lost", lostAnswer},
		{"write lost on the way", lostWrite},
		{"read-only replica", readOnly},
	}
}

// readOnly: the first server answers the write with a referral. It is not
// followed; read again, the person comes from the next server, which is written.
func readOnly(s *subject) {
	login := s.add()
	proxy := s.Proxy(s)
	c := s.Config
	c.Servers = append([]string{proxy.LDAPSURL}, c.Servers...)
	d := s.open(c)
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if !isWrite(m) {
			return testenv.LDAPAction{}
		}
		const referral = 10
		return testenv.LDAPAction{Answer: m.Result(m.Op+1, referral, "")}
	})
	p, err := d.Find(s.Context(), login)
	if err != nil || p.Server() != proxy.LDAPSURL {
		s.Fatalf("found on %v, %v", p, err)
	}
	if err := d.SetPassword(s.Context(), p, second); !errors.Is(err, directory.ErrReadOnly) {
		s.Errorf("the write to the replica: %v", err)
	}
	s.letsIn(s.DN(login), first, second)
	again, err := d.Read(s.Context(), p.ID)
	if err != nil || again.Server() == proxy.LDAPSURL {
		s.Fatalf("read again from %v, %v", again, err)
	}
	if err := d.SetPassword(s.Context(), again, second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), second, first)
}

// passwordModify is the operation's OID (RFC 3062).
const passwordModify = "1.3.6.1.4.1.4203.1.11.1"

// isWrite tells the write of a password: Password Modify, or a Modify.
func isWrite(m testenv.LDAPMessage) bool {
	const modify = 6
	return m.Op == modify || m.Op == testenv.LDAPExtendedRequest && bytes.Contains(m.Bytes, []byte(passwordModify))
}

// lostBefore: nothing was sent, so it is sent once more on another connection.
func lostBefore(s *subject) {
	login := s.add()
	d, proxy := s.proxied()
	p, err := d.Find(s.Context(), login)
	if err != nil {
		s.Fatal(err)
	}
	proxy.Sever()
	if err := d.SetPassword(s.Context(), p, second); err != nil {
		s.Fatal(err)
	}
	s.letsIn(s.DN(login), second, first)
}

// lostAnswer: the server has the new password and says so, and nobody hears it.
func lostAnswer(s *subject) {
	login := s.add()
	d, proxy := s.proxied()
	p, err := d.Find(s.Context(), login)
	if err != nil {
		s.Fatal(err)
	}
	var write int64
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if isWrite(m) {
			write = m.ID
		}
		return testenv.LDAPAction{}
	})
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		return testenv.LDAPAction{Drop: write != 0 && m.ID == write}
	})
	err = d.SetPassword(s.Context(), p, second)
	unknown, ok := errors.AsType[*directory.UnknownError](err)
	if !ok || unknown.Server != p.Server() {
		s.Fatalf("without an answer: %v", err)
	}
	proxy.OnRequest(nil)
	proxy.OnResponse(nil)
	if settled, err := d.Settle(s.Context(), p.Attempt(), second); err != nil || settled != directory.Written {
		s.Errorf("settled: %v, %v", settled, err)
	}
	s.letsIn(s.DN(login), second, first)
}

// lostWrite: the request never arrives.
func lostWrite(s *subject) {
	login := s.add()
	d, proxy := s.proxied()
	p, err := d.Find(s.Context(), login)
	if err != nil {
		s.Fatal(err)
	}
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Drop: isWrite(m)} })
	if _, ok := errors.AsType[*directory.UnknownError](d.SetPassword(s.Context(), p, second)); !ok {
		s.Fatal("the outcome is not unknown")
	}
	proxy.OnRequest(nil)
	if settled, err := d.Settle(s.Context(), p.Attempt(), second); err != nil || settled != directory.NotWritten {
		s.Errorf("settled: %v, %v", settled, err)
	}
	s.letsIn(s.DN(login), first, second)
}
