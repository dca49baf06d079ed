package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
)

func newTestJournal(t *testing.T, dir string) *journal {
	t.Helper()
	c := audit.Defaults()
	c.Dir, c.Instance = dir, "one"
	return &journal{config: commandAudit(c), keys: keyring.Generate(), logger: slog.New(slog.DiscardHandler), by: "ann"}
}

// recorded lists what the journal holds of operators: kind and outcome.
func (j *journal) recorded(t *testing.T) []string {
	t.Helper()
	var all []string
	for line, err := range audit.Lines(j.config.Dir) {
		if err != nil {
			t.Fatal(err)
		}
		if line.By != "" {
			all = append(all, line.Kind+" "+line.Outcome+" "+line.Reason)
		}
	}
	if _, err := audit.Verify(j.config.Dir, j.keys); err != nil {
		t.Errorf("the chain does not hold: %v", err)
	}
	return all
}

// TestJournalRecordsBeforeAndAfter what is done, also when it fails and when it
// is interrupted.
func TestJournalRecordsBeforeAndAfter(t *testing.T) {
	j := newTestJournal(t, t.TempDir())
	failure := errors.New("no")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	for _, err := range []error{
		j.do(ctx, audit.Event{Kind: "a"}, func(e *audit.Event) error { e.Reason = "x"; return nil }),
		j.doLong(ctx, audit.Event{Kind: "b"}, func(*audit.Event) ([]audit.Event, error) {
			return []audit.Event{{Kind: "p", Outcome: done}, {Kind: "q", Outcome: done}}, nil
		}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := j.doLong(ctx, audit.Event{Kind: "c"}, func(*audit.Event) ([]audit.Event, error) { interrupt(); return nil, failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	want := []string{"a intended ", "a done x", "b intended ", "p done ", "q done ", "b done ", "c intended ", "c failed "}
	if got := j.recorded(t); !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

// TestWhatCannotBeRecordedIsNotDone.
func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := newTestJournal(t, dir)
	short := j.do(t.Context(), audit.Event{Kind: "a"}, func(*audit.Event) error { t.Error("it was done"); return nil })
	long := j.doLong(t.Context(), audit.Event{Kind: "a"}, func(*audit.Event) ([]audit.Event, error) { t.Error("it was done"); return nil, nil })
	if !errors.Is(short, audit.ErrUnwritable) || !errors.Is(long, audit.ErrUnwritable) {
		t.Errorf("%v, %v", short, long)
	}
}

// TestCommandsAtOnce wait for each other, and none is lost.
func TestCommandsAtOnce(t *testing.T) {
	j := newTestJournal(t, t.TempDir())
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if err := j.do(t.Context(), audit.Event{Kind: "a"}, func(*audit.Event) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := j.recorded(t); len(got) != 12 {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

// TestRootLeavesTheAuditToTheService: what root makes belongs to the owner of
// the directory that was there.
func TestRootLeavesTheAuditToTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const nobody = 65534
	home := t.TempDir()
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	j := newTestJournal(t, filepath.Join(home, "audit"))
	if err := j.record(t.Context(), audit.Event{Kind: "a"}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"audit", "audit/cli", "audit/cli/head", "audit/cli/audit-00000000000000000001.jsonl"} {
		var of unix.Stat_t
		if err := unix.Stat(filepath.Join(home, path), &of); err != nil || of.Uid != nobody || of.Gid != nobody {
			t.Errorf("%s belongs to %d:%d, %v", path, of.Uid, of.Gid, err)
		}
	}
}
