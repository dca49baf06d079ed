package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"latchkey": main})
}

// The scripts in testdata/script need no server.
func TestScript(t *testing.T) {
	testscript.Run(t, params("../../testdata/script"))
}

func params(dir string) testscript.Params {
	return testscript.Params{
		Dir: dir, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: setup,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "until": until},
	}
}

// setup keeps the race detector from sleeping a second at the end of each run,
// and the audit in the script's own directory.
func setup(env *testscript.Env) error {
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	env.Setenv("LATCHKEY_AUDIT__DIR", filepath.Join(env.WorkDir, "audit"))
	return nil
}

// exits runs a command that must end with an exit code other than 0: exits
// code command [argument...].
func exits(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		script.Fatalf("usage: exits code command [argument...]")
	}
	got := 0
	if err := script.Exec(args[1], args[2:]...); err != nil {
		ended, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			script.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		script.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// until runs a command again and again until it succeeds, or with ! until it
// does not.
func until(script *testscript.TestScript, negated bool, args []string) {
	const patience = 30 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err := script.Exec(args[0], args[1:]...); (err != nil) == negated {
			return
		}
		if time.Now().After(end) {
			script.Fatalf("waited in vain")
		}
	}
}
