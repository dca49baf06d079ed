package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const canary = "canary-3f9c"

// wantFault checks that exactly one fault of a text contains want, and that no
// secret is in any.
func wantFault(t *testing.T, want, text string, environ ...string) {
	t.Helper()
	got := faultsOf(t, text, environ...)
	if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, want) }) || len(got) != 1 {
		t.Errorf("faults are:\n%s\nwant one with %q", strings.Join(got, "\n"), want)
	}
	if strings.Contains(strings.Join(got, "\n"), canary) {
		t.Errorf("a fault shows a secret:\n%s", strings.Join(got, "\n"))
	}
}

func TestSecretInTheFileIsRefused(t *testing.T) {
	text := strings.Replace(completed(t), "bind_password_file", "bind_password = \""+canary+"\" #", 1)
	wantFault(t, "directory[0].bind_password is written down: a secret does not belong", text)
}

func TestS28_SecretFiles(t *testing.T) {
	dir := t.TempDir()
	for name, file := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"empty": {"", 0o600}, "blank": {" \t\n", 0o600}, "open": {canary, 0o604},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(file.content), file.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, file.mode); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(completed(t), "bind_password_file = ", "bind_password_file = \"PATH\" #", 1)
	for name, want := range map[string]string{
		"empty": "names a file with nothing in it", "blank": "names a file with nothing in it",
		"open": "directory[0].bind_password_file names a file that everyone on this machine may open", "absent": "names a file that is not there", ".": "not a file",
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, want, strings.Replace(text, "PATH", filepath.Join(dir, name), 1))
		})
	}
}

func TestSecretsFromTheEnvironment(t *testing.T) {
	text := strings.Replace(completed(t), "bind_password_file", "#", 1)
	wantFault(t, "directory[0].bind_password_file is missing", text)
	wantFault(t, "LATCHKEY_DIRECTORY__0__BIND_PASSWORD: directory[0].bind_password is empty", text, "LATCHKEY_DIRECTORY__0__BIND_PASSWORD=")
	c, err := parse("x", []byte(text), []string{"LATCHKEY_DIRECTORY__0__BIND_PASSWORD=" + canary})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Directories[0].BindPassword.Reveal(); got != canary {
		t.Errorf("bind password %q, want the variable's", got)
	}
	wantFault(t, "directory[0].bind_password_file is set, and so is LATCHKEY_DIRECTORY__0__BIND_PASSWORD", completed(t),
		"LATCHKEY_DIRECTORY__0__BIND_PASSWORD="+canary)
}

func TestEnvironmentWins(t *testing.T) {
	c, err := parse("x", []byte(completed(t)), []string{
		"PATH=/bin", EnvPath + "=/etc/x.toml",
		"LATCHKEY_PASSWORD__MIN_LENGTH=20", "LATCHKEY_REDIS__TLS=true", "LATCHKEY_REDIS__TIMEOUT=2s",
		"LATCHKEY_REDIS__ADDRESSES=localhost:1", `LATCHKEY_PASSWORD__CONTEXT_WORDS=["acme", "rocket"]`,
		"LATCHKEY_LIMITS__STARTS__RATES=5/1m",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Password.MinLength != 20 || !c.Redis.TLS || c.Redis.Timeout.String() != "2s" || c.Redis.Addresses[0] != "localhost:1" ||
		len(c.Password.ContextWords) != 2 || c.Limits["starts"].Rates[0].Count != 5 {
		t.Errorf("the environment did not win: %+v %+v %+v", c.Password, c.Redis, c.Limits["starts"])
	}
}

func TestFaultsOfTheEnvironmentNameTheVariable(t *testing.T) {
	text := completed(t)
	wantFault(t, "LATCHKEY_PASSWORD__MIN_LENGTH: password.min_length is text; allowed: a whole number", text, "LATCHKEY_PASSWORD__MIN_LENGTH=long")
	wantFault(t, "LATCHKEY_PASSWORD__MIN_LENGTH: password.min_length is outside", text, "LATCHKEY_PASSWORD__MIN_LENGTH=5")
	wantFault(t, "did you mean LATCHKEY_REDIS__TIMEOUT?", text, "LATCHKEY_REDIS__TIMEUOT=1s")
	wantFault(t, "did you mean LATCHKEY_REDIS__TIMEOUT?", text, "LATCHKEY_REDSI__TIMEOUT=1s")
	wantFault(t, "LATCHKEY_X: x is not a section", text, "LATCHKEY_X=1")
	wantFault(t, "LATCHKEY_DIRECTORY__7__NAME", text, "LATCHKEY_DIRECTORY__7__NAME=b")
	wantFault(t, "LATCHKEY_DIRECTORY__NAME", text, "LATCHKEY_DIRECTORY__NAME=b")
}
