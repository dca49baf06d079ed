package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// completions are what is wanted for a line; the last word is being typed.
var completions = map[string][]string{
	"":                              {"audit", "completion", "config", "contacts", "delivery", "doctor", "freeze", "help", "keys", "policy", "serve", "store", "sync", "unfreeze", "version"},
	"con":                           {"config", "contacts"},
	"doctor --c":                    {"--canary", "--config"},
	"contacts ":                     {"confirm", "delete", "export", "import", "set", "show"},
	"contacts s":                    {"set", "show"},
	"--config latchkey.toml keys r": {"reencrypt", "retire", "rotate"},
	"keys --config keys r":          {"reencrypt", "retire", "rotate"},
	"audit export --f":              {"--format", "--from"},
	"audit export --format ":        {"csv", "jsonl"},
	"audit export --format c":       {"csv"},
	"audit export --from ":          {},
	"freeze --r":                    {"--reason"},
	"freeze ":                       {"now", "status"},
	"completion ":                   {"bash", "fish", "zsh"},
	"contacts import pe":            {"people.csv", "people dir"},
	"contacts import people\\ d":    {"people dir"},
	"--config lat":                  {"latchkey.toml"},
	"audit verify --dir pe":         {"people dir"},
	"contacts show al":              {},
	"help con":                      {"config", "contacts"},
	"help contacts im":              {"import"},
}

// words splits a line; a backslash keeps a space in a word.
func words(line string) []string {
	split := strings.Split(strings.ReplaceAll(line, `\ `, "\x00"), " ")
	for i := range split {
		split[i] = strings.ReplaceAll(split[i], "\x00", " ")
	}
	return split
}

// completionDir is a directory with files, and the script for a shell.
func completionDir(t *testing.T, shell string) (dir, script string) {
	t.Helper()
	testenv.Need(t, shell)
	dir = t.TempDir()
	for _, name := range []string{"people.csv", "latchkey.toml", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "people dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("latchkey", "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	script = filepath.Join(t.TempDir(), "_latchkey")
	if err := os.WriteFile(script, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, script
}

// complete runs a program of a shell in dir and returns the lines of its output.
func complete(t *testing.T, dir, shell string, args ...string) []string {
	t.Helper()
	command := exec.Command(shell, args...)
	command.Dir, command.Stderr = dir, os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", shell, err)
	}
	got := []string{}
	for line := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if word = strings.TrimSuffix(word, "/"); word != "" && !slices.Contains(got, word) {
			got = append(got, word)
		}
	}
	slices.Sort(got)
	return got
}

func wantCompletions(t *testing.T, complete func(line string) []string) {
	t.Helper()
	for line, want := range completions {
		got := complete(line)
		if line == "" {
			got = slices.DeleteFunc(got, func(word string) bool { return !slices.Contains(want, word) })
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("latchkey %s: %q, want %q", line, got, want)
		}
	}
}

func TestCompletionInBash(t *testing.T) {
	dir, script := completionDir(t, "bash")
	const drive = `set -u; source "$1"; shift
COMP_WORDS=(latchkey "$@") COMP_CWORD=$# COMPREPLY=()
complete -p latchkey >/dev/null && _latchkey
printf '%s\n' "${COMPREPLY[@]-}"`
	in := func(words ...string) []string {
		return complete(t, dir, "bash", append([]string{"--norc", "-c", drive, "bash", script}, words...)...)
	}
	wantCompletions(t, func(line string) []string { return in(words(line)...) })
	// Readline splits at = and gives it as a word of its own.
	for _, split := range [][]string{{"audit", "export", "--format", "=", "c"}, {"--config", "=", "x", "audit", "export", "--format", "=", "c"}} {
		if got := in(split...); !slices.Equal(got, []string{"csv"}) {
			t.Errorf("%q: %q", split, got)
		}
	}
	if got := in("audit", "export", "--format", "="); !slices.Equal(got, []string{"csv", "jsonl"}) {
		t.Errorf("behind =: %q", got)
	}
}

func TestCompletionInFish(t *testing.T) {
	dir, script := completionDir(t, "fish")
	wantCompletions(t, func(line string) []string {
		return complete(t, dir, "fish", "--no-config", "-c", `source $argv[1]; complete -C "latchkey $argv[2]"`, script, line)
	})
}

// TestCompletionInZsh replaces what shows the words by what prints them: a zsh
// without a terminal completes nothing.
func TestCompletionInZsh(t *testing.T) {
	dir, script := completionDir(t, "zsh")
	const drive = `compdef() { : }
compadd() { shift; print -l -- ${(M)@:#$PREFIX*} }
_describe() { [[ $1 == -o ]] && shift; local -a all; all=("${(@P)2}"); all=("${(@)all%%:*}"); print -l -- ${(M)all:#$PREFIX*} }
_files() { if [[ ${1-} == -/ ]]; then print -l -- $PREFIX*(N/); else print -l -- $PREFIX*(N); fi }
compset() { PREFIX=${PREFIX#*=} }
source $1; shift
words=(latchkey "$@") CURRENT=$(($# + 1)) PREFIX=$argv[-1]
_latchkey`
	in := func(words ...string) []string {
		return complete(t, dir, "zsh", append([]string{"-f", "-c", drive, "zsh", script}, words...)...)
	}
	wantCompletions(t, func(line string) []string { return in(words(line)...) })
	if got := in("audit", "export", "--format=c"); !slices.Equal(got, []string{"csv"}) {
		t.Errorf("behind =: %q", got)
	}
}
