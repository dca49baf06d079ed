package main

import (
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// TestMutantsFitTheSource keeps the lists from rotting: each old text stands
// once in its file, and the broken file is still Go.
func TestMutantsFitTheSource(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no mutant is listed")
	}
	for _, m := range all {
		if m.Test == "" || m.Breaks == "" || m.File == "" {
			t.Errorf("a mutant lacks its test, file or words: %+v", m)
			continue
		}
		text, err := m.apply(root)
		if err != nil {
			t.Error(err)
			continue
		}
		if filepath.Ext(m.File) != ".go" {
			continue // a template or a script
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.File, text, 0); err != nil {
			t.Errorf("%s (%s): %v", m.Test, m.Breaks, err)
		}
	}
}

// TestMutantsNameTests finds the test of each mutant in its package.
func TestMutantsNameTests(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, m := range all {
		if texts[m.Package] == "" {
			texts[m.Package] = testsOf(t, m.Package)
		}
		if !strings.Contains(texts[m.Package], "\nfunc "+m.Test+"(t *testing.T)") {
			t.Errorf("%s has no %s", m.Package, m.Test)
		}
	}
}

// TestEveryRequirementHasAMutant holds the tests of requirements against the
// lists, in all packages.
func TestEveryRequirementHasAMutant(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range all {
		listed[m.Package+" "+m.Test] = true
	}
	found := 0
	for _, pkg := range packages(t) {
		for _, test := range regexp.MustCompile(`(?m)^func (TestS\d\d_\w+)\(`).FindAllStringSubmatch(testsOf(t, pkg), -1) {
			found++
			if !listed[pkg+" "+test[1]] {
				t.Errorf("no mutant breaks the rule of %s in %s", test[1], pkg)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d tests of requirements were found", found)
	}
}

// packages are all folders with tests, as mutants name them.
func packages(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		all = append(all, "./"+filepath.ToSlash(dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func testsOf(t *testing.T, pkg string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
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

func TestJudge(t *testing.T) {
	m := mutant{Test: "TestS00_X"}
	ran := "=== RUN   TestS00_X\n"
	for _, c := range []struct {
		passed bool
		output string
		want   verdict
	}{
		{true, ran, survived},
		{false, ran, killed},
		{false, "", invalid},
		{true, "testing: warning: no tests to run", invalid},
		{false, ran + "build latchkey: exit status 1", invalid},
		{true, "=== RUN   TestS00_XY\n", invalid},
	} {
		if got := judge(m, c.passed, c.output); got != c.want {
			t.Errorf("judge(%v, %q) = %s, want %s", c.passed, c.output, got, c.want)
		}
	}
}

func TestApply(t *testing.T) {
	dir := t.TempDir()
	source, err := format.Source([]byte("package p\nvar a, b = 1, 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "p.go"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := (mutant{File: "p.go", Old: "1, 2", New: "2, 1"}).apply(dir); err != nil || !strings.Contains(text, "2, 1") {
		t.Errorf("apply = %q, %v", text, err)
	}
	for _, m := range []mutant{
		{File: "p.go", Old: "a", New: "b"},
		{File: "p.go", Old: "absent", New: "b"},
		{File: "p.go", Old: "1, 2", New: "1, 2"},
		{File: "q.go", Old: "1", New: "2"},
	} {
		if _, err := m.apply(dir); err == nil {
			t.Errorf("%+v was applied", m)
		}
	}
}
