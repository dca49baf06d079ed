// Package house owns the rules that hold for the whole repository: which
// package may import which, what packages are called, how long a file may be,
// and that the commands in the README work. It has only tests.
package house

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "latchkey"
	root   = "../.."
)

// file is a Go file of the module and what it imports. Packages of the module
// are written without its name.
type file struct {
	pkg, name string
	imports   []string
	own       []string
}

// files lists every Go file of the module.
func files(t *testing.T) []file {
	t.Helper()
	command := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,GoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	command.Dir = root
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var all []file
	for decoder := json.NewDecoder(output); ; {
		var p struct {
			Dir, ImportPath                                    string
			GoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			all = append(all, parse(t, strings.TrimPrefix(p.ImportPath, module+"/"), filepath.Join(p.Dir, name)))
		}
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("go list names no file")
	}
	return all
}

func parse(t *testing.T, pkg, name string) file {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	f := file{pkg: pkg, name: filepath.Base(name)}
	for _, spec := range tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if own, ok := strings.CutPrefix(imported, module+"/"); ok {
			f.own = append(f.own, own)
		} else {
			f.imports = append(f.imports, imported)
		}
	}
	return f
}

// in reports whether a package is one of some others or lies below one.
func in(pkg string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		return pkg == other || strings.HasPrefix(pkg, other+"/")
	})
}

// mayImport says whether the arrow from one package of the module to another
// runs down: commands, halves, internal. Only commands see the configuration.
func mayImport(from, to string) bool {
	switch {
	case in(from, "cmd"):
		return !in(to, "cmd") || in(to, from, "cmd/internal")
	case in(from, "config"):
		return !in(to, "cmd")
	case in(to, "cmd", "config"):
		return false
	case in(from, "internal"):
		return in(to, "internal")
	case in(from, "resetapi"):
		return !in(to, "ldapsync")
	case in(from, "ldapsync"):
		return !in(to, "resetapi")
	}
	return true
}

// mayUse says whether a file may import a library that is kept to one place.
func mayUse(f file, library string) bool {
	test := strings.HasSuffix(f.name, "_test.go")
	switch {
	case in(library, "github.com/go-ldap/ldap/v3"):
		return in(f.pkg, "internal/directory", "ldapsync", "internal/testenv")
	case in(library, "github.com/go-chi/chi/v5"):
		return in(f.pkg, "resetapi", "cmd")
	case in(library, "github.com/redis/go-redis/v9"):
		return in(f.pkg, "internal/store") || f.name == "store.go" || test
	}
	return true
}

func TestArrowsRunDown(t *testing.T) {
	for _, f := range files(t) {
		for _, own := range f.own {
			if !mayImport(f.pkg, own) {
				t.Errorf("%s/%s imports %s; arrows run down only: cmd, halves, internal", f.pkg, f.name, own)
			}
		}
	}
}

func TestLibrariesStayInTheirPlace(t *testing.T) {
	for _, f := range files(t) {
		for _, library := range f.imports {
			if !mayUse(f, library) {
				t.Errorf("%s/%s imports %s, which is kept to another place", f.pkg, f.name, library)
			}
		}
	}
}

func TestTheRulesForbid(t *testing.T) {
	for _, arrow := range [][2]string{
		{"internal/store", "config"},
		{"internal/store", "resetapi/recovery"},
		{"resetapi", "ldapsync"},
		{"ldapsync/syncer", "resetapi"},
		{"resetapi/web", "config"},
		{"resetapi/web", "cmd/latchkey"},
		{"config", "cmd/latchkey"},
	} {
		if mayImport(arrow[0], arrow[1]) {
			t.Errorf("%s may import %s", arrow[0], arrow[1])
		}
	}
	for _, use := range []struct {
		pkg, name, library string
	}{
		{"resetapi/web", "page.go", "github.com/go-ldap/ldap/v3"},
		{"internal/contact", "card.go", "github.com/redis/go-redis/v9"},
		{"internal/contact", "card.go", "github.com/go-chi/chi/v5/middleware"},
	} {
		if mayUse(file{pkg: use.pkg, name: use.name}, use.library) {
			t.Errorf("%s/%s may import %s", use.pkg, use.name, use.library)
		}
	}
}
