package testenv

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// snapshot is the data of a server that takes seconds to make and a moment to
// copy. It is made once on a machine and kept in the user's cache, under a name
// that changes with the recipe and with the program.
type snapshot struct {
	// name is what the folder's name begins with.
	name string
	// program is the server's file; another release makes another snapshot.
	program string
	// recipe is everything that decides what is in it.
	recipe string
	// build fills an empty folder.
	build func(ctx context.Context, dir string) error
}

// unusedFor is how long a snapshot of another recipe is kept after its last use.
const unusedFor = 7 * 24 * time.Hour

// copyTo copies the snapshot into dir, which must not exist, after making it
// where there is none.
func (s snapshot) copyTo(ctx context.Context, dir string) error {
	source, err := s.ready(ctx)
	if err != nil {
		return err
	}
	return copyFolder(ctx, source, dir)
}

func copyFolder(ctx context.Context, from, to string) error {
	// Times, owners and extended attributes count, and holes should stay holes.
	output, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, output)
	}
	return nil
}

// ready returns the folder of the snapshot.
func (s snapshot) ready(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "latchkey-testenv")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	program, err := os.Stat(s.program)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d\n%s", program.Size(), program.ModTime().Unix(), s.recipe))
	dir := filepath.Join(cache, fmt.Sprintf("%s-%x", s.name, sum[:8]))
	if used(dir) {
		return dir, nil
	}
	lock, err := os.OpenFile(filepath.Join(cache, s.name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if used(dir) { // somebody else has made it in the meantime
		return dir, nil
	}
	forgetUnused(cache)
	return dir, s.create(ctx, cache, dir)
}

// create builds beside and renames, so that whatever has the name is complete.
func (s snapshot) create(ctx context.Context, cache, dir string) error {
	// Not in the cache: a server that has a user of its own may not be able to
	// get there, and the paths of sockets must be short.
	building, err := os.MkdirTemp("", "latchkey-"+s.name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(building)
	if err := os.Chmod(building, 0o711); err != nil {
		return err
	}
	if err := s.build(ctx, filepath.Join(building, "data")); err != nil {
		return fmt.Errorf("make the first %s: %w", s.name, err)
	}
	beside, err := os.MkdirTemp(cache, s.name+"-new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(beside)
	copied := filepath.Join(beside, "data")
	if err := copyFolder(ctx, filepath.Join(building, "data"), copied); err != nil {
		return err
	}
	return os.Rename(copied, dir)
}

// used tells whether the snapshot is there, and keeps it from being forgotten.
func used(dir string) bool {
	now := time.Now()
	return os.Chtimes(dir, now, now) == nil
}

// forgetUnused removes the snapshots of old recipes, and what a build that was
// killed has left.
func forgetUnused(cache string) {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.IsDir() && time.Since(info.ModTime()) > unusedFor {
			_ = os.RemoveAll(filepath.Join(cache, entry.Name()))
		}
	}
}

// throwAway makes a folder for one server that goes with the test. Unlike
// TempDir's it has a short path and other users can pass through it.
func throwAway(tb TB, name string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "latchkey-"+name+"-")
	if err == nil {
		tb.Cleanup(func() {
			if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				tb.Fatalf("remove the folder of %s: %v", name, err)
			}
		})
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		tb.Fatalf("make a folder for %s: %v", name, err)
	}
	return dir
}
