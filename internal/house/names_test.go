package house

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

// longest is the most lines that a file may have.
const longest = 500

func TestPackagesAreNouns(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "models", "shared"}
	for _, f := range files(t) {
		if slices.Contains(empty, path.Base(f.pkg)) {
			t.Errorf("package %s says nothing by its name", f.pkg)
		}
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	for _, f := range files(t) {
		text, err := os.ReadFile(filepath.Join(root, f.pkg, f.name))
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(text, []byte("\n")); lines > longest {
			t.Errorf("%s/%s has %d lines; %d are the most", f.pkg, f.name, lines, longest)
		}
	}
}
