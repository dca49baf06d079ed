package blackbox

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// patience bounds every wait for a condition.
const patience = 30 * time.Second

// options change what a stack is made of.
type options struct {
	// config is added to the configuration, whole sections.
	config string
	// recovery is added to [recovery], limits to the sections of limits.
	recovery, limits string
	// policy is added to the [[policy]] of everyone.
	policy string
	// observed opens the private listener.
	observed bool
	// proxied puts a proxy between latchkey and slapd.
	proxied bool
	// copied puts a copy of slapd in front of it, which takes no writes; it refers
	// them to updateRef where that is not empty.
	copied    bool
	updateRef string
	// hangs makes Latchkey give up on slapd within seconds, as a proxy, a copy and a
	// crash do; holds makes it wait although there is a proxy.
	hangs, holds bool
	// crash names the place (package crash) at which the first process dies.
	crash string
	slapd testenv.SlapdOptions
	// home is a directory that the test has started, in the place of slapd.
	home *home
	// timed has the program as it is shipped, whose times are compared, or which is
	// asked so often that the race detector would take minutes.
	timed bool
}

// stack is a running Latchkey with everything around it.
type stack struct {
	t    *testing.T
	dir  string
	home *home
	// slapd is the directory of home; nil where that is another.
	slapd *testenv.Slapd
	redis *testenv.Redis
	mail  *testenv.MailServer
	proxy *testenv.LDAPProxy
	// replica is the copy of slapd, feed its way to slapd.
	replica *testenv.Slapd
	feed    *testenv.LDAPProxy
	// base is the public URL, private the address of health and metrics.
	base, private string
	log           *logBuffer

	program string
	env     []string

	mu      sync.Mutex
	command *exec.Cmd
	ended   chan error
}

// logBuffer keeps what the program writes to standard error.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until count lines hold text.
func (b *logBuffer) await(t *testing.T, text string, count int) {
	t.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		n, changed := strings.Count(b.text.String(), text), b.changed
		b.mu.Unlock()
		if n >= count {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("the log never said %q %d times:\n%s", text, count, b)
		}
	}
}

// start brings up a stack in which everyone but nocontacts has a contact card
// with the address uid@home.test. A test that brings a directory of its own says
// itself that it runs beside others.
func start(t *testing.T, o options) *stack {
	t.Helper()
	testenv.Need(t, "slapd", "redis-server")
	s := &stack{t: t, dir: t.TempDir(), log: &logBuffer{changed: make(chan struct{})}}
	if s.home = o.home; s.home == nil {
		t.Parallel()
		s.slapd = testenv.NewSlapd(t, o.slapd)
		s.home = slapdHome(s.slapd)
	}
	s.redis = testenv.NewRedis(t, testenv.RedisOptions{})
	s.mail = testenv.NewMailServer(t, s.home.certificates, testenv.MailOptions{})
	server := s.home.server
	if o.proxied {
		s.proxy = testenv.NewLDAPProxy(t, s.slapd, nil)
		server = s.proxy.LDAPSURL
	}
	if o.copied {
		server = s.copy(o.updateRef) + `", "` + server
	}
	port, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s.base = fmt.Sprintf("http://127.0.0.1:%d", port)
	s.file("bind", s.home.bindPassword)
	s.file("redis", s.redis.Password)
	s.file("smtp", s.mail.Password)
	s.file("latchkey.toml", s.configuration(port, server, o))
	s.program = plain
	s.run("keys", "init")
	s.run("store", "init")
	s.importContacts()
	if !o.timed {
		s.program = program
	}
	if o.crash != "" {
		s.program, s.env = built(t, withFaults), []string{"CRASH_AT=" + o.crash}
	}
	s.serve()
	s.env = nil
	t.Cleanup(s.checkedStop)
	return s
}

// copy starts a copy of slapd and returns its address.
func (s *stack) copy(updateRef string) string {
	s.feed = testenv.NewLDAPProxy(s.t, s.slapd, nil)
	linked := *s.slapd
	linked.LDAPSURL = s.feed.LDAPSURL
	s.replica = testenv.NewSlapdReplica(s.t, &linked, updateRef)
	eventually(s.t, "the people are copied", func() bool {
		uids, err := s.replica.Attribute(s.t.Context(), testenv.PersonDN("young"), "uid")
		return err == nil && len(uids) == 1
	})
	return s.replica.LDAPSURL
}

