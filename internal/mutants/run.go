package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// testTime bounds one run of one test; a broken program may wait for ever.
const testTime = 4 * time.Minute

type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "SURVIVED"
	invalid  verdict = "INVALID"
)

// bench runs tests of the repository at root on broken source.
type bench struct{ root string }

// try runs the test of a mutant on the source that it breaks. The output tells
// why a mutant is invalid.
func (b bench) try(ctx context.Context, m mutant) (verdict, string, error) {
	text, err := m.apply(b.root)
	if err != nil {
		return invalid, err.Error(), nil
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := b.overlay(dir, m.File, text)
	if err != nil {
		return "", "", err
	}
	passed, output := b.test(ctx, m, "GOFLAGS=-overlay="+overlay)
	return judge(m, passed, output), output, ctx.Err()
}

// overlay writes the file that makes the go command read text in place of a
// file, in the programs that a test builds too.
func (b bench) overlay(dir, file, text string) (string, error) {
	broken, path := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json")
	whole, err := filepath.Abs(filepath.Join(b.root, file))
	if err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {whole: broken}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(broken, []byte(text), 0o600); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, replace, 0o600)
}

// test runs the test of a mutant with an addition to the environment.
func (b bench) test(ctx context.Context, m mutant, environment ...string) (passed bool, output string) {
	command := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", testTime.String(), "-v", "-run", "^"+m.Test+"$", m.Package)
	command.Dir = b.root
	command.Env = append(append(os.Environ(), "REQUIRE_INTEGRATION=1"), environment...)
	out, err := command.CombinedOutput()
	return err == nil, string(out)
}

// judge tells a failed test from one that was never run.
func judge(m mutant, passed bool, output string) verdict {
	switch {
	case !strings.Contains(output, "=== RUN   "+m.Test+"\n"):
		return invalid
	case strings.Contains(output, "build latchkey: "): // the program under test does not build
		return invalid
	case passed:
		return survived
	default:
		return killed
	}
}

// row is one line of the table.
func row(m mutant, v verdict) string { return fmt.Sprintf("%-9s %-48s %s", v, m.Test, m.Breaks) }
