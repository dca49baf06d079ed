package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
)

const firstFile = "audit-00000000000000000001.jsonl"

// written makes a chain of 10 lines in one file.
func written(t *testing.T, dir string, keys *keyring.Ring) {
	t.Helper()
	l := open(t, dir, keys)
	for i := range 8 {
		if err := l.Record(t.Context(), audit.Event{Kind: audit.Guessed, Recovery: fmt.Sprint("recovery ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, l)
}

// rewrite changes the lines of a file.
func rewrite(t *testing.T, path string, change func([][]byte) [][]byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := change(bytes.SplitAfter(text, []byte("\n"))[:bytes.Count(text, []byte("\n"))])
	if err := os.WriteFile(path, bytes.Join(all, nil), 0o600); err != nil {
		t.Fatal(err)
	}
}

// brokenAt returns where a chain that must not hold is broken.
func brokenAt(t *testing.T, dir string, keys *keyring.Ring) *audit.BrokenError {
	t.Helper()
	_, err := audit.Verify(dir, keys)
	broken, ok := errors.AsType[*audit.BrokenError](err)
	if !ok || !errors.Is(err, audit.ErrBroken) {
		t.Fatalf("error %v, want a BrokenError", err)
	}
	return broken
}

// TestS69_TheFirstWrongLineIsNamed does to each line what somebody could do.
func TestS69_TheFirstWrongLineIsNamed(t *testing.T) {
	keys, original := keyring.Generate(), t.TempDir()
	written(t, original, keys)
	for name, change := range map[string]func(all [][]byte, i int) [][]byte{
		"dropped":   func(all [][]byte, i int) [][]byte { return slices.Delete(all, i, i+1) },
		"doubled":   func(all [][]byte, i int) [][]byte { return slices.Insert(all, i, all[i]) },
		"inserted":  func(all [][]byte, i int) [][]byte { return slices.Insert(all, i, []byte("{}\n")) },
		"empty":     func(all [][]byte, i int) [][]byte { return slices.Insert(all, i, []byte("\n")) },
		"cut short": func(all [][]byte, i int) [][]byte { all[i] = all[i][:len(all[i])/2]; return all },
		"cut off":   func(all [][]byte, i int) [][]byte { return all[:i] },
		"no break":  func(all [][]byte, i int) [][]byte { all[i] = all[i][:len(all[i])-1]; return all },
		"altered": func(all [][]byte, i int) [][]byte {
			all[i] = bytes.Replace(all[i], []byte(`"kind":"`), []byte(`"kind":"x`), 1)
			return all
		},
		"spaced": func(all [][]byte, i int) [][]byte { all[i] = append([]byte(" "), all[i]...); return all },
		"swapped": func(all [][]byte, i int) [][]byte {
			j := (i + 1) % len(all)
			all[i], all[j] = all[j], all[i]
			return all
		},
	} {
		for i := range 10 {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
				t.Fatal(err)
			}
			rewrite(t, filepath.Join(dir, firstFile), func(all [][]byte) [][]byte { return change(all, i) })
			want := i + 1
			switch {
			case name == "swapped" && i == 9:
				want = 1
			case name == "doubled":
				want = i + 2
			}
			if got := brokenAt(t, dir, keys); got.File != firstFile || got.Line != want {
				t.Errorf("line %d %s: %v, want line %d", i+1, name, got, want)
			}
		}
	}
	verified(t, original, keys)
}

// TestAForgerWithoutTheKeyIsFound: hashes that fit are not enough.
func TestAForgerWithoutTheKeyIsFound(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	written(t, dir, keyring.Generate())
	if got := brokenAt(t, dir, keys); got.Line != 1 || !strings.Contains(got.Problem, "keyring") {
		t.Errorf("a whole chain by another key: %v", got)
	}
}

// TestTwoFuturesAreNotMixed: a copy that went on by itself, with the same key
// and the same numbers, is another chain.
func TestTwoFuturesAreNotMixed(t *testing.T) {
	keys, one, two := keyring.Generate(), t.TempDir(), t.TempDir()
	written(t, one, keys)
	if err := os.CopyFS(two, os.DirFS(one)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{one, two} {
		closeLog(t, open(t, dir, keys))
		verified(t, dir, keys)
	}
	theirs, err := os.ReadFile(filepath.Join(two, firstFile))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(one, firstFile)
	rewrite(t, path, func(all [][]byte) [][]byte {
		all[11] = bytes.SplitAfter(theirs, []byte("\n"))[11]
		return all
	})
	if got := brokenAt(t, one, keys); got.Line != 12 || !strings.Contains(got.Problem, "follow") {
		t.Errorf("with a line of the other: %v", got)
	}
	if err := os.WriteFile(path, theirs, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := brokenAt(t, one, keys); got.Line != 12 || !strings.Contains(got.Problem, "head") {
		t.Errorf("with all lines of the other: %v", got)
	}
}

func TestTheHeadIsMissed(t *testing.T) {
	keys := keyring.Generate()
	for name, change := range map[string]func(dir string) error{
		"removed": func(dir string) error { return os.Remove(filepath.Join(dir, "head")) },
		"emptied": func(dir string) error { return os.Truncate(filepath.Join(dir, "head"), 0) },
		"altered": func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, "head"))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "head"), bytes.Replace(text, []byte("10\n"), []byte("09\n"), 1), 0o600))
		},
	} {
		dir := t.TempDir()
		written(t, dir, keys)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if got := brokenAt(t, dir, keys); got.File != "head" {
			t.Errorf("head %s: %v", name, got)
		}
		if _, err := audit.Open(settings(dir), keys, nil, slog.New(slog.DiscardHandler)); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("head %s: open: %v", name, err)
		}
	}
}

