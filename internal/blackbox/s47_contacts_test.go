package blackbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS47_OnlyNormalForms: what is stored is E.164 and an address whose domain is
// lower-case ASCII; what merely looks like one, from a file or by hand, is refused
// and not repeated, and none of a file with one such row is imported.
func TestS47_OnlyNormalForms(t *testing.T) {
	s := start(t, options{limits: roomy(), config: "[contacts]\ndefault_region = \"DE\"\n"})
	s.file("good.csv", "login,email,mobile\nalice,Ann.Other@bücher.EXAMPLE,+44 (0)7400 123456\nbob,BOB@Home.TEST,0151 12345678\n")
	s.run("contacts", "import", "good.csv")
	exported := s.run("contacts", "export")
	for _, want := range []string{"Ann.Other@xn--bcher-kva.example", "+447400123456", "BOB@home.test", "+4915112345678"} {
		if !strings.Contains(exported, want) {
			t.Errorf("%s is not exported:\n%s", want, exported)
		}
	}
	addresses := []string{
		"mıke@home.test", "user@ﬁ.home.test", "\u212aate@home.test", "user@\u212aelvin.test", "user@home。test", "a@b@home.test", "a@home.test b@home.test", "a@home.test,b@home.test",
		"a@home.test\u200b", "Ann <a@home.test>", "<a@home.test>", `"a b"@home.test`, "a@[192.0.2.1]", "a@192.0.2.1", "a@localhost", "a@home.test.", ".a@home.test", "a..b@home.test",
		"a@-home.test", "a@ho_me.test", "@home.test", "a@", "аlice@home.test", "a@home.test\u202e", strings.Repeat("a", 65) + "@home.test",
	}
	numbers := []string{
		"\uff10\uff11\uff15\uff1112345678", "٠١٥١١٢٣٤٥٦٧٨", "+49 151 12345678 ext 5", "+4915112345678;ext=5", "tel:+4915112345678", "+0049 151 12345678", "+49+15112345678",
		"0151-CALL-ME", "+4915112345678x1", "110", "+4990012345", "+882161234567", "+979123456789", "+1", "+", "12", "+49\u00a0151 12345678",
	}
	for _, address := range addresses {
		s.refuses(t, "--email="+address)
	}
	for _, number := range numbers {
		s.refuses(t, "--mobile="+number)
	}
	var rows strings.Builder
	rows.WriteString("login,email,mobile\noverlimit,new@home.test,\n")
	for _, address := range addresses {
		fmt.Fprintf(&rows, "alice,%q,\n", strings.ReplaceAll(address, `"`, ""))
	}
	s.file("bad.csv", rows.String())
	if printed := s.fails("contacts", "import", "bad.csv"); strings.Count(printed, "\nline ")+1 < len(addresses)-2 {
		t.Errorf("the rows are not all named:\n%s", printed)
	}
	if now := s.run("contacts", "export"); now != exported {
		t.Errorf("a bad file changed the contacts:\n%s", now)
	}
	if user := s.caller(); user.start("\u212aalice").status != http.StatusAccepted {
		t.Error("a login that only looks like one is told apart")
	}
}

// refuses checks that a contact is not set, and not printed.
func (s *stack) refuses(t *testing.T, flag string) {
	t.Helper()
	printed := s.fails("contacts", "set", "--at-once", "alice", flag)
	if _, value, _ := strings.Cut(flag, "="); len(value) > 4 && strings.Contains(printed, value) {
		t.Errorf("%q is repeated: %s", flag, printed)
	}
}

// synced makes a stack whose contacts come from carLicense.
func synced(more options) options {
	more.config += "[[sync]]\ndirectory = \"main\"\nemail = [\"carLicense\"]\nmax_removals_percent = 100\n"
	return more
}

