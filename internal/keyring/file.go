package keyring

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is the section [keys].
type Config struct {
	// File is the path of the keyring, written by `latchkey keys init`.
	File string `toml:"file"`
}

// maxFileSize bounds what is read as a keyring: a thousand versions.
const maxFileSize = 64 << 10

var (
	// ErrExists means that a keyring is there already. It is never replaced:
	// everything sealed with it would be lost.
	ErrExists = errors.New("a keyring is there already and is never replaced, because all that was sealed with it would be lost")
	// ErrPermissions means that others than the owner could read the keyring.
	ErrPermissions = errors.New("others than its owner may read the keyring: chmod 600 it")
)

// Create writes a new keyring to a path where nothing is yet.
func Create(path string) (*Ring, error) {
	ring := Generate()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrExists)
	}
	if err != nil {
		return nil, fmt.Errorf("create the keyring: %w", err)
	}
	if err := ring.write(f); err != nil {
		return nil, err
	}
	ring.path = path
	return ring, syncDirectory(path)
}

// write writes the ring to a new file, forces it to the disk and closes it.
func (r *Ring) write(f *os.File) error {
	if _, err := f.Write(r.encode()); err != nil {
		return errors.Join(fmt.Errorf("write the keyring: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	return nil
}

// syncDirectory forces the name of a new file to the disk.
func syncDirectory(path string) error {
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	if err := errors.Join(directory.Sync(), directory.Close()); err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	return nil
}

// Load reads a keyring. A file that is missing, readable by others or not
// whole is an error; a keyring is never made silently.
func Load(path string) (*Ring, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no keyring there; make one with `latchkey keys init`, or restore it from your backup if this store was used before: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrPermissions)
	}
	if info.Size() > maxFileSize {
		return nil, fmt.Errorf("%s: not a keyring: larger than %d bytes", path, maxFileSize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	ring, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; restore the keyring from your backup", path, err)
	}
	ring.path = path
	return ring, nil
}

func (r *Ring) encode() []byte {
	var b bytes.Buffer
	b.WriteString("# Latchkey keyring. Back it up apart from Redis: without it the contacts cannot be read.\n")
	fmt.Fprintf(&b, "index %s\n", base64.StdEncoding.EncodeToString(r.index))
	for _, version := range r.Versions() {
		one := r.content.Load().secrets[version]
		fmt.Fprintf(&b, "%d %s", version, base64.StdEncoding.EncodeToString(one.key))
		if !one.made.IsZero() {
			fmt.Fprintf(&b, " %s", one.made.Format(time.RFC3339))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// decode never puts a line's content into an error: it is a key.
func decode(text []byte) (*Ring, error) {
	var index []byte
	secrets := make(map[uint32]secret)
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for line := 1; scanner.Scan(); line++ {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		key, made, err := decodeKey(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if fields[0] == "index" {
			if index != nil {
				return nil, fmt.Errorf("line %d: a second index key", line)
			}
			index = key
			continue
		}
		version, err := strconv.ParseUint(fields[0], 10, 32)
		if err != nil || version == 0 {
			return nil, fmt.Errorf("line %d: the version is neither a positive number nor index", line)
		}
		if _, twice := secrets[uint32(version)]; twice {
			return nil, fmt.Errorf("line %d: version %d stands twice", line, version)
		}
		secrets[uint32(version)] = secret{key: key, made: made}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	if index == nil || len(secrets) == 0 {
		return nil, errors.New("not a whole keyring: it needs the index key and at least one version")
	}
	return newRing(index, secrets)
}

// decodeKey reads what stands behind the version: the key, and since when it is.
func decodeKey(fields []string) (key []byte, made time.Time, err error) {
	if len(fields) != 2 && len(fields) != 3 {
		return nil, time.Time{}, errors.New("want a version, a key and perhaps a time")
	}
	key, err = base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(key) != secretSize {
		return nil, time.Time{}, fmt.Errorf("the key is not %d bytes in base64", secretSize)
	}
	if len(fields) == 3 {
		if made, err = time.Parse(time.RFC3339, fields[2]); err != nil {
			return nil, time.Time{}, errors.New("the time is not in the form of RFC 3339")
		}
	}
	return key, made, nil
}
