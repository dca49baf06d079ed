package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrOtherRing means that the file holds another keyring than before.
	ErrOtherRing = errors.New("the file holds another keyring than the one in use")
	// ErrNoVersion means that a keyring has no such version.
	ErrNoVersion = errors.New("the keyring has no such version; `latchkey keys status` lists them")
	// ErrSeals means that a version cannot go because new values are sealed with it.
	ErrSeals = errors.New("this version seals what is new: run `latchkey keys rotate` and `latchkey keys reencrypt` first")
)

// rereadAfter is the least time between two readings of the file because of a
// version that is missing; whoever invents versions makes no more work than that.
const rereadAfter = time.Second

// Reload reads the ring's file again. When that fails, or when the file holds
// another keyring, the ring stays as it is.
func (r *Ring) Reload() error {
	if r.path == "" {
		return nil
	}
	loaded, err := Load(r.path)
	if err != nil {
		return err
	}
	if !bytes.Equal(loaded.index, r.index) {
		return fmt.Errorf("%s: %w", r.path, ErrOtherRing)
	}
	r.content.Store(loaded.content.Load())
	return nil
}

// find returns the keys of a version. One that is missing may have been added
// by a rotation which this process was not told of yet.
func (r *Ring) find(version uint32, purpose Purpose) (derivedKeys, bool) {
	keys, ok := r.content.Load().derived[derivedID{version, purpose}]
	if ok || r.path == "" {
		return keys, ok
	}
	now, last := time.Now().UnixNano(), r.looked.Load()
	if now-last < int64(rereadAfter) || !r.looked.CompareAndSwap(last, now) {
		return keys, false
	}
	if err := r.Reload(); err != nil {
		return keys, false
	}
	keys, ok = r.content.Load().derived[derivedID{version, purpose}]
	return keys, ok
}

// Rotate adds a version to the keyring at path, which seals from then on in
// every process that has loaded it. The older ones stay.
func Rotate(path string) (*Ring, error) {
	return rewrite(path, func(old *content) (map[uint32]secret, error) {
		secrets := maps.Clone(old.secrets)
		secrets[old.current+1] = newSecret()
		return secrets, nil
	})
}

// Retire removes a version from the keyring at path. Whatever is still sealed
// with it can never be opened again.
func Retire(path string, version uint32) (*Ring, error) {
	return rewrite(path, func(old *content) (map[uint32]secret, error) {
		if _, ok := old.secrets[version]; !ok {
			return nil, ErrNoVersion
		}
		if version == old.current {
			return nil, ErrSeals
		}
		secrets := maps.Clone(old.secrets)
		delete(secrets, version)
		return secrets, nil
	})
}

// rewrite replaces the file in one step: at every moment there is either the
// old keyring or the new one, whole, at the path. The directory is locked
// meanwhile, so that no change of another process is lost.
func rewrite(path string, change func(*content) (map[uint32]secret, error)) (_ *Ring, err error) {
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	lock, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("lock the keyring: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock the keyring: %w", err)
	}
	old, err := Load(path)
	if err != nil {
		return nil, err
	}
	secrets, err := change(old.content.Load())
	if err != nil {
		return nil, err
	}
	ring, err := newRing(old.index, secrets)
	if err != nil {
		return nil, err
	}
	ring.path = path
	return ring, ring.replace()
}

func (r *Ring) replace() error {
	f, err := os.CreateTemp(filepath.Dir(r.path), ".keyring-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	defer os.Remove(f.Name())
	if err := keepOwner(f, r.path); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := r.write(f); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), r.path); err != nil {
		return fmt.Errorf("replace the keyring: %w", err)
	}
	return syncDirectory(r.path)
}

// keepOwner lets the service read what root rotated.
func keepOwner(f *os.File, path string) error {
	var old unix.Stat_t
	if err := unix.Stat(path, &old); err != nil {
		return fmt.Errorf("read the keyring's owner: %w", err)
	}
	if int(old.Uid) == os.Geteuid() {
		return nil
	}
	if err := f.Chown(int(old.Uid), int(old.Gid)); err != nil {
		return fmt.Errorf("give the keyring to the owner of the old one: %w", err)
	}
	return nil
}
