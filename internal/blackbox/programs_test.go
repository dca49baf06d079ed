package blackbox

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

var (
	// program is latchkey, with the race detector where the test has it.
	program string
	// plain is latchkey without the race detector, which does what comes before a
	// test in a quarter of the time.
	plain string
)

func TestMain(m *testing.M) {
	// These tests mostly wait for deadlines of the program under test, so more
	// of them run at once than there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	// The race detector would have each command, and each server that is stopped,
	// sleep for a second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "latchkey-blackbox-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "latchkey")
	if err := buildBoth(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildBoth builds program and, where that is another, plain.
func buildBoth() error {
	if plain = program; len(buildFlags) == 0 {
		return build("latchkey", program)
	}
	plain = program + "-plain"
	failed := make(chan error, 1)
	go func() { failed <- build("latchkey", plain) }()
	return errors.Join(build("latchkey", program, buildFlags...), <-failed)
}

func build(command, path string, flags ...string) error {
	args := slices.Concat([]string{"build", "-o", path}, flags, []string{"latchkey/cmd/" + command})
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", command, err, out)
	}
	return nil
}

// withFaults builds latchkey once with the places where it can be made to die.
var withFaults = sync.OnceValues(func() (string, error) {
	path := program + "-faults"
	return path, build("latchkey", path, slices.Concat(buildFlags, []string{"-tags", "faults"})...)
})

// demo builds the demonstration once.
var demo = sync.OnceValues(func() (string, error) {
	path := program + "-demo"
	return path, build("latchkey-demo", path, buildFlags...)
})

// built is what a program's build returned.
func built(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
