package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func create(t *testing.T) (*Ring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	ring, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return ring, path
}

// TestRotateAddsAVersion: what was sealed before opens, the new version seals,
// and the file is as private as it was.
func TestRotateAddsAVersion(t *testing.T) {
	old, path := create(t)
	sealed := old.Seal(Contacts, []byte("x"), "o")
	next, err := Rotate(path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(next.Versions(), []uint32{1, 2}) || next.Current() != 2 || next.MadeAt(2).IsZero() {
		t.Errorf("versions %v, current %d, made %v", next.Versions(), next.Current(), next.MadeAt(2))
	}
	if _, err := next.Open(Contacts, sealed, "o"); err != nil {
		t.Errorf("what the first version sealed: %v", err)
	}
	if version, _ := Version(next.Seal(Contacts, nil, "o")); version != 2 {
		t.Errorf("version %d seals", version)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestReload: a ring in use takes up a rotation when it is told, and when it
// meets the new version before that.
func TestReload(t *testing.T) {
	for name, learn := range map[string]func(*Ring, []byte) error{
		"told":      func(r *Ring, _ []byte) error { return r.Reload() },
		"by itself": func(r *Ring, sealed []byte) error { _, err := r.Open(Jobs, sealed, "o"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			used, path := create(t)
			next, err := Rotate(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := learn(used, next.Seal(Jobs, nil, "o")); err != nil {
				t.Fatal(err)
			}
			if used.Current() != 2 || !used.CheckMAC(Codes, next.MAC(Codes, "c"), "c") {
				t.Errorf("version %d seals after the rotation", used.Current())
			}
		})
	}
}

// TestBadReloadKeepsTheRing: a broken or another file changes nothing.
func TestBadReloadKeepsTheRing(t *testing.T) {
	used, path := create(t)
	sealed := used.Seal(Jobs, nil, "o")
	other, _ := create(t)
	for name, text := range map[string][]byte{"broken": []byte("1 x\n"), "another": other.encode()} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		err := used.Reload()
		if err == nil || name == "another" && !errors.Is(err, ErrOtherRing) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := used.Open(Jobs, sealed, "o"); err != nil {
			t.Errorf("%s: the ring in use opens nothing any more: %v", name, err)
		}
	}
}

// TestParallelRotations: none is lost.
func TestParallelRotations(t *testing.T) {
	_, path := create(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := Rotate(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if ring, err := Load(path); err != nil || ring.Current() != 9 || len(ring.Versions()) != 9 {
		t.Errorf("after 8 rotations: %v, %v", ring.Versions(), err)
	}
}

func TestRetire(t *testing.T) {
	_, path := create(t)
	if _, err := Retire(path, 1); !errors.Is(err, ErrSeals) {
		t.Errorf("the version that seals: %v", err)
	}
	if _, err := Rotate(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Retire(path, 7); !errors.Is(err, ErrNoVersion) {
		t.Errorf("a version that is not there: %v", err)
	}
	ring, err := Retire(path, 1)
	if err != nil || !slices.Equal(ring.Versions(), []uint32{2}) {
		t.Errorf("retire: %v, %v", ring.Versions(), err)
	}
}

// TestOldFilesHaveNoTimes: a keyring from before times were written loads, and
// a rotation leaves its line as it is.
func TestOldFilesHaveNoTimes(t *testing.T) {
	_, path := create(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var old []byte
	for line := range bytes.Lines(text) {
		if fields := strings.Fields(string(line)); len(fields) == 3 && fields[0] == "1" {
			line = []byte(fields[0] + " " + fields[1] + "\n")
		}
		old = append(old, line...)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := Rotate(path)
	if err != nil || !ring.MadeAt(1).IsZero() || ring.MadeAt(2).IsZero() {
		t.Fatalf("rotate: %v", err)
	}
	if now, _ := os.ReadFile(path); !bytes.HasPrefix(now, old) {
		t.Error("the old lines changed")
	}
}
