package testenv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestSnapshotIsMadeOnce: however many ask at once; one that could not be made
// is made again, and another recipe is another snapshot.
func TestSnapshotIsMadeOnce(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var made atomic.Int32
	fails := errors.New("the first one fails")
	s := snapshot{name: "thing", program: program, recipe: "one", build: func(_ context.Context, dir string) error {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if made.Add(1) == 1 {
			return fails
		}
		return os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600)
	}}
	ctx, dir := t.Context(), t.TempDir()
	if err := s.copyTo(ctx, filepath.Join(dir, "first")); !errors.Is(err, fails) {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		running.Go(func() {
			if err := s.copyTo(ctx, filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(filepath.Join(dir, name, "file")); string(text) != "content" {
				t.Errorf("copied %q, %v", text, err)
			}
		})
	}
	running.Wait()
	if n := made.Load(); n != 2 {
		t.Errorf("made %d times, want once after the failure", n)
	}
	s.recipe = "two"
	if err := s.copyTo(ctx, filepath.Join(dir, "other")); err != nil || made.Load() != 3 {
		t.Errorf("another recipe: made %d times, %v", made.Load(), err)
	}
}

// TestLoopbackAddressesAreGivenOnce: as ports are.
func TestLoopbackAddressesAreGivenOnce(t *testing.T) {
	given := map[string]bool{}
	for range 20 {
		ip, err := FreeLoopback(firstPort)
		if err != nil || given[ip.String()] || !ip.IsLoopback() {
			t.Fatalf("address %v, %v", ip, err)
		}
		given[ip.String()] = true
		if reserve(filepath.Join(os.TempDir(), "latchkey-ports", ip.String())) {
			t.Errorf("the address %v can be had twice", ip)
		}
	}
}
