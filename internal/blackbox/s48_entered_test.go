package blackbox

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/testenv"
)

// readOut is how a mail says that its code is for the help desk.
const readOut = "read this code out to them"

// confirm types what somebody reads out, and returns what is answered.
func (s *stack) confirm(uid, code string) (printed string, taken bool) {
	command := exec.Command(s.program, "--config", "latchkey.toml", "contacts", "confirm", uid)
	command.Dir, command.Env = s.dir, slices.Concat(os.Environ(), untold)
	command.Stdin = strings.NewReader(code + "\n")
	out, err := command.CombinedOutput()
	return string(out), err == nil
}

// codesAt counts the mails to an address that bring a code to set a password.
func (s *stack) codesAt(address string) int {
	n := 0
	for _, m := range s.mail.Messages() {
		if m.To[0] == address && codeInMail.MatchString(m.Text) && !strings.Contains(strings.Join(strings.Fields(m.Text), " "), readOut) {
			n++
		}
	}
	return n
}

// asksForCode begins a recovery and asks for a code; whatever is sent has been sent then.
func (s *stack) asksForCode(uid string) {
	s.t.Helper()
	c := s.caller()
	c.start(uid)
	c.want(http.StatusAccepted, c.open())
	s.delivered()
}

func codeIn(t *testing.T, m testenv.Message) string {
	t.Helper()
	found := codeInMail.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no code in %q", m.Text)
	}
	return found[1] + found[2]
}

// TestS48_AnEnteredContactWaits: a contact that the desk enters gets no code for a
// reset before its own code came back and it has rested; the old ones go on, or
// nobody is asked. The old ones are told. What comes from the records counts.
func TestS48_AnEnteredContactWaits(t *testing.T) {
	s := start(t, options{limits: roomy()})
	const fresh = "fresh@home.test"
	s.runAs([]string{"LATCHKEY_CONTACTS__NOTICE_LIMIT=100"}, "contacts", "set", "alice", "--email="+fresh)
	s.mailWith("alice@home.test", "were changed. This message goes to those that were registered before, and to your usual mail address.")
	code := codeIn(t, s.mailWith(fresh, readOut))
	s.asksForCode("alice")
	if n := s.codesAt(fresh) + s.codesAt("alice@home.test"); n != 0 {
		t.Errorf("%d codes for a contact that nobody confirmed, or that is gone", n)
	}
	if printed, taken := s.confirm("alice", "00000000"); taken || !strings.Contains(printed, "the code is wrong") {
		t.Errorf("a wrong code: %s", printed)
	}
	if printed, taken := s.confirm("bob", code); taken || !strings.Contains(printed, "no code is out") {
		t.Errorf("the code of somebody else: %s", printed)
	}
	if printed, taken := s.confirm("alice", code[:4]+" "+code[4:]); !taken || !strings.Contains(printed, "is used for resets from 20") {
		t.Errorf("the right code: %s", printed)
	}
	if printed, taken := s.confirm("alice", code); taken || !strings.Contains(printed, "no code is out") {
		t.Errorf("the right code again: %s", printed)
	}
	s.asksForCode("alice")
	if n := s.codesAt(fresh); n != 0 {
		t.Errorf("%d codes for a contact that rests", n)
	}
	if out := s.run("contacts", "set", "alice", "--email="+fresh); strings.Contains(out, "on its way") || !strings.Contains(out, "is used for resets from") {
		t.Errorf("what is entered again says %q", out)
	}

	// One that stays is as good as it was.
	s.runAs([]string{"LATCHKEY_CONTACTS__NOTICE_LIMIT=100"}, "contacts", "set", "bob", "--email=bob@home.test", "--email=late@home.test")
	s.mailWith("bob@home.test", "were changed. This message goes to those that were registered before, and to your usual mail address.")
	s.mailWith("late@home.test", readOut)
	s.asksForCode("bob")
	if old, late := s.codesAt("bob@home.test"), s.codesAt("late@home.test"); old != 1 || late != 0 {
		t.Errorf("%d codes for the old contact and %d for the new one", old, late)
	}

	// Exporting and importing wakes nobody up; the records of the organisation do.
	s.file("exported.jsonl", s.run("contacts", "export", "--json"))
	s.run("contacts", "import", "exported.jsonl")
	s.asksForCode("alice")
	if n := s.codesAt(fresh); n != 0 {
		t.Errorf("%d codes for a contact that rests, after it was exported and imported", n)
	}
	s.file("people.csv", "login,email\nalice,"+fresh+"\n")
	s.run("contacts", "import", "people.csv")
	s.asksForCode("alice")
	if n := s.codesAt(fresh); n != 1 {
		t.Errorf("%d codes for a contact that the records have", n)
	}
}