// TestABrokenEndIsNotContinued: only a torn end, which nobody was told of, is
// cut; an end that was recorded and is wrong keeps the log closed.
func TestABrokenEndIsNotContinued(t *testing.T) {
	keys := keyring.Generate()
	for name, change := range map[string]func(all [][]byte) [][]byte{
		"cut off":   func(all [][]byte) [][]byte { return all[:9] },
		"cut short": func(all [][]byte) [][]byte { all[9] = all[9][:20]; return all },
		"altered":   func(all [][]byte) [][]byte { all[9][20]++; return all },
		"emptied":   func([][]byte) [][]byte { return nil },
		"middle":    func(all [][]byte) [][]byte { return slices.Delete(all, 4, 5) },
	} {
		dir := t.TempDir()
		written(t, dir, keys)
		rewrite(t, filepath.Join(dir, firstFile), change)
		before, _ := os.ReadFile(filepath.Join(dir, firstFile))
		if _, err := audit.Open(settings(dir), keys, nil, slog.New(slog.DiscardHandler)); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("end %s: open: %v", name, err)
		}
		if after, _ := os.ReadFile(filepath.Join(dir, firstFile)); !bytes.Equal(before, after) {
			t.Errorf("end %s: the file was changed", name)
		}
	}
}

func TestATornEndIsCutAndRecorded(t *testing.T) {
	keys := keyring.Generate()
	for name, end := range map[string]string{
		"part of a line": `{"sequence":11,"time":"2026-`,
		"zeros":          string(make([]byte, 5000)),
		"lost pages":     string(make([]byte, 50)) + "\n{\"sequence\":12}\n",
	} {
		dir := t.TempDir()
		written(t, dir, keys)
		rewrite(t, filepath.Join(dir, firstFile), func(all [][]byte) [][]byte { return append(all, []byte(end)) })
		closeLog(t, open(t, dir, keys))
		if report := verified(t, dir, keys); report.Lines != 13 || report.Unfinished != 0 {
			t.Errorf("%s: report %+v, want 13 lines", name, report)
		}
		if n, sum := count(lines(t, dir), audit.Torn); n != 1 || sum != uint64(len(end)) {
			t.Errorf("%s: %d lines tell of %d bytes cut, want %d", name, n, sum, len(end))
		}
	}
}

func TestAnUnfinishedLineIsReported(t *testing.T) {
	dir, keys := t.TempDir(), keyring.Generate()
	written(t, dir, keys)
	rewrite(t, filepath.Join(dir, firstFile), func(all [][]byte) [][]byte { return append(all, []byte(`{"sequence"`)) })
	if report := verified(t, dir, keys); report.Unfinished != 11 || report.Last != 10 {
		t.Errorf("report %+v, want 11 bytes behind line 10", report)
	}
}
