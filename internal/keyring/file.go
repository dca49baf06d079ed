package keyring

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
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
	if _, err := f.Write(ring.encode()); err != nil {
		return nil, errors.Join(fmt.Errorf("write the keyring: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("write the keyring: %w", err)
	}
	return ring, nil
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
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, nil
}

func (r *Ring) encode() []byte {
	var b bytes.Buffer
	b.WriteString("# Latchkey keyring. Back it up apart from Redis: without it the contacts cannot be read.\n")
	fmt.Fprintf(&b, "index %s\n", base64.StdEncoding.EncodeToString(r.index))
	for _, version := range r.Versions() {
		fmt.Fprintf(&b, "%d %s\n", version, base64.StdEncoding.EncodeToString(r.secrets[version]))
	}
	return b.Bytes()
}

// decode never puts a line's content into an error: it is a key.
func decode(text []byte) (*Ring, error) {
	var index []byte
	secrets := make(map[uint32][]byte)
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for line := 1; scanner.Scan(); line++ {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("line %d: want a version and a key", line)
		}
		key, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil || len(key) != secretSize {
			return nil, fmt.Errorf("line %d: the key is not %d bytes in base64", line, secretSize)
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
		secrets[uint32(version)] = key
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	if index == nil || len(secrets) == 0 {
		return nil, errors.New("not a whole keyring: it needs the index key and at least one version")
	}
	return newRing(index, secrets)
}
