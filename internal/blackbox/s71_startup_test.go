package blackbox

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// updateRefusals writes the sentences anew.
var updateRefusals = flag.Bool("update-refusals", false, "write testdata/refused-*.golden anew")

// refusal is something with which serve must not begin.
type refusal struct {
	name        string
	environment []string
	// make brings it about, mend takes it back.
	make, mend func(s *stack)
}

// admin runs commands of Redis' administrator.
func admin(args ...string) func(*stack) {
	return func(s *stack) {
		s.t.Helper()
		if answer, err := s.redis.Admin(s.t.Context(), args...); err != nil || answer != "OK" {
			s.t.Fatalf("%v: %q, %v", args, answer, err)
		}
	}
}

// written puts a text into a file of the stack.
func written(name, text string) func(*stack) {
	return func(s *stack) { s.t.Helper(); s.file(name, text) }
}

func unsafeStores() []refusal {
	return []refusal{
		{
			name: "Redis evicts", make: admin("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
			mend: admin("CONFIG", "SET", "maxmemory-policy", "noeviction"),
		},
		{
			name: "Redis evicts what has a lifetime", make: admin("CONFIG", "SET", "maxmemory-policy", "volatile-ttl"),
			mend: admin("CONFIG", "SET", "maxmemory-policy", "noeviction"),
		},
		{
			name: "Redis keeps nothing", make: admin("CONFIG", "SET", "appendonly", "no"),
			mend: admin("CONFIG", "SET", "appendonly", "yes"),
		},
		{
			name: "Redis is a replica", make: admin("REPLICAOF", "127.0.0.1", "1"), mend: admin("REPLICAOF", "NO", "ONE"),
		},
		{name: "Redis elsewhere without TLS and user", environment: []string{"LATCHKEY_REDIS__ADDRESSES=192.0.2.1:6379", "LATCHKEY_REDIS__USERNAME="}},
		{name: "Redis knows another password", make: written("redis", "not-the-password"), mend: func(s *stack) { s.file("redis", s.redis.Password) }},
	}
}

func unsafeSecrets() []refusal {
	service := func(s *stack) { s.file("bind", s.slapd.ServicePassword) }
	keys := func(mode os.FileMode) func(*stack) {
		return func(s *stack) {
			if err := os.Chmod(filepath.Join(s.dir, "keys"), mode); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return []refusal{
		{name: "an empty secret of the service account", make: written("bind", ""), mend: service},
		{name: "a blank secret of the service account", make: written("bind", " \t\r\n"), mend: service},
		{name: "an empty secret in the environment", environment: []string{"LATCHKEY_REDIS__PASSWORD="}},
		{name: "no file of the secret", environment: []string{"LATCHKEY_MAIL__PASSWORD_FILE=nowhere"}},
		{name: "a wrong secret of the service account", make: written("bind", "not-the-password"), mend: service},
		{name: "no keyring", environment: []string{"LATCHKEY_KEYS__FILE=nowhere"}},
		{name: "another keyring", environment: []string{"LATCHKEY_KEYS__FILE=other"}, make: func(s *stack) {
			s.runAs([]string{"LATCHKEY_KEYS__FILE=other"}, "keys", "init")
		}},
		{name: "a keyring that others read", make: keys(0o644), mend: keys(0o600)},
		{name: "a broken keyring", make: func(s *stack) { s.file("broken", "1 not-a-key\n") }, environment: []string{"LATCHKEY_KEYS__FILE=broken"}},
	}
}

func unsafeSettings() []refusal {
	return []refusal{
		{name: "passwords of seven characters", environment: []string{"LATCHKEY_PASSWORD__MIN_LENGTH=7"}},
		{name: "codes that live too long", environment: []string{"LATCHKEY_RECOVERY__CODE_LIFETIME=11m"}},
		{name: "a hundred and one wrong codes in a row", environment: []string{"LATCHKEY_RECOVERY__GUESSES_IN_A_ROW=101"}},
		{name: "pages in clear", environment: []string{"LATCHKEY_SERVER__PUBLIC_URL=http://reset.example.test"}},
		{name: "a directory that is none", environment: []string{"LATCHKEY_DIRECTORY__0__SERVERS=http://127.0.0.1"}},
	}
}

// TestS71_InsecureStoresAreRefused at a start, with a sentence that says how to
// mend it, and so are settings that no standard allows.
func TestS71_InsecureStoresAreRefused(t *testing.T) {
	empty := refusal{name: "Redis is empty", make: admin("FLUSHALL")}
	refuseAll(t, "testdata/refused-stores.golden", slices.Concat(unsafeStores(), unsafeSettings(), []refusal{empty}))
}

// TestS28_EmptySecretsAreRefused at a start, and so are those that are missing,
// wrong, or open to others.
func TestS28_EmptySecretsAreRefused(t *testing.T) {
	refuseAll(t, "testdata/refused-secrets.golden", unsafeSecrets())
}

func refuseAll(t *testing.T, golden string, refusals []refusal) {
	t.Helper()
	s := start(t, options{limits: roomy()})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, r := range refusals {
		if r.make != nil {
			r.make(s)
		}
		said.WriteString("# " + r.name + "\n" + s.lastWords(s.refused(r.environment...)) + "\n")
		if r.mend != nil {
			r.mend(s)
		}
	}
	if *updateRefusals {
		if err := os.WriteFile(golden, []byte(said.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := contents(t, golden); said.String() != want {
		t.Errorf("it says\n%s\nwant\n%s", said.String(), want)
	}
	for _, never := range []string{testenv.ServicePassword, s.redis.Password, "not-the-password"} {
		if strings.Contains(said.String(), never) {
			t.Errorf("it says the secret %q", never)
		}
	}
}

var lineNumber = regexp.MustCompile(`latchkey\.toml:\d+:`)

// lastWords are what is not the log, without what differs from run to run.
func (s *stack) lastWords(output string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(line, "{") {
			b.WriteString(line)
		}
	}
	text := lineNumber.ReplaceAllString(b.String(), "latchkey.toml:")
	return strings.NewReplacer(s.dir, "DIR", s.redis.Addr, "REDIS", s.slapd.LDAPSURL, "LDAPS").Replace(text)
}
