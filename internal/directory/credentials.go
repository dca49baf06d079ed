package directory

import (
	"errors"
	"log/slog"
	"os"
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
	// accepted is what each server took last.
	accepted map[*server]setting.Secret
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
		refused:  make(map[refusedPassword]time.Time),
		accepted: make(map[*server]setting.Secret),
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

// next returns the first password that a server may be asked with now.
func (c *credentials) next(s *server, now time.Time) (setting.Secret, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, source := range c.sources {
		blank := strings.TrimSpace(source.secret.Reveal()) == ""
		if !blank && !now.Before(c.refused[refusedPassword{s, source.secret}]) {
			return source.secret, true
		}
	}
	return setting.Secret{}, false
}

// accept notes with which password a server let us in.
func (c *credentials) accept(s *server, secret setting.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted[s] = secret
}

// refuse keeps a password from a server for a while. Where the server took it
// before, the account's password was changed just now, and what was refused
// because it was too early may be tried.
func (c *credentials) refuse(s *server, secret setting.Secret, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.accepted[s] == secret && !secret.IsZero()
	if changed {
		delete(c.accepted, s)
	}
	for key, until := range c.refused {
		if now.After(until) || changed && key.server == s {
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
