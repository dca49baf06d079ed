package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/config"
	"latchkey/internal/audit"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// The outcomes of what an operator does.
const (
	intended = "intended"
	done     = "done"
	failed   = "failed"
)

const (
	// lockPatience is how long a command waits for another one to write.
	lockPatience = 10 * time.Second
	lockPause    = 20 * time.Millisecond
	// recordEach is after how many lines the journal waits for the disk.
	recordEach = 1000
)

// journal records what operators do by commands: in a chain of its own beside
// that of the server of this machine, which holds its own open. What cannot be
// recorded is not done; only freezing does not wait for it.
type journal struct {
	config audit.Config
	keys   *keyring.Ring
	tail   *audit.Tail
	logger *slog.Logger
	by     string
}

// commandAudit is the audit of the commands on this machine.
func commandAudit(c audit.Config) audit.Config {
	if c.Instance == "" {
		c.Instance, _ = os.Hostname() // without one it is told apart by its directory
	}
	c.Instance = "cli-" + c.Instance
	c.Dir = filepath.Join(c.Dir, "cli")
	return c
}

// newJournal returns the journal of a configuration.
func (a *application) newJournal(c *config.Config, s *store.Store, keys *keyring.Ring) *journal {
	own := commandAudit(c.Audit)
	return &journal{config: own, keys: keys, tail: audit.NewTail(s, keys, own), logger: a.logger, by: operator()}
}

// operator is the system's user who runs the command, also behind sudo.
func operator() string {
	uid := strconv.Itoa(os.Getuid())
	name := "uid " + uid
	if me, err := user.LookupId(uid); err == nil {
		name = me.Username
	}
	if other := os.Getenv("SUDO_USER"); other != "" && other != name {
		return other + " as " + name
	}
	return name
}

// do records an event as intended, acts, and records what came of it. act may
// add to the event.
func (j *journal) do(ctx context.Context, e audit.Event, act func(e *audit.Event) error) (err error) {
	l, err := j.open(ctx)
	if err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	e.By, e.Outcome = j.by, intended
	if err := l.Record(ctx, e); err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	err = act(&e)
	return errors.Join(err, l.Record(context.WithoutCancel(ctx), ended(e, err)))
}

// doLong is do for what may take minutes: other commands can record meanwhile.
// act also returns an event for each person whom it concerned.
func (j *journal) doLong(ctx context.Context, e audit.Event, act func(e *audit.Event) ([]audit.Event, error)) error {
	e.Outcome = intended
	if err := j.record(ctx, e); err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	concerned, err := act(&e)
	return errors.Join(err, j.record(context.WithoutCancel(ctx), append(concerned, ended(e, err))...))
}

func ended(e audit.Event, err error) audit.Event {
	e.Outcome = done
	if err != nil {
		e.Outcome = failed
	}
	return e
}

// record puts events into the chain and returns when they are on the disk.
func (j *journal) record(ctx context.Context, events ...audit.Event) (err error) {
	l, err := j.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for i, e := range events {
		e.By = j.by
		if (i+1)%recordEach != 0 && i != len(events)-1 {
			l.Note(e)
			continue
		}
		if err := l.Record(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// open opens the chain, and waits for another command that has it open.
func (j *journal) open(ctx context.Context) (*audit.Log, error) {
	adopt := adopter(j.config.Dir)
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	tick := time.NewTicker(lockPause)
	defer tick.Stop()
	for {
		l, err := audit.Open(j.config, j.keys, j.tail, j.logger)
		if err == nil {
			return l, adopt()
		}
		if !errors.Is(err, audit.ErrInUse) {
			return nil, errors.Join(err, adopt())
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// adopter returns a function that gives to the service what root makes in a
// directory: all that lies there, and the directories that were missing, to the
// owner of the nearest one that was there.
func adopter(dir string) func() error {
	above := []string{dir}
	var owner unix.Stat_t
	for unix.Stat(above[len(above)-1], &owner) != nil && above[len(above)-1] != filepath.Dir(above[len(above)-1]) {
		above = append(above, filepath.Dir(above[len(above)-1]))
	}
	return func() error {
		if os.Geteuid() != 0 || owner.Uid == 0 {
			return nil
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		for _, path := range append(files, above...) {
			if chown := os.Lchown(path, int(owner.Uid), int(owner.Gid)); !errors.Is(chown, fs.ErrNotExist) {
				err = errors.Join(err, chown)
			}
		}
		return err
	}
}