// TestS49_NoMailboxBehindTheForgottenPassword: corporate domains and the primary
// address are no contacts, by any of the ways in.
func TestS49_NoMailboxBehindTheForgottenPassword(t *testing.T) {
	s := start(t, synced(options{
		limits: roomy(), config: "[contacts]\ncorporate_domains = [\"corp.test\"]\n",
		slapd: testenv.SlapdOptions{LDIF: testenv.PersonLDIF("carol", "carLicense: carol@example.test") + testenv.PersonLDIF("dave", "carLicense: dave@Mail.CORP.test") + testenv.PersonLDIF("erin", "carLicense: erin@private.test")},
	}))
	for _, address := range []string{"x@corp.test", "x@CORP.TEST", "x@deep.mail.corp.test"} {
		s.refuses(t, "--email="+address)
		s.file("one.csv", "login,email\nalice,"+address+"\n")
		s.fails("contacts", "import", "one.csv")
	}
	s.run("contacts", "set", "--at-once", "alice", "--email=x@notcorp.test")
	var report struct {
		People, Contacts, Rejected int
	}
	if err := json.Unmarshal([]byte(s.run("sync", "--once", "--json")), &report); err != nil || report.Contacts != 1 || report.Rejected != 2 {
		t.Errorf("the report of the synchronization: %+v, %v", report, err)
	}
	for _, uid := range []string{"carol", "dave", "erin"} {
		c := s.caller()
		c.start(uid)
		c.want(http.StatusAccepted, c.open())
	}
	s.codeFor("erin@private.test")
	s.delivered()
	for _, m := range s.mail.Messages() {
		if m.To[0] != "erin@private.test" {
			t.Errorf("a mail to %s", m.To[0])
		}
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "latchkey.toml"))
	if err != nil {
		t.Fatal(err)
	}
	s.file("mail.toml", strings.Replace(string(text), `email = ["carLicense"]`, `email = ["mail"]`, 1))
	if printed := s.fails("config", "check", "mail.toml"); !strings.Contains(printed, "primary mail") {
		t.Errorf("config check prints:\n%s", printed)
	}
}

// TestS50_ASharedContact serves several people from one budget, and each message
// names the account; the operator hears of it.
func TestS50_ASharedContact(t *testing.T) {
	var crowd strings.Builder
	for i := range 6 {
		crowd.WriteString(testenv.PersonLDIF(fmt.Sprintf("member%d", i), "carLicense: club@home.test"))
	}
	s := start(t, synced(options{
		limits: roomy("messages_per_contact") + "[limits.messages_per_contact]\nrates = [\"3/1h\"]\n", slapd: testenv.SlapdOptions{LDIF: crowd.String()},
	}))
	s.file("family.csv", "login,email\nalice,family@home.test\nbob,family@home.test\n")
	if printed := s.run("contacts", "import", "family.csv"); !strings.Contains(printed, "another person in the file has the same contact") {
		t.Errorf("the import prints:\n%s", printed)
	}
	named := regexp.MustCompile(`\b(alice|bob)\b`)
	var asked, got []string
	for _, uid := range []string{"alice", "bob", "alice", "bob", "alice"} {
		c := s.caller()
		c.start(uid)
		c.want(http.StatusAccepted, c.open())
		s.delivered()
		asked = append(asked, uid)
	}
	for _, m := range s.mail.Messages() {
		if m.To[0] == "family@home.test" {
			got = append(got, named.FindString(m.Text))
		}
	}
	if len(got) != 3 || got[0] != asked[0] || got[1] != asked[1] || got[2] != asked[2] {
		t.Errorf("messages for %q came for %q, want the first three", asked, got)
	}
	if report := s.run("sync", "--once", "--json"); !strings.Contains(strings.ReplaceAll(report, " ", ""), `"widely_shared":1,`) {
		t.Errorf("six people with one contact are not reported:\n%s", report)
	}
}

// TestS51_APersonIsTheirPermanentID: renamed, they keep their contacts; somebody
// who gets the login of one who left gets none of theirs, before and after a
// synchronization, and no password of the one who left is written for them.
func TestS51_APersonIsTheirPermanentID(t *testing.T) {
	s := start(t, synced(options{limits: roomy(), slapd: testenv.SlapdOptions{LDIF: testenv.PersonLDIF("carol", "carLicense: carol@private.test")}}))
	s.run("sync", "--once")
	change := func(ldif string) {
		t.Helper()
		if err := s.slapd.Modify(t.Context(), ldif); err != nil {
			t.Fatal(err)
		}
	}
	change("dn: " + testenv.PersonDN("carol") + "\nchangetype: modrdn\nnewrdn: uid=caroline\ndeleteoldrdn: 1\n")
	c := s.caller()
	c.start("caroline")
	c.want(http.StatusAccepted, c.open())
	c.want(http.StatusOK, c.prove(s.codeFor("carol@private.test")))
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("caroline", newPassword, testenv.FirstPassword)

	before := s.caller().verified("bob")
	mails := s.codesTo("bob")
	change("dn: " + testenv.PersonDN("bob") + "\nchangetype: delete\n")
	change(testenv.PersonLDIF("bob", "carLicense: robert@private.test"))
	if r := before.set(newPassword); r.status < 400 {
		t.Errorf("the successor's password is set: %d %s", r.status, r.body)
	}
	for _, synchronized := range []bool{false, true} {
		if synchronized {
			s.run("sync", "--once")
		}
		c := s.caller()
		c.start("bob")
		c.want(http.StatusAccepted, c.open())
		s.delivered()
	}
	s.codeFor("robert@private.test")
	if n := s.codesTo("bob"); n != mails {
		t.Errorf("%d codes for the successor went to the contact of who left", n-mails)
	}
	s.signsIn("bob", testenv.FirstPassword, newPassword)
}
