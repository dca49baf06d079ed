package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shell is a block of commands.
var shell = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestReadmeCommandsWork wants a target in the Makefile for each `make` in the
// README and the guides, and a script that runs each `latchkey` command.
func TestReadmeCommandsWork(t *testing.T) {
	makefile := read(t, "Makefile")
	scripts := read(t, "testdata/script/*.txt") + read(t, "testdata/script/servers/*.txt")
	commands := 0
	for _, block := range shell.FindAllStringSubmatch(read(t, "*.md")+read(t, "docs/*.md"), -1) {
		for line := range strings.Lines(block[1]) {
			words := strings.Fields(line)
			if len(words) < 2 {
				continue
			}
			switch words[0] {
			case "make":
				commands++
				if !strings.Contains(makefile, "\n"+words[1]+":") {
					t.Errorf("the Makefile has no target %s", words[1])
				}
			case "latchkey":
				commands++
				command := strings.Join(words[:min(len(words), 3)], " ")
				if !strings.Contains(scripts, command) && words[1] != "serve" {
					t.Errorf("no script runs %q", command)
				}
			}
		}
	}
	if commands < 2 {
		t.Error("the README shows no commands")
	}
}

// read returns all files that match a pattern, one after the other.
func read(t *testing.T, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// TestRunNeedsGoOnly: the recipe of `make run` calls nothing but Go and what it
// built, in the shell that every system has. In blackbox a test of `make soak`
// runs it in a root with nothing else.
func TestRunNeedsGoOnly(t *testing.T) {
	command := exec.Command("make", "--no-print-directory", "--dry-run", "run")
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(output)) {
		if !strings.HasPrefix(line, "go build ") && !strings.HasPrefix(line, "exec bin/latchkey-demo ") {
			t.Errorf("make run calls %s", line)
		}
	}
	if !strings.Contains(read(t, "Makefile"), "\nrun: SHELL := /bin/sh\n") {
		t.Error("make run calls another shell than /bin/sh")
	}
}
