package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const (
	headName = "head"
	// fileForm names a file by the number of its first line, so that names sort
	// as the lines do.
	fileForm = "audit-%020d.jsonl"
	// maxLine is longer than any line that is written.
	maxLine = 64 << 10
)

// segment is one file of the chain.
type segment struct {
	name  string
	first uint64
}

// segments lists the files of a directory in the order of the chain.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the audit: %w", err)
	}
	var found []segment
	for _, entry := range entries {
		var first uint64
		if _, err := fmt.Sscanf(entry.Name(), fileForm, &first); err == nil && entry.Name() == fmt.Sprintf(fileForm, first) {
			found = append(found, segment{entry.Name(), first})
		}
	}
	slices.SortFunc(found, func(a, b segment) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return found, nil
}

// errTorn means that the last line has no line break.
var errTorn = errors.New("the last line is not whole")

// eachLine calls f with every whole line of a file and returns how many bytes
// they have. It returns errTorn when something that is no whole line follows,
// and stops early with the error of f.
func eachLine(path string, f func(text []byte) error) (size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read the audit: %w", err)
	}
	defer file.Close()
	reader := bufio.NewReaderSize(file, maxLine)
	for {
		text, err := reader.ReadSlice('\n')
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && len(text) == 0:
			return size, nil
		case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
			return size, errTorn
		default:
			return size, fmt.Errorf("read the audit: %w", err)
		}
		if err := f(text[:len(text)-1]); err != nil {
			return size, err
		}
		size += int64(len(text))
	}
}

// syncDir makes names in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readHead returns the head of a directory; ok is false when it is not there
// or was not written with this keyring, and found tells the two apart.
func readHead(dir string, decode func([]byte) (head, bool)) (h head, found, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, headName))
	if errors.Is(err, os.ErrNotExist) {
		return head{}, false, false, nil
	}
	if err != nil {
		return head{}, false, false, fmt.Errorf("read the head of the audit: %w", err)
	}
	h, ok = decode(text)
	return h, len(text) > 0, ok, nil
}
