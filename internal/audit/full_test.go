package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/keyring"
)

// smallDisk mounts a file system of 1 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		if os.Getenv("REQUIRE_INTEGRATION") == "1" && os.Geteuid() == 0 {
			t.Fatalf("mount a small disk: %v", err)
		}
		t.Skipf("skipped: a small disk cannot be mounted (%v); run as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount the small disk: %v", err)
		}
	})
	return dir
}

// fill takes all room that is left and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	f.Close()
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestF28_FullDisk: nothing is recorded by half, every Record fails until
// there is room, and then the chain goes on and tells of it.
func TestF28_FullDisk(t *testing.T) {
	disk, keys := smallDisk(t), keyring.Generate()
	dir := filepath.Join(disk, "audit")
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		l, err := audit.Open(settings(dir), keys, nil, slog.New(slog.NewTextHandler(&logged, nil)))
		if err != nil {
			t.Fatal(err)
		}
		free := fill(t, disk)
		recorded, refused := 0, 0
		for refused < 20 {
			switch err := l.Record(t.Context(), audit.Event{Kind: audit.WriteIntended}); {
			case err == nil && refused == 0:
				recorded++ // in the page that was begun
			case errors.Is(err, audit.ErrUnwritable):
				refused++
			default:
				t.Fatalf("record %d on a full disk: %v", recorded+refused, err)
			}
		}
		if !errors.Is(l.Err(), audit.ErrUnwritable) || strings.Count(logged.String(), "level=ERROR") != 1 {
			t.Errorf("Err is %v and the log says %s, want one alarm", l.Err(), logged.String())
		}
		verified(t, dir, keys)
		l.Note(audit.Event{Kind: audit.Guessed})
		time.Sleep(2 * time.Second) // of the bubble's clock: in vain
		synctest.Wait()
		free()
		time.Sleep(2 * time.Second) // of the bubble's clock: nobody needs to try
		synctest.Wait()
		if l.Err() != nil {
			t.Errorf("with room again: %v", l.Err())
		}
		if err := l.Record(t.Context(), audit.Event{Kind: audit.WriteIntended}); err != nil {
			t.Error(err)
		}
		closeLog(t, l)
		all := lines(t, dir)
		intended, _ := count(all, audit.WriteIntended)
		resumed, missed := count(all, audit.Resumed)
		guessed, _ := count(all, audit.Guessed)
		if intended != recorded+1 || resumed != 1 || missed != 20 || guessed != 1 {
			t.Errorf("%d records, %d resumed lines with %d refused, %d notes; want %d, 1 with 20, 1", intended, resumed, missed, guessed, recorded+1)
		}
	})
	if report := verified(t, dir, keys); report.Unfinished != 0 {
		t.Errorf("report %+v", report)
	}
}

// TestF28_NoStartOnAFullDisk: the first line is needed.
func TestF28_NoStartOnAFullDisk(t *testing.T) {
	disk, keys := smallDisk(t), keyring.Generate()
	dir := filepath.Join(disk, "audit")
	closeLog(t, open(t, dir, keys))
	free := fill(t, disk)
	var err error
	for range 20 { // the page that was begun has room for some starts
		var l *audit.Log
		if l, err = audit.Open(settings(dir), keys, nil, slog.New(slog.DiscardHandler)); err != nil {
			break
		}
		_ = l.Close()
	}
	if !errors.Is(err, audit.ErrUnwritable) {
		t.Errorf("open on a full disk: %v", err)
	}
	free()
	closeLog(t, open(t, dir, keys))
	verified(t, dir, keys)
}

// TestNotesAreDroppedWithAWord: strangers cannot fill the memory while the
// disk is full.
func TestNotesAreDroppedWithAWord(t *testing.T) {
	disk, keys := smallDisk(t), keyring.Generate()
	dir := filepath.Join(disk, "audit")
	l := open(t, dir, keys)
	free := fill(t, disk)
	for l.Record(context.Background(), audit.Event{Kind: audit.WriteIntended}) == nil {
	}
	for range 15000 {
		l.Note(audit.Event{Kind: audit.Guessed})
	}
	free()
	// The disk has room for some 2,500 lines: what does not fit stays out whole.
	_ = l.Close()
	report := verified(t, dir, keys)
	if n, sum := count(lines(t, dir), audit.Dropped); n == 0 || sum < 5000 {
		t.Errorf("%d lines tell of %d lost notes, want at least 5000; %+v", n, sum, report)
	}
}
