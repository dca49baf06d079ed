package blackbox

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS66_EveryoneIsTold: after a reset all contacts and the primary mailbox are
// told, with when, from where, with what and what to do; after a refused
// password nobody is.
func TestS66_EveryoneIsTold(t *testing.T) {
	s, gateway := withSMS(t, options{limits: roomy()})
	c := s.caller()
	c.start("bob")
	c.want(http.StatusAccepted, c.openBy("email"))
	c.want(http.StatusOK, c.proveBy("email", s.code("bob", 0)))
	c.want(http.StatusAccepted, c.openBy("sms"))
	c.want(http.StatusOK, c.proveBy("sms", s.smsCode(gateway, 0)))
	c.want(http.StatusUnprocessableEntity, c.set("short"))
	c.want(http.StatusUnprocessableEntity, c.set(testenv.FirstPassword)) // the directory's word
	if n := s.notices("bob@home.test") + s.notices("bob@example.test"); n != 0 {
		t.Errorf("%d notices of refused passwords", n)
	}
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("bob", newPassword, testenv.FirstPassword)
	for _, to := range []string{"bob@home.test", "bob@example.test"} {
		m := s.mailWith(to, "A new password was set")
		for _, want := range []string{"Time: ", "UTC", "198.51.100.0/24", "Reference number: " + c.id[:8], "That was not you?", "/not-me/", "Account: bob"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("the notice to %s does not say %q:\n%s", to, want, m.Text)
			}
		}
	}
	eventually(t, "the number is told", func() bool {
		last := gateway.Requests()[len(gateway.Requests())-1]
		return len(gateway.Requests()) == 2 && strings.Contains(last.Text, "was changed") && !strings.Contains(last.Text, "#")
	})
	s.delivered()
	for _, to := range []string{"bob@home.test", "bob@example.test"} {
		if n := s.notices(to); n != 1 {
			t.Errorf("%s got %d notices of one reset", to, n)
		}
	}
}

