package directory

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/internal/setting"
)

// credentials are the passwords of the service account: the present one and,
// during a rotation, the one before. The files are read again when they
// changed, so that a rotation needs no restart. A password that a server
// refused is not tried there again for [refusalTime], so that our tries do not
// lock the account.
type credentials struct {
	logger *slog.Logger

	mu      sync.Mutex
	sources []secretSource
	refused map[refusedPassword]time.Time
}

type secretSource struct {
	key    string
	file   watchedFile
	secret setting.Secret
}

type refusedPassword struct {
	server *server
	secret setting.Secret
}

func newCredentials(c Config, logger *slog.Logger) *credentials {
	return &credentials{
		logger: logger,
		sources: []secretSource{
			{"bind_password_file", watchedFile{path: c.BindPasswordFile}, c.BindPassword},
			{"bind_password_old_file", watchedFile{path: c.BindPasswordOldFile}, c.BindPasswordOld},
		},
		refused: make(map[refusedPassword]time.Time),
	}
}

// refresh reads files that changed, and reports whether a password is new.
func (c *credentials) refresh() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	renewed := false
	for i := range c.sources {
		source := &c.sources[i]
		if !source.file.changed() {
			continue
		}
		secret, err := readSecret(source.file.path)
		switch {
		case err != nil:
			c.logger.Error(source.key+" changed and cannot be used; the password from before stays in use", "error", err)
		case secret != source.secret:
			source.secret, renewed = secret, true
			c.logger.Info(source.key + " was read again and holds another password")
		}
	}
	return renewed
}

// candidates are the passwords that a server may be asked with now, the present
// one first.
func (c *credentials) candidates(s *server, now time.Time) []setting.Secret {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []setting.Secret
	for _, source := range c.sources {
		blank := strings.TrimSpace(source.secret.Reveal()) == ""
		if blank || slices.Contains(found, source.secret) || now.Before(c.refused[refusedPassword{s, source.secret}]) {
			continue
		}
		found = append(found, source.secret)
	}
	return found
}

// refuse keeps a password from a server for a while.
func (c *credentials) refuse(s *server, secret setting.Secret, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, until := range c.refused {
		if now.After(until) {
			delete(c.refused, key)
		}
	}
	c.refused[refusedPassword{s, secret}] = now.Add(refusalTime)
}

// maxSecretSize bounds what is read as a password.
const maxSecretSize = 64 << 10

// readSecret holds a file to the rules that held when the configuration was
// loaded: closed to everyone else, not blank, one line break at the end aside.
func readSecret(path string) (setting.Secret, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return setting.Secret{}, err
	case info.Mode().Perm()&0o007 != 0:
		return setting.Secret{}, errors.New("everyone on this machine may open it")
	case !info.Mode().IsRegular() || info.Size() > maxSecretSize:
		return setting.Secret{}, errors.New("it is not a file that holds a password")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return setting.Secret{}, err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if strings.TrimSpace(value) == "" {
		return setting.Secret{}, errors.New("it is empty")
	}
	return setting.NewSecret(value), nil
}
