package house

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// measuring is the package that hands out codes and profiles; only a build with
// the tag bench may have it.
const measuring = module + "/resetapi/delivery/bench"

// TestOnlyTheMeasuringBuildHandsOutCodes: what `make build` builds holds nothing
// that gives a code to anybody but its recipient.
func TestOnlyTheMeasuringBuildHandsOutCodes(t *testing.T) {
	if slices.Contains(dependencies(t), measuring) {
		t.Errorf("the ordinary build of latchkey contains %s", measuring)
	}
	if !slices.Contains(dependencies(t, "-tags", "bench"), measuring) {
		t.Errorf("the build for measuring does not contain %s, so this test proves nothing", measuring)
	}
}

// TestTheChannelOfTheBenchIsTagged: whoever imports its package by mistake gets
// nothing from it.
func TestTheChannelOfTheBenchIsTagged(t *testing.T) {
	command := exec.Command("go", "list", "-f", "{{range .GoFiles}}{{.}} {{end}}", "./resetapi/delivery/bench")
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(output)); got != "doc.go" {
		t.Errorf("without the tag the package has %s, want doc.go only", got)
	}
}

// dependencies lists all packages that are linked into latchkey.
func dependencies(t *testing.T, flags ...string) []string {
	t.Helper()
	args := slices.Concat([]string{"list", "-deps"}, flags, []string{"./cmd/latchkey"})
	command := exec.Command("go", args...)
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(output))
}