// TestS67_MessagesHaveOneRecipientAndOurHeaders: nothing that a stranger writes
// adds a header, a recipient or a line to a message.
func TestS67_MessagesHaveOneRecipientAndOurHeaders(t *testing.T) {
	s, gateway := withSMS(t, options{limits: helpful("1000/1m")})
	const evil = "evil@evil.test"
	for _, login := range []string{"alice\r\nBcc: " + evil, "alice\nTo: " + evil, "alice\x00," + evil} {
		if r := s.caller().do(http.MethodPost, "/recoveries", fields{"login": login}); r.status != http.StatusBadRequest {
			t.Errorf("the login %q is answered %d", login, r.status)
		}
	}
	b := s.browser()
	for _, change := range []url.Values{
		{"name": {"Bob\r\nBcc: " + evil}},
		{"message": {"Help\r\n.\r\nRCPT TO:<" + evil + ">\r\n\r\nBcc: " + evil}},
		{"name": {"=?utf-8?q?Bob=0D=0ABcc:_" + evil + "?="}},
	} {
		b.visit("/support")
		s.request(b.post("/support", words(change)).sent())
	}
	for _, address := range []string{"bob@elsewhere.test\r\nBcc: " + evil, "bob@elsewhere.test," + evil, "<bob@elsewhere.test> " + evil} {
		b.visit("/support")
		b.post("/support", words(url.Values{"email": {address}})).on("/support", http.StatusUnprocessableEntity)
	}
	s.verifiedByBoth(gateway)
	ours := []string{"Auto-Submitted", "Content-Type", "Content-Transfer-Encoding", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To", "X-Auto-Response-Suppress", "Content-Language"}
	for _, m := range s.mail.Messages() {
		for name := range maps.Keys(m.Header) {
			if !slices.Contains(ours, name) {
				t.Errorf("a mail has the header %s: %q", name, m.Header[name])
			}
		}
		if len(m.To) != 1 || strings.Contains(fmt.Sprint(m.To, m.Header["To"], m.Header["Reply-To"], m.Header["Subject"]), "evil.test") {
			t.Errorf("a mail to %v with %v", m.To, m.Header)
		}
	}
	sms := gateway.Requests()[0].Text
	code := codeInSMS.FindStringSubmatch(sms)
	if lines := strings.Split(sms, "\n"); code == nil || lines[len(lines)-1] != "@127.0.0.1 #"+code[1] {
		t.Errorf("the last line of the SMS binds nothing: %q", sms)
	}
}

// verifiedByBoth passes both gates of bob.
func (s *stack) verifiedByBoth(gateway *testenv.SMSGateway) *caller {
	s.t.Helper()
	c := s.caller()
	c.start("bob")
	before := s.codesTo("bob")
	c.want(http.StatusAccepted, c.openBy("email"))
	c.want(http.StatusOK, c.proveBy("email", s.code("bob", before)))
	known := len(gateway.Requests())
	c.want(http.StatusAccepted, c.openBy("sms"))
	c.want(http.StatusOK, c.proveBy("sms", s.smsCode(gateway, known)))
	return c
}

// TestS69_TheAuditIsAChain: every attempt is in it, the refused ones too, and
// what is taken out, changed or put elsewhere is found at its place.
func TestS69_TheAuditIsAChain(t *testing.T) {
	s := start(t, options{limits: roomy()})
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code := s.code("alice", 0)
	c.want(http.StatusUnprocessableEntity, c.prove(otherCode(code)))
	c.want(http.StatusOK, c.prove(code))
	c.want(http.StatusUnprocessableEntity, c.set(testenv.FirstPassword))
	c.want(http.StatusOK, c.set(newPassword))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	story := s.run("audit", "search", "--recovery", c.id, "--json")
	for _, want := range []string{`"recovery_started"`, `"challenge_opened"`, `"wrong"`, `"right"`, `"write_intended"`, `"refused"`, `"done"`} {
		if !strings.Contains(story, want) {
			t.Errorf("the audit lacks %s:\n%s", want, story)
		}
	}
	s.run("audit", "verify")
	files, err := filepath.Glob(filepath.Join(s.dir, "audit", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files of the audit: %v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	for name, changed := range map[string][]string{
		"a line taken out": slices.Concat(lines[:3], lines[4:]),
		"two exchanged":    slices.Concat(lines[:3], lines[4:5], lines[3:4], lines[5:]),
		"the last gone":    lines[:len(lines)-1],
		"one changed":      slices.Concat(lines[:3], []string{strings.Replace(lines[3], `"time":"20`, `"time":"21`, 1)}, lines[4:]),
	} {
		if err := os.WriteFile(files[0], []byte(strings.Join(changed, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.try("audit", "verify"); err == nil || name != "the last gone" && !strings.Contains(err.Error(), "line 4") {
			t.Errorf("%s: verify says %v", name, err)
		}
	}
	if err := os.WriteFile(files[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("audit", "verify")
}

// otherCode is a code that is not this one.
func otherCode(code string) string {
	if code == "00000000" {
		return "00000001"
	}
	return "00000000"
}

// contactsChanged is how the notice of other contacts says so.
const contactsChanged = "were changed. This message goes to those that were registered before, and to your usual mail address."

// telling are the surroundings of a command that tells people.
var telling = []string{"LATCHKEY_CONTACTS__NOTICE_LIMIT=100"}

// toldOfContacts counts the notices of other contacts to an address.
func (s *stack) toldOfContacts(address string) int {
	n := 0
	for _, m := range s.mail.Messages() {
		if m.To[0] == address && strings.Contains(strings.Join(strings.Fields(m.Text), " "), contactsChanged) {
			n++
		}
	}
	return n
}

// TestS66_WhoIsSynchronizedIsTold: whose contacts the directory replaces, is told by
// those of before also where it is read by a command; a first load tells nobody, nor
// is told who is gone.
func TestS66_WhoIsSynchronizedIsTold(t *testing.T) {
	s := start(t, synced(options{slapd: testenv.SlapdOptions{
		LDIF: testenv.PersonLDIF("carol", "carLicense: carol@home.test") + testenv.PersonLDIF("dave", "carLicense: dave@home.test") + testenv.PersonLDIF("erin", "carLicense: erin@home.test"),
	}}))
	s.runAs(telling, "sync", "--once")
	s.delivered()
	if n := len(s.mail.Messages()); n != 0 {
		t.Errorf("a first load sends %d messages", n)
	}
	for _, ldif := range []string{
		"dn: " + testenv.PersonDN("carol") + "\nchangetype: modify\nreplace: carLicense\ncarLicense: thief@home.test\n",
		"dn: " + testenv.PersonDN("dave") + "\nchangetype: delete\n",
		"dn: " + testenv.PersonDN("erin") + "\nchangetype: modify\ndelete: carLicense\n",
	} {
		if err := s.slapd.Modify(t.Context(), ldif); err != nil {
			t.Fatal(err)
		}
	}
	s.runAs(telling, "sync", "--once", "--dry-run")
	s.runAs(telling, "sync", "--once")
	s.runAs(telling, "sync", "--once") // nothing changes
	s.delivered()
	for to, want := range map[string]int{
		"carol@home.test": 1, "carol@example.test": 1, "thief@home.test": 0, "dave@home.test": 0, "dave@example.test": 0, "erin@home.test": 1, "erin@example.test": 1,
	} {
		if n := s.toldOfContacts(to); n != want {
			t.Errorf("%s got %d notices, want %d", to, n, want)
		}
	}
	if n := strings.Count(s.run("audit", "search", "--kind=contacts_changed", "--json"), `"reason":"sync"`); n != 3 {
		t.Errorf("the audit names %d people, want 3", n)
	}
}

// TestS66_TheOldContactsAreTold: whose contacts an operator or a file replaces is
// told by those that were there before, and by the primary mailbox; so is who had
// none, of what is entered by hand. The new ones, who had none and is imported, and a
// change to too many are not.
func TestS66_TheOldContactsAreTold(t *testing.T) {
	s := start(t, options{})
	const says = contactsChanged
	told := s.toldOfContacts
	s.runAs(telling, "contacts", "set", "--at-once", "alice", "--email=new@home.test")
	for _, to := range []string{"alice@home.test", "alice@example.test"} {
		m := s.mailWith(to, says)
		for _, want := range []string{"Time: ", "Account: alice", "tell support at once"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("the notice to %s does not say %q:\n%s", to, want, m.Text)
			}
		}
		for _, never := range []string{"new@home.test", "/not-me/"} {
			if strings.Contains(m.Text, never) {
				t.Errorf("the notice to %s says %q", to, never)
			}
		}
	}
	s.runAs(telling, "contacts", "set", "--at-once", "alice", "--email=new@home.test") // nothing changes
	s.runAs(telling, "contacts", "set", "--at-once", "nocontacts", "--email=first@home.test")
	s.runAs(telling, "contacts", "delete", "alice")
	s.mailWith("new@home.test", says)
	s.delivered()
	for to, want := range map[string]int{"alice@home.test": 1, "new@home.test": 1, "alice@example.test": 2, "first@home.test": 0, "nocontacts@example.test": 1} {
		if n := told(to); n != want {
			t.Errorf("%s got %d notices, want %d", to, n, want)
		}
	}
	s.file("people.csv", "login,email\nnocontacts,first@home.test\nbob,other@home.test\n")
	limited := []string{"LATCHKEY_CONTACTS__NOTICE_LIMIT=1"}
	s.runAs(telling, "contacts", "import", "people.csv")
	s.delivered()
	if a, b := told("bob@home.test"), told("first@home.test"); a != 1 || b != 0 {
		t.Errorf("an import tells the one whom it changes %d times, and another %d times", a, b)
	}
	s.file("people.csv", "login,email\nnocontacts,second@home.test\nbob,third@home.test\n")
	if out := s.runAs(limited, "contacts", "import", "people.csv"); !strings.Contains(out, "nobody is told") {
		t.Errorf("an import that tells nobody says %q", out)
	}
	s.delivered()
	if a, b := told("other@home.test"), told("first@home.test"); a+b != 0 {
		t.Errorf("an import of too many tells %d people", a+b)
	}
}
