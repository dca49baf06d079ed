package blackbox

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestF06_BehindACopy: the first server takes no writes. The reset goes to the
// next, and never to where the copy refers to.
func TestF06_BehindACopy(t *testing.T) {
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { elsewhere.Close() })
	go func() {
		if c, err := elsewhere.Accept(); err == nil {
			t.Error("the referral was followed")
			c.Close()
		}
	}()
	for name, updateRef := range map[string]string{"referral": "ldap://" + elsewhere.Addr().String(), "unwilling": ""} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{limits: roomy(), copied: true, updateRef: updateRef})
			c := s.caller().verified("alice")
			c.want(http.StatusOK, c.set(newPassword))
			s.signsIn("alice", newPassword, testenv.FirstPassword)
			d := s.caller().verified("bob")
			d.want(http.StatusOK, d.set(newPassword))
			s.signsIn("bob", newPassword, testenv.FirstPassword)
			if n := strings.Count(s.log.String(), "takes no writes; others"); n != 1 {
				t.Errorf("the log tells of the copy %d times", n)
			}
		})
	}
}

// TestF06_SettledWhereItWasWritten: the answer of the second server is lost, and
// so is the process. The next one asks that server, not the copy.
func TestF06_SettledWhereItWasWritten(t *testing.T) {
	s := start(t, options{limits: roomy(), copied: true, proxied: true, recovery: "settle_for = \"1s\"\n"})
	c := s.caller().verified("alice")
	// What is written does not come to the copy.
	s.feed.OnResponse(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Swallow: true} })
	c.diesWriting()
	eventually(t, "the write is settled", func() bool { return c.view().json["state"] == "done" })
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestF05_LaggingCopy: somebody changes the password, which the copy does not
// show. Nothing is written on the strength of what it shows.
func TestF05_LaggingCopy(t *testing.T) {
	const given = "helpdesk-Gave-This-1"
	s := start(t, options{limits: roomy(), copied: true, proxied: true})
	s.feed.OnResponse(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Swallow: true} })
	c, d := s.caller().verified("alice"), s.caller().verified("bob")
	s.helpdesk("alice", given)
	sent := s.onWrite(func(int32) testenv.LDAPAction { return testenv.LDAPAction{} })
	if r := c.set(newPassword); r.status == http.StatusOK || c.view().json["state"] == "done" {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	if sent.Load() != 0 {
		t.Errorf("%d passwords were sent to the server that takes writes", sent.Load())
	}
	s.signsIn("alice", given, newPassword)
	d.want(http.StatusOK, d.set(newPassword))
	s.signsIn("bob", newPassword, testenv.FirstPassword)
}

// TestF06_OnlyTheCopyIsLeft: nothing is changed, the proofs stay good.
func TestF06_OnlyTheCopyIsLeft(t *testing.T) {
	s := start(t, options{limits: roomy(), copied: true})
	c := s.caller().verified("alice")
	s.slapd.Stop()
	for range 2 {
		if r := c.want(http.StatusServiceUnavailable, c.set(newPassword)); r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if err := s.slapd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestSeveralDirectories: two directories side by side, each with its own base,
// people and policy. A login that both know belongs to nobody, and nobody is
// looked up while one of them is away: who they are could not be told for sure.
func TestSeveralDirectories(t *testing.T) {
	const base, policy = "ou=branch," + testenv.BaseDN, "cn=branch,ou=policies," + testenv.BaseDN
	entry := func(uid string) string {
		return fmt.Sprintf("dn: uid=%[1]s,%[2]s\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: %[1]s\nsn: x\nuserPassword: %[3]s\npwdPolicySubentry: %[4]s\n\n", uid, base, testenv.FirstPassword, policy)
	}
	branch := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: "dn: " + base + "\nobjectClass: organizationalUnit\nou: branch\n\n" +
		"dn: " + policy + "\nobjectClass: device\nobjectClass: pwdPolicy\ncn: branch\npwdAttribute: userPassword\npwdMinLength: 40\npwdCheckQuality: 2\n\n" + entry("carol")})
	s := start(t, options{limits: roomy(), config: fmt.Sprintf(`
[[directory]]
name = "branch"
servers = ["%s"]
ca_file = "%s"
base_dn = "%s"
group_base_dn = "ou=groups,%s"
bind_dn = "%s"
bind_password_file = "bind"
default_policy_dn = "%s"
`, branch.LDAPSURL, branch.CAFile, base, testenv.BaseDN, branch.ServiceDN, policy)})
	s.file("carol.csv", "login,directory,email,mobile\ncarol,branch,carol@home.test,\n")
	s.run("contacts", "import", "carol.csv")
	signsIn := func(with, not string) {
		t.Helper()
		dn := "uid=carol," + base
		if err := branch.Bind(t.Context(), dn, with); err != nil {
			t.Errorf("carol cannot sign in: %v", err)
		}
		if err := branch.Bind(t.Context(), dn, not); err == nil {
			t.Error("carol signs in with the other password")
		}
	}

	c := s.caller().verified("alice")
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	d := s.caller().verified("carol")
	if r := d.want(http.StatusUnprocessableEntity, d.set(newPassword)); !bytes.Contains([]byte(r.body), []byte("too_short")) {
		t.Errorf("in the branch: %s", r.body)
	}
	signsIn(testenv.FirstPassword, newPassword)
	const long = newPassword + " and many words more, as the branch demands"
	d.want(http.StatusOK, d.set(long))
	signsIn(long, testenv.FirstPassword)

	if err := branch.Modify(t.Context(), entry("bob")); err != nil {
		t.Fatal(err)
	}
	b := s.caller()
	b.start("bob")
	b.want(http.StatusAccepted, b.open())
	s.log.await(t, "a login is in two directories", 1)

	branch.Stop()
	e := s.caller()
	e.start("young")
	e.want(http.StatusAccepted, e.open())
	// Whichever worker looks first says so.
	s.log.await(t, "directory branch: the directory is unavailable", 1)
	if n := s.mails("young@home.test"); n != 0 {
		t.Errorf("%d mails for one who cannot be told for sure", n)
	}
	if err := branch.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the code comes when the branch is back", func() bool { return s.mails("young@home.test") == 1 })
	if n := s.mails("bob@home.test"); n != 0 {
		t.Errorf("%d mails for a login that is in two directories", n)
	}
}

// mails counts what was sent to an address.
func (s *stack) mails(to string) int {
	n := 0
	for _, m := range s.mail.Messages() {
		if slices.Contains(m.To, to) {
			n++
		}
	}
	return n
}
