package main

import (
	"fmt"
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

// pages are the pages whose commands are run, in this order, in one world.
// Whatever is not in order afterwards, the next page meets.
var pages = []string{"docs/guide.md", "docs/cli.md", "docs/doctor.md", "docs/operation.md", "docs/audit.md", "docs/delivery.md", "docs/sms.md", "README.md"}

// otherPages have commands that are run elsewhere, or not at all.
var otherPages = map[string]string{
	"docs/api.md":                          "resetapi runs the walk through the API",
	"docs/demo.md":                         "the tests of cmd/latchkey-demo run the demonstration",
	"docs/directories/389ds.md":            "Test389Page of internal/directory runs them on 389 Directory Server",
	"docs/directories/active-directory.md": "TestS35_RightsOfTheActiveDirectoryPage of internal/directory runs them on a domain controller",
	"docs/performance.md":                  "make bench takes minutes and needs a quiet machine",
	"docs/sync.md":                         "the tests of ldapsync/writeback run the rights, testdata/script the commands",
	"docs/testing.md":                      "these are the tests themselves",
}

// notRun are the lines that cannot be run here, by how they begin.
var notRun = map[string]string{
	"install -m 0755 bin/latchkey":   "changes the machine; the program under test is in the PATH",
	"useradd":                        "changes the machine",
	"install -d -o latchkey":         "there is no such user; the test makes the directories",
	"chown latchkey:":                "there is no such user",
	"systemctl enable --now":         "there is no systemd; the test starts `latchkey serve` instead",
	"latchkey delivery retry ID":     "needs a message that failed: testdata/script/delivery",
	"latchkey serve":                 "does not end; internal/blackbox runs it",
	"make ":                          "the Makefile's own; internal/house looks whether the target is there",
	"latchkey config init /etc/latc": "the file of the guide is there; testdata/script/config.txt runs it",
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestCommandsOfTheDocs runs the guide from nothing to a serving Latchkey, and
// then the commands of the other pages in what the guide has made.
func TestCommandsOfTheDocs(t *testing.T) {
	testenv.Need(t, "bash", "slapd", "slapadd", "slappasswd", "ldapadd", "ldapmodify", "redis-server", "redis-cli", "curl", "openssl")
	w := newWorld(t)
	used := make(map[string]bool)
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("../..", page))
		if err != nil {
			t.Fatal(err)
		}
		if page == "README.md" {
			w.forget()
		}
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			w.run(page, block[1], used)
		}
		if page == "docs/guide.md" {
			w.run(page, "command latchkey policy explain alice | grep -x 'could reset     yes'\n", used)
		}
	}
	for line := range notRun {
		if !used[line] {
			t.Errorf("no page has %q any more", line)
		}
	}
}

// TestAllPagesAreRun: whoever writes a page with commands says where it is run.
func TestAllPagesAreRun(t *testing.T) {
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		names, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			page, err := filepath.Rel("../..", name)
			if err != nil {
				t.Fatal(err)
			}
			if shellBlock.Match(text) && !slices.Contains(pages, page) && otherPages[page] == "" {
				t.Errorf("nothing runs the commands of %s", page)
			}
		}
	}
}

// world is a machine as the guide finds it: slapd with people and an
// administrator, and a Redis that nobody has set up.
type world struct {
	t *testing.T
	// root stands in front of the absolute paths of the pages.
	root    string
	replace *strings.Replacer
	redis   int
	env     []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"etc/latchkey", "var/lib/latchkey", "etc/bash_completion.d", "usr/local/share/zsh/site-functions", "etc/fish/completions", "work"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	slapd := startBareSlapd(t)
	redis := startBareRedis(t)
	listen, private := freePort(t), freePort(t)
	w := &world{t: t, root: root, redis: redis}
	var pairs []string
	for _, dir := range []string{"/etc/latchkey", "/var/lib/latchkey", "/etc/bash_completion.d", "/usr/local/share/zsh", "/etc/fish"} {
		pairs = append(pairs, dir, root+dir)
	}
	w.replace = strings.NewReplacer(append(
		pairs,
		"ldapi:///", slapd.local, "ldaps://ldap.example.org", slapd.secure, "/etc/ssl/certs/ca-certificates.crt", slapd.ca,
		" -W ", " -y "+slapd.password+" ", "redis-cli ", fmt.Sprintf("redis-cli -p %d ", redis), "127.0.0.1:6379", fmt.Sprintf("127.0.0.1:%d", redis),
		"127.0.0.1:9090", fmt.Sprintf("127.0.0.1:%d", private), "sudo -u latchkey ", "", "LOGIN", "alice",
		"public_url = ", fmt.Sprintf("listen = \"127.0.0.1:%d\"\nprivate_listen = \"127.0.0.1:%d\"\npublic_url = ", listen, private),
	)...)
	w.env = append(os.Environ(), "LATCHKEY_CONFIG="+root+"/etc/latchkey/latchkey.toml", "LATCHKEY_AUDIT__DIR="+root+"/var/lib/latchkey/audit", "GORACE=atexit_sleep_ms=0")
	return w
}

// forget brings the machine back to where there is a configuration only, for
// the README, which begins anew.
func (w *world) forget() {
	w.t.Helper()
	out, err := exec.Command("redis-cli", "-p", fmt.Sprint(w.redis), "FLUSHALL").CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	for _, path := range []string{"keyring", "audit"} {
		if err := os.RemoveAll(filepath.Join(w.root, "var/lib/latchkey", path)); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.root, "work/people.csv"), []byte("login,email\nalice,alice@home.example\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.env = append(w.env, "LATCHKEY_SYNC__0__DIRECTORY=main", "LATCHKEY_SYNC__0__MOBILE=mobile")
}

// run runs a block of a page. The answer no of a command is an answer.
func (w *world) run(page, block string, used map[string]bool) {
	w.t.Helper()
	script := "set -euo pipefail\nlatchkey() { command latchkey \"$@\" || [[ $? == 3 ]]; }\n"
	served := false
	for line := range strings.Lines(block) {
		for begin := range notRun {
			if strings.HasPrefix(strings.TrimPrefix(line, "sudo -u latchkey "), begin) {
				used[begin] = true
				served = served || strings.HasPrefix(line, "systemctl")
				line = "\n"
			}
		}
		script += w.replace.Replace(line)
	}
	if served {
		w.serve()
	}
	command := exec.Command("bash", "-c", script)
	command.Dir, command.Env = filepath.Join(w.root, "work"), w.env
	command.WaitDelay = 10 * time.Second
	if out, err := command.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v\n%s\n%s", page, err, block, out)
	} else {
		w.t.Logf("%s:\n%s", page, out)
	}
}

// serve starts the server, and ends it with the test.
func (w *world) serve() {
	w.t.Helper()
	command := exec.Command("latchkey", "serve")
	log := &strings.Builder{}
	command.Dir, command.Env, command.Stderr = w.root, w.env, log
	if err := command.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		if err := command.Wait(); err != nil {
			w.t.Errorf("serve: %v\n%s", err, log)
		}
	})
	awaited(w.t, "curl", "-sf", w.replace.Replace("http://127.0.0.1:9090/readyz"))
}