// TestS48_ARestedContactCounts, and only with its code: each of the two is needed.
func TestS48_ARestedContactCounts(t *testing.T) {
	s := start(t, options{limits: roomy()})
	restless := []string{"LATCHKEY_CONTACTS__COOLING=0s"}
	s.runAs(restless, "contacts", "set", "alice", "--email=fresh@home.test")
	s.asksForCode("alice")
	if n := s.codesAt("fresh@home.test"); n != 0 {
		t.Errorf("%d codes for a contact that has rested and is not confirmed", n)
	}
	first := codeIn(t, s.mailWith("fresh@home.test", readOut))
	s.runAs(restless, "contacts", "confirm", "--send", "alice")
	s.delivered()
	if printed, taken := s.confirm("alice", first); taken {
		t.Errorf("a code that a newer one voids: %s", printed)
	}
	var codes []string
	for _, m := range s.mail.Messages() {
		if m.To[0] == "fresh@home.test" {
			codes = append(codes, codeIn(t, m))
		}
	}
	if len(codes) != 2 {
		t.Fatalf("%d codes to confirm with, want two", len(codes))
	}
	if printed, taken := s.confirm("alice", codes[1]); !taken || strings.Contains(printed, "is used for resets from") {
		t.Errorf("the right code: %s", printed)
	}
	s.asksForCode("alice")
	if n := s.codesAt("fresh@home.test"); n != 1 {
		t.Errorf("%d codes for a contact that is confirmed and does not rest", n)
	}

	s.runAs([]string{"LATCHKEY_CONTACTS__COOLING=2s"}, "contacts", "set", "bob", "--email=rested@home.test")
	if printed, taken := s.confirm("bob", codeIn(t, s.mailWith("rested@home.test", readOut))); !taken {
		t.Errorf("the right code: %s", printed)
	}
	eventually(t, "a contact that has rested gets codes", func() bool {
		s.asksForCode("bob")
		return s.codesAt("rested@home.test") > 0
	})
}

// TestS48_GuessesAreCounted, whoever types them and however many at once.
func TestS48_GuessesAreCounted(t *testing.T) {
	s := start(t, options{})
	s.run("contacts", "set", "alice", "--email=fresh@home.test")
	code := codeIn(t, s.mailWith("fresh@home.test", readOut))
	answers := make([]string, 12)
	var typing sync.WaitGroup
	for i := range answers {
		typing.Go(func() { answers[i], _ = s.confirm("alice", fmt.Sprintf("%08d", (i+1)*1_000_003)) })
	}
	typing.Wait()
	wrong := 0
	for _, printed := range answers {
		if strings.Contains(printed, "the code is wrong") {
			wrong++
		}
	}
	if wrong != 5 {
		t.Errorf("%d of 12 codes at once were compared, want 5:\n%s", wrong, strings.Join(answers, ""))
	}
	if printed, taken := s.confirm("alice", code); taken || !strings.Contains(printed, "no code is out") {
		t.Errorf("the right code after too many wrong ones: %s", printed)
	}
}
