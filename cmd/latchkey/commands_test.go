package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// elsewhere are commands that no script can run to a good end, and where they
// are run.
var elsewhere = map[string]string{"serve": "internal/blackbox"}

// commands returns the parser and all commands that do something.
func commands(t *testing.T) (*kong.Kong, []*kong.Node) {
	t.Helper()
	parser, err := newParser(new(commandLine), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	parser.Exit = func(int) {} // what --help does
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 20 {
		t.Fatalf("there are %d commands", len(leaves))
	}
	return parser, leaves
}

// typed splits a line as a shell would, up to what is not for the command.
func typed(line string) []string {
	line, _, _ = strings.Cut(line, " # ")
	line, _, _ = strings.Cut(line, " > ")
	line, _, _ = strings.Cut(line, " < ")
	line, _, _ = strings.Cut(line, " | ")
	line = strings.TrimSuffix(strings.TrimPrefix(line, "source <("), ")")
	var words []string
	for _, word := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1) {
		words = append(words, strings.Trim(word, `'"`))
	}
	return words
}

// TestEveryCommandTeaches: each has an example, all examples can be typed and
// belong to it, and what it refers to is there.
func TestEveryCommandTeaches(t *testing.T) {
	parser, leaves := commands(t)
	for _, node := range leaves {
		taught := lessonOf(node)
		if len(taught.examples) == 0 {
			t.Errorf("%s has no example", node.Path())
		}
		for _, example := range taught.examples {
			words := typed(example)
			trace, err := parser.Parse(words[1:])
			if err != nil || words[0] != "latchkey" {
				t.Errorf("%s: %q: %v", node.Path(), example, err)
				continue
			}
			if selected := trace.Selected(); selected != node && node.Path() != "help" {
				t.Errorf("%s: %q is %s", node.Path(), example, selected.Path())
			}
		}
		for _, other := range taught.see {
			wantReference(t, parser, node.Path(), other)
		}
		if strings.Contains(furtherHelp(node), "3 ") != (taught.no != "") {
			t.Errorf("%s: the help does not say when it exits with 3", node.Path())
		}
	}
}

func wantReference(t *testing.T, parser *kong.Kong, from, to string) {
	t.Helper()
	words := strings.Fields(to)
	if words[0] != "latchkey" {
		if _, err := os.Stat(filepath.Join("../..", words[0])); err != nil {
			t.Errorf("%s refers to %v", from, err)
		}
		return
	}
	if trace, err := kong.Trace(parser, words[1:]); err != nil || trace.Error != nil || trace.Selected() == nil {
		t.Errorf("%s refers to %q: %v, %v", from, to, err, trace.Error)
	}
}

// TestEveryCommandHasAScript in testdata/script that runs it to a good end, and
// one that uses it in a wrong way.
func TestEveryCommandHasAScript(t *testing.T) {
	var scripts strings.Builder
	for _, pattern := range []string{"*.txt", "*/*.txt"} {
		names, err := filepath.Glob(filepath.Join("../../testdata/script", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			scripts.Write(text)
		}
	}
	_, leaves := commands(t)
	for _, node := range leaves {
		path := "latchkey (--config [^ ]+ )?" + strings.TrimSuffix(node.Path(), " now")
		if !regexp.MustCompile(`(?m)^(exec|until) `+path+`( |$)`).MatchString(scripts.String()) && elsewhere[node.Path()] == "" {
			t.Errorf("no script runs `latchkey %s` to a good end", node.Path())
		}
		if !regexp.MustCompile(`(?m)^exits 2 ` + path + `( |$)`).MatchString(scripts.String()) {
			t.Errorf("no script uses `latchkey %s` in a wrong way", node.Path())
		}
	}
}
