package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Fault is one thing that is wrong, with its place.
type Fault struct {
	// File and Line say where it stands. Line is 0 for what is missing.
	File string
	Line int
	// Variable is the environment variable instead, where it stands there.
	Variable string
	// Key is the whole key, such as "directory[0].servers".
	Key string
	// Problem says what is wrong, as the end of a sentence about the key.
	Problem string
	// Allowed says what may stand there.
	Allowed string
	// Suggestion is what was probably meant, for an unknown key.
	Suggestion string
}

// String returns the fault as one line, without anything that would act on a
// terminal: a key may be anything.
func (f Fault) String() string {
	var b strings.Builder
	switch {
	case f.Variable != "":
		fmt.Fprintf(&b, "%s: ", f.Variable)
	case f.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", f.File, f.Line)
	default:
		fmt.Fprintf(&b, "%s: ", f.File)
	}
	if f.Key != "" {
		b.WriteString(f.Key + " ")
	}
	b.WriteString(f.Problem)
	if f.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %s?", f.Suggestion)
	}
	if f.Allowed != "" {
		fmt.Fprintf(&b, "; allowed: %s", f.Allowed)
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, b.String())
}

// Errors is every fault of a configuration in the order of the file; what
// stands in no line comes last.
type Errors struct {
	Faults []Fault
}

func newErrors(faults []Fault) *Errors {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(order(a), order(b)),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Variable, b.Variable),
			cmp.Compare(a.Key, b.Key),
		)
	})
	return &Errors{Faults: faults}
}

func order(f Fault) int {
	switch {
	case f.Variable != "":
		return 1
	case f.Line == 0:
		return 2
	}
	return 0
}

// Error returns one line for each fault.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Faults))
	for i, fault := range e.Faults {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// nearest returns the known name that a mistyped one is probably meant to be,
// or nothing where none is near.
func nearest(name string, known []string) string {
	best, distance := "", max(1, len(name)/3)+1
	for _, candidate := range known {
		if d := editDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbors that turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
