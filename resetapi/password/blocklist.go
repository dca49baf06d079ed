package password

import (
	"bufio"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"unicode/utf8"
)

// MaxBlocked is how many lines of a blocklist are taken; each takes eight bytes
// of memory.
const MaxBlocked = 20_000_000

// blocklist knows passwords by their hashes, under a seed of its own: which of
// two passwords share one cannot be found out from outside, and among ten million
// one in a trillion does by chance.
type blocklist struct {
	seed   maphash.Seed
	hashes []uint64
}

// readBlocklist reads a file with one password a line. What is shorter than
// least characters is refused for that already and takes no place.
func readBlocklist(path string, least int) (*blocklist, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("blocklist_file: %w", err)
	}
	defer f.Close()
	b := &blocklist{seed: maphash.MakeSeed()}
	lines := bufio.NewReaderSize(f, 64<<10)
	for number := 1; ; number++ {
		line, whole, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("blocklist_file: %w", err)
		}
		for partial := whole; partial && err == nil; { // far too long for a password
			_, partial, err = lines.ReadLine()
		}
		switch {
		case whole || len(line) > MaxBytes:
			continue
		case !utf8.Valid(line):
			return nil, fmt.Errorf("blocklist_file: line %d is not UTF-8", number)
		}
		text := fold(string(line))
		if utf8.RuneCountInString(text) < least {
			continue
		}
		if len(b.hashes) == MaxBlocked {
			return nil, fmt.Errorf("blocklist_file: it has more than %d passwords; leave out the rare ones", MaxBlocked)
		}
		b.hashes = append(b.hashes, maphash.String(b.seed, text))
	}
	slices.Sort(b.hashes)
	b.hashes = slices.Clip(slices.Compact(b.hashes))
	return b, nil
}

// has reports whether a password in the form of [fold] is listed.
func (b *blocklist) has(folded string) bool {
	if b == nil {
		return false
	}
	_, found := slices.BinarySearch(b.hashes, maphash.String(b.seed, folded))
	return found
}
