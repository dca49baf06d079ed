package audit_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
)

// settings is a configuration for a directory.
func settings(dir string) audit.Config {
	c := audit.Defaults()
	c.Dir, c.Instance = dir, "one"
	return c
}

func open(tb testing.TB, dir string, keys *keyring.Ring) *audit.Log {
	tb.Helper()
	l, err := audit.Open(settings(dir), keys, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

func closeLog(tb testing.TB, l *audit.Log) {
	tb.Helper()
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
}

// verified returns the report of a chain that must hold.
func verified(tb testing.TB, dir string, keys *keyring.Ring) audit.Report {
	tb.Helper()
	report, err := audit.Verify(dir, keys)
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

// lines returns all lines of a directory.
func lines(tb testing.TB, dir string) []audit.Line {
	tb.Helper()
	var all []audit.Line
	for line, err := range audit.Lines(dir) {
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

// count tells how many lines of a kind there are, and the sum of their counts.
func count(all []audit.Line, kind string) (n int, sum uint64) {
	for _, line := range all {
		if line.Kind == kind {
			n++
			sum += line.Count
		}
	}
	return n, sum
}

func TestS69_ParallelRecordsMakeOneChain(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	l := open(t, dir, keys)
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			if err := l.Record(t.Context(), audit.Event{Kind: audit.WriteIntended, Recovery: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	// What was recorded is in the file at once, with the log still open.
	seen := make(map[string]bool)
	for _, line := range lines(t, dir) {
		seen[line.Recovery] = line.Kind == audit.WriteIntended
	}
	if len(seen) != 1000+1 {
		t.Errorf("%d recoveries in the file, want 1000", len(seen)-1)
	}
	if report := verified(t, dir, keys); report.Lines != 1001 || report.Unfinished != 0 {
		t.Errorf("report %+v, want 1001 lines", report)
	}
	closeLog(t, l)
	if report := verified(t, dir, keys); report.Lines != 1002 || report.First != 1 || report.Last != 1002 || report.Instance != "one" {
		t.Errorf("report %+v, want lines 1 to 1002 of instance one", report)
	}
}

func TestRestartsGoOnWithTheChain(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	for range 3 {
		l := open(t, dir, keys)
		if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed}); err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
	}
	if report := verified(t, dir, keys); report.Lines != 9 || report.Files != 1 {
		t.Errorf("report %+v, want 9 lines in 1 file", report)
	}
}

func TestClosedLogRecordsNothing(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	l := open(t, dir, keys)
	closeLog(t, l)
	if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed}); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("record after close: %v", err)
	}
	l.Note(audit.Event{Kind: audit.Guessed})
	if err := l.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
	if got, _ := count(lines(t, dir), audit.Guessed); got != 0 {
		t.Errorf("%d events after close are in the file", got)
	}
}

func TestNotesAreWrittenWithinASecond(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, keys)
		defer l.Close()
		for range 500 {
			l.Note(audit.Event{Kind: audit.RecoveryStarted})
		}
		synctest.Wait()
		if got, _ := count(lines(t, dir), audit.RecoveryStarted); got != 0 {
			t.Errorf("%d notes cost a write of their own", got)
		}
		time.Sleep(time.Second) // of the bubble's clock
		synctest.Wait()
		if got, _ := count(lines(t, dir), audit.RecoveryStarted); got != 500 {
			t.Errorf("%d notes after a second, want 500", got)
		}
	})
	verified(t, dir, keys)
}

func TestThrottledAttemptsShareALine(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, keys)
		defer l.Close()
		for range 3 {
			for range 1000 {
				l.Throttled("starts_per_address")
				l.Throttled("starts")
			}
			time.Sleep(time.Minute) // of the bubble's clock
			synctest.Wait()
		}
		if n, sum := count(lines(t, dir), audit.Throttled); n != 6 || sum != 6000 {
			t.Errorf("%d lines with %d attempts, want 2 lines a minute with 6000", n, sum)
		}
		l.Throttled("starts")
		closeLog(t, l)
		if n, sum := count(lines(t, dir), audit.Throttled); n != 7 || sum != 6001 {
			t.Errorf("after closing %d lines with %d attempts, want 7 with 6001", n, sum)
		}
	})
}

func TestOneDirectoryOneWriter(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	l := open(t, dir, keys)
	logger := slog.New(slog.DiscardHandler)
	if _, err := audit.Open(settings(dir), keys, nil, logger); !errors.Is(err, audit.ErrInUse) {
		t.Errorf("a second writer: %v", err)
	}
	closeLog(t, l)
	other := settings(dir)
	other.Instance = "two"
	if _, err := audit.Open(other, keys, nil, logger); !errors.Is(err, audit.ErrOtherInstance) {
		t.Errorf("another instance: %v", err)
	}
	if _, err := audit.Open(settings(dir), keyring.Generate(), nil, logger); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("another keyring: %v", err)
	}
	verified(t, dir, keys)
}

// TestEventsAreBounded: a request id comes from outside.
func TestEventsAreBounded(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	l := open(t, dir, keys)
	long := string(make([]byte, 1<<20)) + fmt.Sprintf("%01000000d", 0) + "\xff\n\"}"
	if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed, RequestID: long, Reason: "a\"b\n\u2028c"}); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	verified(t, dir, keys)
	info, err := os.Stat(filepath.Join(dir, "audit-00000000000000000001.jsonl"))
	if err != nil || info.Size() > 3000 {
		t.Errorf("the file has %v bytes: %v", info.Size(), err)
	}
	if line := lines(t, dir)[1]; line.Reason != "a\"bc" || len(line.RequestID) != 256 {
		t.Errorf("line %+v", line)
	}
}
