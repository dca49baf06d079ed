package blackbox

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"latchkey/internal/testenv"
)

// fails runs a command of latchkey that must not succeed, and returns what it
// printed.
func (s *stack) fails(args ...string) string {
	s.t.Helper()
	command := exec.Command(s.program, append([]string{"--config", "latchkey.toml"}, args...)...)
	command.Dir = s.dir
	out, err := command.CombinedOutput()
	if err == nil {
		s.t.Errorf("latchkey %s succeeded:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// cards are the names of all contact cards in Redis.
func (s *stack) cards() []string {
	s.t.Helper()
	names, err := s.redis.Admin(s.t.Context(), "KEYS", "latchkey:{c*}:card:*")
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Fields(names)
}

// cardOf finds the name of a person's card, and leaves the address given in it.
func (s *stack) cardOf(uid, address string) string {
	s.t.Helper()
	s.run("contacts", "delete", uid)
	before := s.cards()
	s.run("contacts", "set", "--at-once", uid, "--email="+address)
	for _, name := range s.cards() {
		if !slices.Contains(before, name) {
			return name
		}
	}
	s.t.Fatalf("%s has no card", uid)
	return ""
}

func (s *stack) copyKey(from, to string) {
	s.t.Helper()
	if answer, err := s.redis.Admin(s.t.Context(), "COPY", from, to, "REPLACE"); err != nil || answer != "1" {
		s.t.Fatalf("copy %s: %q, %v", from, answer, err)
	}
}

// TestS70_AMovedCardIsRefused: who can write Redis puts bob's card, which leads
// to their own mailbox, in the place of alice's. No code goes anywhere, a password
// that was about to be set is not, the log gives alarm, and nobody else notices.
func TestS70_AMovedCardIsRefused(t *testing.T) {
	s := start(t, options{limits: roomy()})
	alice, bob := s.cardOf("alice", "alice@home.test"), s.cardOf("bob", "bob@home.test")
	verified := s.caller().verified("alice")
	s.copyKey(alice, "kept")
	s.copyKey(bob, alice)
	mails := len(s.mail.Messages())

	if r := verified.set(newPassword); r.status < 400 || strings.Contains(string(r.body), "home.test") {
		t.Errorf("the password is set with another card: %d %s", r.status, r.body)
	}
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	s.log.await(t, `alarm: a contact card does not open`, 2)
	if got := s.mail.Messages()[mails:]; len(got) != 0 {
		t.Errorf("%d mails, the first to %v", len(got), got[0].To)
	}
	if shown := s.fails("contacts", "show", "alice"); strings.Contains(shown, "home.test") {
		t.Errorf("contacts show prints:\n%s", shown)
	}
	s.signsIn("alice", testenv.FirstPassword, newPassword)
	d := s.caller().verified("bob")
	d.want(http.StatusOK, d.set(newPassword))

	// Or the code that waits would come when the card is back.
	c.want(http.StatusNoContent, c.do(http.MethodDelete, "/recoveries/"+c.id, nil))
	s.copyKey("kept", alice)
	again := s.caller().verified("alice")
	again.want(http.StatusOK, again.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// reloads tells the server to read its files again, for the nth time.
func (s *stack) reloads(n int) {
	s.t.Helper()
	if err := s.command.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	s.log.await(s.t, `"msg":"reloaded"`, n)
}

// TestS70_KeysRotateUnderLiveRecoveries: codes that were sent, proofs that were
// made, cookies and cards from before a rotation go on being worth what they
// were, before and after the server is told of it. When the old keys are gone,
// what was made with the new ones goes on.
func TestS70_KeysRotateUnderLiveRecoveries(t *testing.T) {
	s := start(t, options{limits: roomy()})
	waiting, proven := s.caller(), s.caller().verified("bob")
	waiting.start("alice")
	waiting.want(http.StatusAccepted, waiting.open())
	code := s.code("alice", 0)
	page, left := s.browser().toCode("overlimit"), s.caller()
	left.start("alice")

	s.run("keys", "rotate")
	s.run("keys", "reencrypt") // the server reads cards of a version that nobody told it of
	waiting.want(http.StatusOK, waiting.prove(code))
	waiting.want(http.StatusOK, waiting.set(newPassword))
	s.reloads(1)
	if !strings.Contains(s.log.String(), `"key_version":2`) {
		t.Error("the new version is not taken up")
	}
	proven.want(http.StatusOK, proven.set(newPassword))
	page.submit("/verify/code", fields{"code": s.code("overlimit", 0)}).on("/password", http.StatusOK)
	page.setPassword(newPassword).on("/done", http.StatusOK)

	young := s.caller().verified("alice")
	if shown := s.run("keys", "status"); !strings.Contains(shown, "seals what is new") {
		t.Errorf("keys status prints:\n%s", shown)
	}
	s.fails("keys", "retire", "2") // it seals
	s.run("keys", "retire", "1", "--force")
	s.reloads(2)
	if r := left.view(); r.status != http.StatusUnauthorized && r.status != http.StatusGone && r.status != http.StatusOK {
		t.Errorf("what was made with the retired key: %d %s", r.status, r.body)
	}
	young.want(http.StatusOK, young.set(newPassword+"!"))
	s.signsIn("alice", newPassword+"!", newPassword)
	s.signsIn("bob", newPassword, testenv.FirstPassword)
	s.signsIn("overlimit", newPassword, testenv.FirstPassword)
}
