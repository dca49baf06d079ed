package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed list/*.toml
var lists embed.FS

// blackbox is the package of a mutant's test where the mutant names none.
const blackbox = "./internal/blackbox"

// mutant is one break of one rule.
type mutant struct {
	// Test is the whole name of the test that must fail, Package its package.
	Test    string `toml:"test"`
	Package string `toml:"package"`
	// Breaks says in words what is broken.
	Breaks string `toml:"breaks"`
	// File is relative to the top of the repository. Old stands in it once and
	// is replaced by New.
	File string `toml:"file"`
	Old  string `toml:"old"`
	New  string `toml:"new"`
}

// load reads all lists, in the order of their names.
func load() ([]mutant, error) {
	var all []mutant
	err := fs.WalkDir(lists, "list", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := lists.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		var list struct {
			Mutant []mutant `toml:"mutant"`
		}
		if err := toml.NewDecoder(file).DisallowUnknownFields().Decode(&list); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, list.Mutant...)
		return nil
	})
	for i := range all {
		if all[i].Package == "" {
			all[i].Package = blackbox
		}
	}
	return all, err
}

// chosen keeps the mutants whose test matches.
func chosen(all []mutant, pattern *regexp.Regexp) []mutant {
	var some []mutant
	for _, m := range all {
		if pattern.MatchString(m.Test) {
			some = append(some, m)
		}
	}
	return some
}

var errNotApplicable = errors.New("the mutant does not fit the source")

// apply returns the broken text of the mutant's file.
func (m mutant) apply(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.Old); n != 1 || m.Old == m.New {
		return "", fmt.Errorf("%w: %s (%s): old occurs %d times in %s", errNotApplicable, m.Test, m.Breaks, n, m.File)
	}
	return strings.Replace(string(text), m.Old, m.New, 1), nil
}
