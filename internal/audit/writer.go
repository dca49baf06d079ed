package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// writer appends lines to the current file. One goroutine uses it.
type writer struct {
	dir     string
	maxSize int64
	chain   chain
	// sync makes a file last; tests count it and let it fail.
	sync func(*os.File) error

	head *os.File
	file *os.File
	// size is where the last whole line on the disk ends.
	size int64
	// day is that of the first line of the file; empty for an empty file.
	day string
	// dirty means that bytes may stand behind size.
	dirty bool
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// append writes lines and returns them as they were written when they are on
// the disk. When it fails, none of them is.
func (w *writer) append(lines []Line) ([][]byte, error) {
	if err := w.repair(); err != nil {
		return nil, err
	}
	if err := w.rotate(lines[0].Time); err != nil {
		return nil, err
	}
	next := w.chain
	var all []byte
	texts := make([][]byte, len(lines))
	for i, line := range lines {
		text, err := next.seal(line)
		if err != nil {
			return nil, err
		}
		texts[i] = text
		all = append(append(all, text...), '\n')
	}
	w.dirty = true
	if _, err := w.file.WriteAt(all, w.size); err != nil {
		return nil, errors.Join(fmt.Errorf("write the audit: %w", err), w.repair())
	}
	if err := w.sync(w.file); err != nil {
		return nil, errors.Join(fmt.Errorf("write the audit: %w", err), w.repair())
	}
	w.dirty = false
	if w.size == 0 {
		w.day = dayOf(lines[0].Time)
	}
	w.size += int64(len(all))
	w.chain = next
	return texts, nil
}

// repair cuts off what a failed write may have left. After a failed fsync too:
// the kernel may have dropped the pages that it could not write, and only new
// ones are written again.
func (w *writer) repair() error {
	if !w.dirty {
		return nil
	}
	if err := w.file.Truncate(w.size); err != nil {
		return fmt.Errorf("cut the audit back to its last whole line: %w", err)
	}
	w.dirty = false
	return nil
}

// mark writes the head.
func (w *writer) mark() error {
	h := head{w.chain.sequence, w.chain.hash}
	if _, err := w.head.WriteAt(h.encode(w.chain.keys), 0); err != nil {
		return fmt.Errorf("write the head of the audit: %w", err)
	}
	return nil
}

// rotate begins a new file when the current one is full or of another day.
func (w *writer) rotate(now time.Time) error {
	if w.file != nil && (w.size == 0 || w.size < w.maxSize && w.day == dayOf(now)) {
		return nil
	}
	name := filepath.Join(w.dir, fmt.Sprintf(fileForm, w.chain.sequence+1))
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("begin a file of the audit: %w", err)
	}
	if err := errors.Join(w.head.Sync(), syncDir(w.dir)); err != nil {
		return errors.Join(fmt.Errorf("begin a file of the audit: %w", err), file.Close())
	}
	if w.file != nil {
		_ = w.file.Close() // every line in it is on the disk
	}
	w.file, w.size, w.day, w.dirty = file, 0, "", false
	return nil
}

func (w *writer) close() error {
	var errs []error
	if w.file != nil {
		errs = append(errs, w.repair(), w.file.Close())
	}
	return errors.Join(append(errs, w.head.Sync(), w.head.Close())...)
}
