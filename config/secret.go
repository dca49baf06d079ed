package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"

	"latchkey/internal/setting"
)

// maxSecretSize bounds what is read as a secret.
const maxSecretSize = 64 << 10

func decimal(n int) string { return strconv.Itoa(n) }

// readSecrets fills every secret below a place from the file that the key
// beside it, with _file, names.
func (l *loader) readSecrets(v reflect.Value, p path) {
	switch kind(v.Type()) {
	case ofTables:
		for i := range v.Len() {
			l.readSecrets(v.Index(i), p.with(decimal(i)))
		}
	case ofTable:
		for field, value := range v.Fields() {
			key := field.Tag.Get("toml")
			if key == "" {
				continue
			}
			if secret, ok := value.Addr().Interface().(*setting.Secret); ok {
				l.readSecret(secret, v, p.with(key))
				continue
			}
			l.readSecrets(value, p.with(key))
		}
	}
}

func (l *loader) readSecret(secret *setting.Secret, section reflect.Value, p path) {
	fileKey := p[:len(p)-1].with(p[len(p)-1] + "_file")
	if l.faulty[p.String()] {
		l.faulty[fileKey.String()] = true
	}
	named, ok := fieldOf(section, fileKey[len(fileKey)-1])
	if !ok || named.String() == "" {
		return
	}
	at := l.places[fileKey.String()]
	if !secret.IsZero() {
		l.fault(fileKey, at, "is set, and so is "+variableOf(p), "one of the two", "")
		return
	}
	value, err := readSecretFile(named.String())
	if err != nil {
		l.fault(fileKey, at, err.Error(), "the path of a file that only the service can read, with the secret in it", "")
		return
	}
	*secret = setting.NewSecret(value)
}

// readSecretFile returns the content without one line break at the end. Its
// errors read as the end of a sentence about the key and never show content.
func readSecretFile(name string) (string, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("names a file that is not there: %s", name)
	case err != nil:
		return "", fmt.Errorf("cannot be read: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("names something that is not a file: %s", name)
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("names a file that everyone on this machine may open (chmod 600 %s)", name)
	case info.Size() > maxSecretSize:
		return "", fmt.Errorf("names a file larger than %d bytes: %s", maxSecretSize, name)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if strings.TrimSpace(value) == "" {
		return "", fmt.Errorf("names a file with nothing in it: %s", name)
	}
	return value, nil
}
