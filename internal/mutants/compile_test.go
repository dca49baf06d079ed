package main

import (
	"bytes"
	"errors"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsCompile: what is broken is a rule, and not the build. A mutant that
// does not compile is killed by no test.
func TestMutantsCompile(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	c := newCompiler(t)
	for _, m := range all {
		if filepath.Ext(m.File) != ".go" {
			continue
		}
		text, err := m.apply(root)
		if err != nil {
			continue // another test tells
		}
		if err := c.check(m.File, text); err != nil {
			t.Errorf("%s (%s): %v", m.Test, m.Breaks, err)
		}
	}
}

// TestTheCompilerRefuses what go build would.
func TestTheCompilerRefuses(t *testing.T) {
	c := newCompiler(t)
	good, err := os.ReadFile(filepath.Join(root, "internal/setting/setting.go"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.check("internal/setting/setting.go", string(good)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"\nvar _ string = 1\n", "\nfunc broken() int { x := 1; return 2 }\n"} {
		if c.check("internal/setting/setting.go", string(good)+bad) == nil {
			t.Errorf("it takes %q", bad)
		}
	}
}

// compiler checks the types of a package against what its imports export.
type compiler struct {
	files    *token.FileSet
	importer types.Importer
}

func newCompiler(t *testing.T) *compiler {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./...")
	list.Dir, list.Stderr = root, t.Output()
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(bytes.TrimSpace(out))) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = file
	}
	files := token.NewFileSet()
	return &compiler{files, importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, errors.New("nothing imports " + path)
		}
		return os.Open(exports[path])
	})}
}

// check checks the package of a file, whose text is another.
func (c *compiler) check(file, text string) error {
	dir := filepath.Dir(file)
	names, err := build.ImportDir(filepath.Join(root, dir), 0)
	if err != nil {
		return err
	}
	var parsed []*ast.File
	for _, name := range names.GoFiles {
		var source any
		if name == filepath.Base(file) {
			source = text
		}
		one, err := parser.ParseFile(c.files, filepath.Join(root, dir, name), source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, one)
	}
	config := types.Config{Importer: c.importer}
	_, err = config.Check("latchkey/"+filepath.ToSlash(dir), c.files, parsed, nil)
	return err
}
