package keyring

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// source is what this package is built from.
//
//go:embed keyring.go
var source string

// TestS17_MACsAreComparedInConstantTime: CheckMAC compares with hmac.Equal, and
// nowhere in the half that meets the public are bytes compared in another way. What is
// compared is a keyed MAC of the guess, so that a near miss is as far off as any
// other.
func TestS17_MACsAreComparedInConstantTime(t *testing.T) {
	err := filepath.WalkDir("../../resetapi", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, name := range calls(file) {
			if name == "bytes.Equal" || name == "bytes.Compare" {
				t.Errorf("%s compares with %s", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "keyring.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Name.Name != "CheckMAC" {
			continue
		}
		for _, name := range calls(f) {
			if name == "hmac.Equal" {
				return
			}
		}
	}
	t.Error("CheckMAC does not compare with hmac.Equal")
}

// calls are the functions of packages that are called below a node.
func calls(n ast.Node) []string {
	var names []string
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok {
			if p, ok := f.X.(*ast.Ident); ok {
				names = append(names, p.Name+"."+f.Sel.Name)
			}
		}
		return true
	})
	return names
}
