package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExitCodesAreDocumented: the table of docs/cli.md is that of the help.
func TestExitCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range exitCodes {
		if line := fmt.Sprintf("| %d | %s |", row.code, row.meaning); !strings.Contains(string(text), line) {
			t.Errorf("docs/cli.md lacks %q", line)
		}
	}
	_, leaves := commands(t)
	for _, node := range leaves {
		if lessonOf(node).no != "" && !strings.Contains(string(text), "`"+node.Path()+"`") {
			t.Errorf("docs/cli.md does not say that %s exits with 3", node.Path())
		}
	}
}

// TestAFullDiskIsNoSuccess: who reads the output later must know that it is not
// whole.
func TestAFullDiskIsNoSuccess(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"config", "init"}, {"completion", "bash"}, {"keys", "init", filepath.Join(t.TempDir(), "keyring")}} {
		command := exec.Command("latchkey", args...)
		var problem strings.Builder
		command.Stdout, command.Stderr = full, &problem
		if err := command.Run(); err == nil || command.ProcessState.ExitCode() != exitFailed || !strings.Contains(problem.String(), "no space left") {
			t.Errorf("%q on a full disk: %v, %q", args, err, problem.String())
		}
	}
}

// TestInterrupt: a command that waits for its input ends with the first signal,
// says what came of it, and has a code of its own.
func TestInterrupt(t *testing.T) {
	input, hold := io.Pipe()
	defer hold.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	read := make(chan error, 1)
	go func() {
		_, err := patientReader{ctx, input}.Read(make([]byte, 1))
		read <- err
	}()
	interrupt()
	err := <-read
	var out strings.Builder
	app := &application{out: &printer{out: io.Discard}, err: &out}
	if code := app.report(ctx, fmt.Errorf("read: %w", err)); code != exitInterrupted || out.String() != "latchkey: interrupted; run it again\n" {
		t.Errorf("%d, %q", code, out.String())
	}
	out.Reset()
	if code := app.report(ctx, errors.Join(err, stoppedError("half of it is done"))); code != exitInterrupted || !strings.Contains(out.String(), "interrupted; half of it is done") {
		t.Errorf("%d, %q", code, out.String())
	}
	if code := app.report(t.Context(), err); code != exitFailed {
		t.Errorf("%d for a context that ended without a signal", code)
	}
}

// TestHead: a reader that goes away ends the command without a word.
func TestHead(t *testing.T) {
	command := exec.Command("bash", "-c", `latchkey config init | head -1; exit ${PIPESTATUS[0]}`)
	var problem strings.Builder
	command.Stderr = &problem
	out, err := command.Output()
	if len(out) == 0 || problem.Len() > 0 {
		t.Errorf("%v: %q, %q", err, out, problem.String())
	}
}
