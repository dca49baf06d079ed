package benchmark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"latchkey/internal/testenv"
)

// site is the servers of one run: a directory that stores passwords by one
// scheme, and Redis.
type site struct {
	dir, program string
	profiler     string
	directory    target
	redis        *testenv.Redis
	inbox        *inbox
	one, two     []*person
}

// openSite starts the servers in dir and prepares the keyring, Redis and the
// contacts.
func openSite(ctx context.Context, dir, program, scheme string) (_ *site, err error) {
	s := &site{dir: dir, program: program}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.one, s.two = everyone()
	if s.directory, err = openTarget(ctx, dir, scheme, s.one, s.two); err != nil {
		return nil, err
	}
	for _, p := range s.everyone() {
		p.dn = s.directory.dn(p.uid)
	}
	if err := os.Mkdir(filepath.Join(dir, "redis"), 0o700); err != nil {
		return nil, err
	}
	if s.redis, err = testenv.StartRedis(ctx, filepath.Join(dir, "redis"), testenv.RedisOptions{Settings: durable}); err != nil {
		return nil, err
	}
	if s.inbox, err = openInbox(ctx, filepath.Join(dir, "inbox")); err != nil {
		return nil, err
	}
	return s, s.prepare(ctx)
}

func (s *site) prepare(ctx context.Context) error {
	for name, text := range map[string]string{
		"bind": s.directory.section().password, "redis.password": s.redis.Password, "people.csv": cards(s.one, s.two),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if _, err := s.configure(1); err != nil {
		return err
	}
	for _, args := range [][]string{{"keys", "init"}, {"store", "init"}, {"contacts", "import", "people.csv"}} {
		if out, err := s.command(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("latchkey %v: %w\n%s", args, err, out)
		}
	}
	return nil
}

func (s *site) close() {
	if s.inbox != nil {
		s.inbox.close()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
	if s.directory != nil {
		s.directory.Stop()
	}
}

func (s *site) everyone() []*person { return slices.Concat(s.one, s.two) }

// errNotFull means that the passwords are not in the state that is promised.
var errNotFull = errors.New("the password history is not full")
