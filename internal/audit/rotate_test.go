package audit_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
	"latchkey/internal/setting"
)

// files lists the files of the chain.
func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFilesEndBySize(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	c := settings(dir)
	c.MaxFileMB = 1
	l, err := audit.Open(c, keys, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		for range 2000 {
			l.Note(audit.Event{Kind: audit.Guessed, Reason: strings.Repeat("x", 200)})
		}
		if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed}); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, l)
	if report := verified(t, dir, keys); report.Files < 4 || report.Lines != 5*2001+2 {
		t.Errorf("report %+v, want %d lines in at least 4 files", report, 5*2001+2)
	}
	closeLog(t, open(t, dir, keys))
	verified(t, dir, keys)
	all := files(t, dir)
	if err := os.Remove(all[1]); err != nil {
		t.Fatal(err)
	}
	if got := brokenAt(t, dir, keys); got.File != filepath.Base(all[2]) {
		t.Errorf("without the second file: %v", got)
	}
}

// TestOldFilesExpire: a day is a file, and what is too old goes with a word.
func TestOldFilesExpire(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	synctest.Test(t, func(t *testing.T) {
		c := settings(dir)
		c.Retention = setting.Duration(48 * time.Hour)
		for day := range 5 {
			l, err := audit.Open(c, keys, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed}); err != nil {
				t.Error(err)
			}
			if day == 4 { // over midnight, while it is open
				time.Sleep(24 * time.Hour) // of the bubble's clock
				if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed}); err != nil {
					t.Error(err)
				}
			}
			closeLog(t, l)
			time.Sleep(24 * time.Hour) // of the bubble's clock
		}
	})
	report := verified(t, dir, keys)
	if report.First == 1 || report.Files < 3 || report.Files > 4 || report.To.Sub(report.From) < 47*time.Hour {
		t.Errorf("report %+v, want the last days and not the first", report)
	}
	if n, _ := count(lines(t, dir), audit.Expired); n == 0 {
		t.Error("no line tells what expired")
	}
	// Somebody else takes the next one.
	all := files(t, dir)
	if err := os.Remove(all[0]); err != nil {
		t.Fatal(err)
	}
	if got := brokenAt(t, dir, keys); got.File != filepath.Base(all[1]) || got.Line != 1 || !strings.Contains(got.Problem, "expired") {
		t.Errorf("without the oldest file: %v", got)
	}
}