func (s *stack) configuration(port int, server string, o options) string {
	host, smtpPort, _ := strings.Cut(s.mail.Addr, ":")
	if o.observed {
		private, err := testenv.FreePort()
		if err != nil {
			s.t.Fatal(err)
		}
		s.private = fmt.Sprintf("127.0.0.1:%d", private)
	}
	// So long that a machine that stands still for a moment is no directory that
	// hangs.
	operation, write := "10s", "20s"
	if s.slapd != nil && !o.holds && (o.hangs || o.proxied || o.copied || o.crash != "") {
		operation, write = "3s", "5s"
	}
	return fmt.Sprintf(`
[server]
listen = "127.0.0.1:%d"
public_url = "%s"
private_listen = "%s"
[audit]
dir = "audit"
[[directory]]
name = "main"
servers = ["%s"]
ca_file = "%s"
%sbind_dn = "%s"
bind_password_file = "bind"
operation_timeout = "%s"
[[policy]]
groups = ["%s"]
enabled = false
[[policy]]
enabled = true
%s[protected]
groups = ["%s"]
[password]
min_length = 8
[recovery]
resend_after = "0s"
settle_every = "500ms"
write_timeout = "%s"
%s
[change]
answer_after = "300ms"
[redis]
timeout = "10s"
addresses = ["%s"]
username = "%s"
password_file = "redis"
[keys]
file = "keys"
[delivery]
claim_after = "1s"
max_queue = 100000
[mail]
host = "%s"
port = %s
ca_file = "%s"
username = "%s"
password_file = "smtp"
from = "reset@example.test"
[support]
name = "The help desk"
phone = "+49 30 901820"
%s
%s
`, port, s.base, s.private, server, s.home.caFile, s.home.settings, s.home.bindDN, operation,
		s.home.notEnabled, o.policy, s.home.protected, write, o.recovery,
		s.redis.Addr, s.redis.Username, host, smtpPort, s.home.certificates.CAFile, s.mail.Username, o.limits, o.config)
}

// roomy are limits that no ordinary test reaches.
func roomy(except ...string) string {
	var b strings.Builder
	for _, name := range []string{"starts_per_address", "starts_per_network", "starts_per_login", "starts", "starts_per_person", "codes_per_address", "messages_per_contact", "wrong_codes_alarm", "wrong_codes", "changes_per_address", "changes_per_network", "changes_per_login", "changes_per_person", "changes", "sms_per_prefix", "support_per_network"} {
		if slices.Contains(except, name) {
			continue
		}
		fmt.Fprintf(&b, "[limits.%s]\nrates = [\"100000/1m\"]\n", name)
	}
	return b.String()
}

func (s *stack) file(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a command of latchkey to its end and returns what it printed.
func (s *stack) run(args ...string) string {
	s.t.Helper()
	return s.runAs(nil, args...)
}

// untold keeps people from being told of contacts that a test sets: most count
// other messages.
var untold = []string{"LATCHKEY_CONTACTS__NOTICE_LIMIT=0"}

// runAs is run with additions to the environment.
func (s *stack) runAs(environment []string, args ...string) string {
	s.t.Helper()
	command := exec.Command(s.program, append([]string{"--config", "latchkey.toml"}, args...)...)
	command.Dir, command.Env = s.dir, slices.Concat(os.Environ(), untold, environment)
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *stack) importContacts() {
	var b strings.Builder
	b.WriteString("login,directory,email,mobile\n")
	for _, uid := range s.home.people {
		if uid != "nocontacts" {
			fmt.Fprintf(&b, "%s,main,%s@home.test,\n", uid, uid)
		}
	}
	s.file("people.csv", b.String())
	s.run("contacts", "import", "people.csv")
}

// serve starts the server and waits until it answers.
func (s *stack) serve() {
	s.t.Helper()
	command := exec.Command(s.program, "--config", "latchkey.toml", "serve")
	command.Dir, command.Stderr, command.Env = s.dir, s.log, append(os.Environ(), s.env...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	s.mu.Lock()
	s.command, s.ended = command, ended
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/", nil)
		if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
			return
		}
		select {
		case err := <-ended:
			s.mu.Lock()
			s.command = nil // nobody waits for it again
			s.mu.Unlock()
			s.t.Fatalf("serve ended: %v\n%s", err, s.log)
		case <-ctx.Done():
			s.t.Fatalf("serve does not answer:\n%s", s.log)
		case <-tick.C:
		}
	}
}

// stop ends the server gently and returns how it ended.
func (s *stack) stop() error {
	s.mu.Lock()
	command, ended := s.command, s.ended
	s.command = nil
	s.mu.Unlock()
	if command == nil {
		return nil
	}
	_ = command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		_ = command.Process.Kill()
		return fmt.Errorf("serve did not stop: %w", <-ended)
	}
}

// kill ends the server as a power cut would; it may be dead already.
func (s *stack) kill() {
	s.mu.Lock()
	command, ended := s.command, s.ended
	s.command = nil
	s.mu.Unlock()
	if command != nil {
		_ = command.Process.Kill()
		<-ended
	}
}

// checkedStop ends the server and looks for races, panics and secrets in its log.
func (s *stack) checkedStop() {
	if err := s.stop(); err != nil {
		s.t.Errorf("serve ended with %v", err)
	}
	log := s.log.String()
	for _, never := range []string{"DATA RACE", `"panic"`, "@home.test", testenv.FirstPassword, newPassword, s.home.bindPassword, s.redis.Password, s.mail.Password, s.home.naming} {
		if strings.Contains(log, never) {
			s.t.Errorf("the log holds %q", never)
		}
	}
	if s.t.Failed() {
		s.t.Logf("log of latchkey:\n%s", log)
	}
}
