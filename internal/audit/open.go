package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"latchkey/internal/keyring"
)

// Open opens the audit of this instance, makes its directory where there is
// none, and checks the end of the chain. It fails with [ErrBroken] when the end
// does not verify, [ErrInUse], [ErrOtherInstance], or [ErrUnwritable] when its
// first line cannot be written. tail may be nil.
func Open(c Config, keys *keyring.Ring, tail *Tail, logger *slog.Logger) (*Log, error) {
	if c.Instance == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("name this instance of the audit: %w", err)
		}
		c.Instance = clean(name)
	}
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	w := &writer{
		dir: c.Dir, maxSize: int64(c.MaxFileMB) * 1e6, sync: (*os.File).Sync,
		chain: chain{keys: keys, hash: beginning},
	}
	torn, err := w.resume(c.Instance)
	if err != nil {
		if w.head != nil {
			err = errors.Join(err, w.close())
		}
		return nil, err
	}
	l := newLog(c, w, tail, logger)
	if err := l.begin(torn); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return l, nil
}

// resume locks the directory and goes to the end of the chain. It returns how
// many bytes of a torn end it cut off.
func (w *writer) resume(instance string) (torn int64, err error) {
	w.head, err = os.OpenFile(filepath.Join(w.dir, headName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	if err := unix.Flock(int(w.head.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return 0, fmt.Errorf("%s: %w", w.dir, ErrInUse)
	} else if err != nil {
		return 0, fmt.Errorf("lock the audit: %w", err)
	}
	known, found, ok, err := readHead(w.dir, func(text []byte) (head, bool) { return decodeHead(text, w.chain.keys) })
	if err != nil {
		return 0, err
	}
	files, err := segments(w.dir)
	if err != nil {
		return 0, err
	}
	switch {
	case !found && len(files) == 0:
		w.chain.instance = instance
		return 0, errors.Join(w.mark(), w.head.Sync(), syncDir(w.dir))
	case !ok:
		return 0, &BrokenError{File: headName, Problem: headProblem(found)}
	}
	if torn, err = w.findEnd(files, known); err != nil {
		return torn, err
	}
	if w.chain.instance != "" && w.chain.instance != instance {
		return torn, fmt.Errorf("%s: it is of %q and this is %q: %w", w.dir, w.chain.instance, instance, ErrOtherInstance)
	}
	w.chain.instance = instance
	return torn, nil
}

func headProblem(found bool) string {
	if !found {
		return "is missing or empty: nothing tells where the audit ends"
	}
	return "was altered, or was not written with this keyring"
}

// findEnd checks the last file that has lines, with the one line before it,
// and opens the last file.
func (w *writer) findEnd(files []segment, known head) (torn int64, err error) {
	if len(files) == 0 {
		if known.sequence == 0 {
			return 0, nil
		}
		return 0, &BrokenError{File: headName, Problem: fmt.Sprintf("says that there are %d lines, and there is no file", known.sequence)}
	}
	last := len(files) - 1
	from := last
	if info, err := os.Stat(filepath.Join(w.dir, files[last].name)); err == nil && info.Size() == 0 && last > 0 {
		from = last - 1
	}
	if from > 0 {
		if err := w.startFrom(files[from-1], files[from]); err != nil {
			return 0, err
		}
	} else {
		w.chain.sequence = files[from].first - 1
	}
	walk := walk{dir: w.dir, chain: w.chain, head: known, joined: from > 0 || files[0].first == 1}
	for _, file := range files[from:] {
		if err := walk.file(file); err != nil {
			return 0, err
		}
	}
	if err := walk.end(); err != nil {
		return 0, err
	}
	w.chain, w.size, w.day = walk.chain, walk.size, walk.day
	return walk.torn, w.openLast(files[last], walk.torn)
}

// startFrom takes the last line of one file as the place before another.
func (w *writer) startFrom(before, file segment) error {
	var last []byte
	if _, err := eachLine(filepath.Join(w.dir, before.name), func(text []byte) error {
		last = slices.Clone(text)
		return nil
	}); err != nil && !errors.Is(err, errTorn) {
		return err
	}
	w.chain.sequence, w.chain.hash = file.first-1, hashIn(last)
	return nil
}

// hashIn is the hash that a line names; whether it is the line's, the next
// line's check tells.
func hashIn(text []byte) string {
	if len(text) < sealSize {
		return ""
	}
	hash := string(text[len(text)-sealSize+len(hashField):])
	return strings.Clone(hash[:hashSize])
}

// openLast opens the last file for appending and cuts its torn end off.
func (w *writer) openLast(file segment, torn int64) (err error) {
	w.file, err = os.OpenFile(filepath.Join(w.dir, file.name), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	if torn == 0 {
		return nil
	}
	if err := errors.Join(w.file.Truncate(w.size), w.file.Sync()); err != nil {
		return fmt.Errorf("%w: cut its torn end: %w", ErrUnwritable, err)
	}
	return nil
}
