package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
)

// The variables that make this test program a child that records until it is
// killed.
const (
	childDir  = "AUDIT_TEST_DIR"
	childRing = "AUDIT_TEST_KEYRING"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, recordForever(dir, os.Getenv(childRing)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// recordForever prints the number of each Record that was acknowledged.
func recordForever(dir, ring string) error {
	keys, err := keyring.Load(ring)
	if err != nil {
		return err
	}
	l, err := audit.Open(settings(dir), keys, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for i := worker; ; i += 4 {
				l.Note(audit.Event{Kind: audit.RecoveryStarted})
				name := fmt.Sprintf("%d-%d", os.Getpid(), i)
				if err := l.Record(context.Background(), audit.Event{Kind: audit.WriteIntended, Recovery: name}); err != nil {
					failed <- err
				}
				fmt.Println(name)
			}
		}()
	}
	return <-failed
}

// TestKilledInTheMiddle: whatever was acknowledged is in the chain, and
// the chain holds and goes on, however often the process dies.
func TestKilledInTheMiddle(t *testing.T) {
	dir, ring := t.TempDir(), filepath.Join(t.TempDir(), "keyring")
	keys, err := keyring.Create(ring)
	if err != nil {
		t.Fatal(err)
	}
	times := 50
	if testing.Short() {
		times = 5
	}
	acknowledged := make(map[string]bool)
	for range times {
		runChild(t, dir, ring, rand.IntN(60), acknowledged)
		if _, err := audit.Verify(dir, keys); err != nil {
			t.Fatalf("after a kill: %v", err)
		}
	}
	closeLog(t, open(t, dir, keys))
	verified(t, dir, keys)
	all := lines(t, dir)
	for _, line := range all {
		delete(acknowledged, line.Recovery)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged records are not in the chain", len(acknowledged))
	}
	if n, _ := count(all, audit.Started); n < times {
		t.Errorf("%d starts, want %d", n, times)
	}
}

// runChild kills a child after some acknowledged records and notes them all.
func runChild(t *testing.T, dir, ring string, after int, acknowledged map[string]bool) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir, childRing+"="+ring)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); n++ {
		acknowledged[scanner.Text()] = true
		if n == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait()
	if n <= after {
		t.Fatalf("the child ended by itself after %d records: %s", n, stderr.String())
	}
}
