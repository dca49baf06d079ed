package house

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// running is the package of a test where the table names none.
const running = "internal/blackbox"

// requirement is a row of the tables in docs/security.md.
type requirement struct {
	number int
	// enforced are files and folders, tests packages and names with a space between.
	enforced, tests []string
}

// requirements reads the tables.
func requirements(t *testing.T) map[int]requirement {
	t.Helper()
	all := map[int]requirement{}
	for line := range strings.Lines(read(t, "docs/security.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		number, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(cells[0]), "S"))
		if err != nil {
			continue
		}
		if len(cells) != 5 {
			t.Fatalf("the row of S%d has %d cells, want 5", number, len(cells))
		}
		if _, twice := all[number]; twice {
			t.Errorf("S%d has two rows", number)
		}
		all[number] = requirement{number, places(cells[2]), named(cells[3])}
	}
	return all
}

// places are the files of a cell: one without a folder is in that of the one
// before it.
func places(cell string) []string {
	var all []string
	folder := ""
	for place := range strings.SplitSeq(cell, ", ") {
		switch {
		case strings.Contains(place, "/") && path.Ext(place) != "":
			folder = path.Dir(place)
		case path.Ext(place) != "":
			place = path.Join(folder, place)
		}
		all = append(all, place)
	}
	return all
}

// named are the tests of a cell: "A, B; in package C, D".
func named(cell string) []string {
	var all []string
	for part := range strings.SplitSeq(cell, "; ") {
		in := running
		if rest, other := strings.CutPrefix(part, "in "); other {
			in, part, _ = strings.Cut(rest, " ")
		}
		for name := range strings.SplitSeq(part, ", ") {
			all = append(all, in+" "+name)
		}
	}
	return all
}

// tests lists all tests of the tree as the tables name them.
func tests(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, f := range files(t) {
		if !strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, f.pkg, f.name))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(text), -1) {
			all = append(all, f.pkg+" "+found[1])
		}
	}
	return all
}

// TestTheTableOfRequirementsIsComplete: each requirement that applies has a row,
// with places and tests that exist, and each test of a requirement is in its row.
func TestTheTableOfRequirementsIsComplete(t *testing.T) {
	rows, existing := requirements(t), tests(t)
	for _, span := range [][2]int{{1, 30}, {34, 34}, {36, 47}, {49, 51}, {57, 75}} {
		for n := span[0]; n <= span[1]; n++ {
			if _, ok := rows[n]; !ok {
				t.Errorf("docs/security.md has no row for S%d", n)
			}
		}
	}
	for n, row := range rows {
		for _, place := range row.enforced {
			if _, err := os.Stat(filepath.Join(root, place)); err != nil {
				t.Errorf("S%d is said to be enforced in %s: %v", n, place, err)
			}
		}
		for _, test := range row.tests {
			if !slices.Contains(existing, test) {
				t.Errorf("S%d is said to be tested by %s, which does not exist", n, test)
			}
		}
		if !slices.ContainsFunc(row.tests, func(test string) bool { return strings.Contains(test, fmt.Sprintf(" TestS%02d_", n)) }) {
			t.Errorf("S%d has no test that is named after it", n)
		}
	}
	for _, test := range existing {
		found := regexp.MustCompile(` TestS(\d\d)_`).FindStringSubmatch(test)
		if found == nil {
			continue
		}
		if n, _ := strconv.Atoi(found[1]); !slices.Contains(rows[n].tests, test) {
			t.Errorf("the row of S%d does not name %s", n, test)
		}
	}
}
