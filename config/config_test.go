package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/setting"
)

// faultsOf returns the faults of a text as lines.
func faultsOf(t *testing.T, text string, environ ...string) []string {
	t.Helper()
	_, err := parse("latchkey.toml", []byte(text), environ)
	if err == nil {
		return nil
	}
	errs, ok := errors.AsType[*Errors](err)
	if !ok {
		t.Fatalf("error %v is no *Errors", err)
	}
	var lines []string
	for _, fault := range errs.Faults {
		lines = append(lines, fault.String())
	}
	return lines
}

// completed is the example with secrets in files that are there.
func completed(t *testing.T) string {
	t.Helper()
	dir, text := t.TempDir(), string(Example())
	for _, name := range []string{"bind_password", "mail_password"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "/etc/latchkey/"+name, path)
	}
	return text
}

func TestExampleIsWithoutFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latchkey.toml")
	if err := os.WriteFile(path, []byte(completed(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Directories[0].BindPassword.Reveal(); got != "s3cret" {
		t.Errorf("bind password %q, want the file's content without its line break", got)
	}
	if c.Directories[0].OperationTimeout.Std() != 10*time.Second {
		t.Errorf("operation_timeout is %v, want the default 10s", c.Directories[0].OperationTimeout)
	}
}

func TestS20_MinimumLength(t *testing.T) {
	c, err := parse("x", []byte(completed(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Password.MinLength != 15 || !strings.Contains(string(Example()), "\nmin_length = 15\n") {
		t.Errorf("config init writes min_length %d, want 15", c.Password.MinLength)
	}
	for length, want := range map[string]int{"7": 1, "8": 0, "0": 1, "-1": 1} {
		text := strings.Replace(completed(t), "min_length = 15", "min_length = "+length, 1)
		if got := faultsOf(t, text); len(got) != want {
			t.Errorf("min_length %s has %d faults %v, want %d", length, len(got), got, want)
		}
	}
}

func TestLoadNamesTheCommandForAMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil)
	if err == nil || !strings.Contains(err.Error(), "config init") {
		t.Errorf("error %v, want one that says how to make the file", err)
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	text := completed(t) + `
[redsi]
timeout = "1s"
addresses = 3

[limits.stars]
rates = ["1/1s"]

`
	text = strings.Replace(text, `name = "main"`, "nmae = \"main\"\nconnections = \"eight\"\nbase_dn = 7", 1)
	text = strings.Replace(text, "min_length = 15", "min_length = 5\nmin_length = 6\nmax_length = 2.5", 1)
	text = strings.Replace(text, "[limits.starts]", "[limits.starts]\nrates = [\"often\"]", 1)
	text = strings.Replace(text, "[keys]", "[keys]\nfile = hunter2\nfiles = []", 1)
	got := faultsOf(t, text)
	for _, want := range []string{
		`directory[0].nmae is not a key of this section; did you mean name?`,
		`directory[0].connections is text; allowed: a whole number`,
		`directory[0].base_dn is a number; allowed: text in quotes`,
		`directory[0].base_dn is written twice; allowed: once; it stands on line `,
		`directory[0].name is missing`,
		`password.min_length is outside`,
		`password.min_length is written twice`,
		`password.max_length is a number with a fraction; allowed: a whole number`,
		`the line is not TOML: unexpected character at start of value`,
		`keys.files is not a key of this section; did you mean file?`,
		`redsi is not a section; did you mean redis?`,
		`limits.stars is not a key of this section; did you mean starts?`,
		`limits.starts.rates has an entry (number 1) that does not hold: "often" is not a rate`,
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("no fault %q", want)
		}
	}
	if len(got) != 13 {
		t.Errorf("%d faults, want 13", len(got))
	}
	all := strings.Join(got, "\n")
	if strings.Contains(all, "hunter2") || strings.Contains(all, "'h'") {
		t.Error("a fault shows what stands on a line that is no TOML")
	}
	if t.Failed() {
		t.Log(all)
	}
}

// TestAnOpenListHidesOneLine, and not the section that it swallowed.
func TestAnOpenListHidesOneLine(t *testing.T) {
	text := strings.Replace(completed(t), "[keys]", "gateways = [\n[keys] # of ours", 1)
	got := faultsOf(t, text)
	if len(got) != 1 || !strings.Contains(got[0], "the line is not TOML") {
		t.Errorf("faults:\n%s", strings.Join(got, "\n"))
	}
}

func TestFaultsNameTheLine(t *testing.T) {
	text := "\n\n[redis]\ntimeout = \"soon\"\n\n[keys]\n"
	got := faultsOf(t, text)
	for _, want := range []string{
		"latchkey.toml:4: redis.timeout does not hold: ",
		"latchkey.toml:6: keys.file is missing",
		"latchkey.toml: directory is missing; allowed: at least one [[directory]] section",
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("no fault %q in:\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestTablesOfTheWrongForm(t *testing.T) {
	for text, want := range map[string]string{
		"[directory]\nname = \"x\"\n":             "directory is written as one table",
		"[[redis]]\ntimeout = \"1s\"\n":           "redis is written as a list of tables",
		"redis = 3\n":                             "redis is a number; allowed: a table",
		"[redis]\n[redis]\n":                      "redis is written twice",
		"[redis.timeout]\nx = 1\n":                "redis.timeout is written as a table",
		"redis = { timout = \"1s\" }\n":           "redis.timout is not a key of this section; did you mean timeout?",
		"directory = [{ name = 1 }]\n":            "directory[0].name is a number",
		"[redis]\naddresses = [\"a:1\", 2]\n":     "redis.addresses has an entry (number 2) that is a number",
		"[limits.starts]\nrates = []\n":           "limits.starts.rates is empty",
		"stray = 1\n":                             "stray is not a section",
		"[redis]\ntimeout = 1979-05-27\n":         "redis.timeout is a date or time",
		"[redis]\nmode = \"single\" x\ntls = 1\n": "redis.tls is a number; allowed: true or false",
	} {
		if got := faultsOf(t, text); !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("%q: no fault %q in:\n%s", text, want, strings.Join(got, "\n"))
		}
	}
}

func TestInlineTablesAndDottedKeys(t *testing.T) {
	c := Defaults()
	statements, _ := read([]byte("redis.timeout = \"2s\"\ndirectory = [{ name = \"a\" }, { name = \"b\" }]\n"))
	l := newLoader("", c)
	for _, s := range statements {
		l.put(s.path, s.value, place{}, s.list)
	}
	if len(l.faults) > 0 || c.Redis.Timeout != setting.Duration(2*time.Second) || len(c.Directories) != 2 || c.Directories[1].Name != "b" {
		t.Errorf("read %+v with faults %v", c, l.faults)
	}
}
