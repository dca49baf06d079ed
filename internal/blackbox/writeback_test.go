package blackbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

const (
	contactsDN       = "cn=latchkey-contacts,ou=services," + testenv.BaseDN
	contactsPassword = "Contacts-Passw0rd-1"
)

// writingBack makes a stack whose carLicense is synchronized, and gets what people
// registered.
func writingBack(t *testing.T) options {
	file := filepath.Join(t.TempDir(), "contacts_password")
	if err := os.WriteFile(file, []byte(contactsPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	return options{
		limits: roomy(), observed: true,
		config: fmt.Sprintf("[[sync]]\ndirectory = \"main\"\nemail = [\"carLicense\"]\nfollow = true\nmax_removals_percent = 100\n[sync.write_back]\nbind_dn = \"%s\"\nbind_password_file = \"%s\"\nemail = \"carLicense\"\nmobile = \"employeeNumber\"\n", contactsDN, file),
		slapd: testenv.SlapdOptions{
			LDIF: "\ndn: " + contactsDN + "\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: latchkey-contacts\nuserPassword: " + contactsPassword + "\n" +
				testenv.PersonLDIF("erin", "employeeNumber: 4711"),
			FirstAccess: "to dn.subtree=\"ou=people," + testenv.BaseDN + "\" attrs=carLicense,employeeNumber by dn.exact=\"" + contactsDN + "\" write by * break",
		},
	}
}

func (s *stack) has(uid, attribute string, want ...string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%s of %s is %q", attribute, uid, want), func() bool {
		got, err := s.slapd.Attribute(s.t.Context(), testenv.PersonDN(uid), attribute)
		slices.Sort(got)
		return err == nil && slices.Equal(got, want)
	})
}

// TestWriteBack: what is set at the desk is in the directory a moment later, is not
// lost by a server that dies, and does not come back as the directory's.
func TestWriteBack(t *testing.T) {
	s := start(t, writingBack(t))
	set := func(uid string, more ...string) {
		t.Helper()
		s.run(append([]string{"contacts", "set", "--at-once", uid}, more...)...)
	}
	set("alice", "--registered", "--email", "a1@home.test", "--mobile", "+49 1512 3456789")
	began := time.Now()
	s.has("alice", "carLicense", "a1@home.test")
	s.has("alice", "employeeNumber", "+4915123456789")
	t.Logf("it took %s after the command", time.Since(began).Round(time.Millisecond))
	// What staff knows is not written, as it is by default; neither was what the
	// stack imported.
	set("bob", "--email", "b1@home.test")

	// A server that is dead when a contact is set, and one that is taken away.
	s.kill()
	set("alice", "--registered", "--email", "a2@home.test")
	s.serve()
	s.has("alice", "carLicense", "a2@home.test")
	if shown := s.run("contacts", "show", "alice", "--reveal", "--json"); !strings.Contains(shown, `"source": "registered"`) && !strings.Contains(shown, `"source":"registered"`) || strings.Contains(shown, `"sync"`) || strings.Contains(shown, "written") {
		t.Errorf("the card of alice is %s", shown)
	}

	// An attribute that has another value keeps it, and says so.
	set("erin", "--registered", "--mobile", "+49 1512 9999999")
	eventually(t, "the refusal is told", func() bool {
		out, code := s.exits("sync", "status", "--json")
		var status struct {
			Problem   string
			WriteBack struct {
				Led      bool
				Counts   struct{ Added, Removed, Refused int }
				Refusals []struct{ Person, Attribute, Reason string }
			} `json:"write_back"`
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		w := status.WriteBack
		if strings.Contains(out, "9999999") || strings.Contains(out, "erin") {
			t.Fatalf("the status tells a contact or a login: %s", out)
		}
		return code == 3 && w.Led && len(w.Refusals) == 1 && w.Refusals[0].Attribute == "employeeNumber" &&
			strings.Contains(w.Refusals[0].Reason, "no further value") && strings.Contains(status.Problem, "1 people")
	})
	s.has("erin", "employeeNumber", "4711")
	if out, _ := s.exits("sync", "status"); !strings.Contains(out, "written back") || !strings.Contains(out, "refused: entryUUID:") {
		t.Errorf("the status is\n%s", out)
	}
	if code, metrics := s.ask("/metrics"); code != http.StatusOK || !strings.Contains(metrics, `latchkey_write_back_total{directory="main",outcome="refused"} `) ||
		!strings.Contains(metrics, `latchkey_write_back_leader{directory="main"} 1`) {
		t.Errorf("%d, the metrics lack the write-back", code)
	}

	s.run("contacts", "delete", "alice")
	s.has("alice", "carLicense")
	s.has("alice", "employeeNumber")
	s.has("bob", "carLicense")
	eventually(t, "the end is in the audit", func() bool {
		return strings.Contains(s.run("audit", "search", "--kind", "contact_written_back"), "remove from employeeNumber")
	})
	audit := s.run("audit", "search", "--kind", "contact_written_back", "--json")
	for _, want := range []string{`"outcome":"intended"`, `"outcome":"added"`, `"outcome":"removed"`, `"reason":"add to carLicense"`, `"outcome":"refused"`} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit lacks %s:\n%s", want, audit)
		}
	}
	// The MACs are random, and in base64.
	audit = regexp.MustCompile(`"mac":"[^"]*"`).ReplaceAllString(audit, "")
	if strings.Contains(audit, "home.test") || strings.Contains(audit, "+49") || strings.Contains(s.log.String(), "+49") {
		t.Errorf("a contact is told:\n%s", audit)
	}
}

// exits runs a command and returns what it printed, and how it ended.
func (s *stack) exits(args ...string) (out string, code int) {
	s.t.Helper()
	command := exec.Command(s.program, append([]string{"--config", "latchkey.toml"}, args...)...)
	command.Dir = s.dir
	text, err := command.Output()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		s.t.Fatal(err)
	}
	return string(text), command.ProcessState.ExitCode()
}
