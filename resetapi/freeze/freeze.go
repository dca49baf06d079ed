// Package freeze owns the switch that stops self-service for everyone at once.
//
// There are two switches, and either is enough: a record in Redis, which all
// servers see within a second, and a local file, which works while Redis is
// away and without any command: whoever may write there makes it by hand. While
// Redis cannot be asked and the file is not there, nobody can tell: that is an
// error, and whoever asks must not go on.
//
// A freeze stops new recoveries, codes and password writes; it changes nothing
// that is under way in the directory. Lifting it lets recoveries go on that
// have not run out.
package freeze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"latchkey/internal/store"
)

const (
	// rememberFor is how long an answer is given again.
	rememberFor = time.Second
	// patience bounds one question to Redis.
	patience = 2 * time.Second
	// maxReason is how much is read of the file.
	maxReason = 500
	// byFile stands for the name of who froze, where a file did.
	byFile = "freeze_file"
)

// Record tells of a freeze.
type Record struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// ErrUnwritable means that the local file could not be made or removed.
var ErrUnwritable = errors.New("the freeze_file cannot be changed")

// Switch is both switches. Its methods are safe for concurrent use.
type Switch struct {
	store  *store.Store
	file   string
	logger *slog.Logger

	mu    sync.Mutex
	asked time.Time
	last  answer
}

type answer struct {
	record Record
	frozen bool
	err    error
}

// New returns the switch in s and at a path; an empty path means no local file.
func New(s *store.Store, file string, logger *slog.Logger) *Switch {
	return &Switch{store: s, file: file, logger: logger}
}

// Frozen reports whether self-service is frozen, and why. What it says is at
// most a second old. When it fails, nobody knows, and nothing may go on.
func (s *Switch) Frozen(ctx context.Context) (reason string, frozen bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() || time.Since(s.asked) >= rememberFor {
		// The answer is for the others too: it does not depend on who asks.
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		before := s.last.frozen
		s.last.record, s.last.frozen, s.last.err = s.Status(limit)
		s.asked = time.Now()
		s.tell(ctx, before)
	}
	return s.last.record.Reason, s.last.frozen, s.last.err
}

// tell logs a change.
func (s *Switch) tell(ctx context.Context, before bool) {
	switch now := s.last; {
	case now.err != nil || now.frozen == before:
	case now.frozen:
		s.logger.WarnContext(ctx, "self-service is frozen", "since", now.record.At, "by", now.record.By, "reason", now.record.Reason)
	default:
		s.logger.WarnContext(ctx, "self-service is not frozen any more")
	}
}

// Status asks both switches now. The file counts first: it works without Redis.
func (s *Switch) Status(ctx context.Context) (Record, bool, error) {
	record, frozen, err := s.local()
	if frozen || err != nil {
		return record, frozen, err
	}
	return s.load(ctx)
}

// local looks at the file. Whatever stands at the path freezes, readable or not.
func (s *Switch) local() (Record, bool, error) {
	if s.file == "" {
		return Record{}, false, nil
	}
	info, err := os.Stat(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("look for the freeze_file: %w", err)
	}
	record := Record{At: info.ModTime().UTC().Truncate(time.Second), By: byFile}
	if info.Mode().IsRegular() {
		record.Reason = firstLine(s.file)
	}
	return record, true, nil
}

// firstLine is the reason in a file, and nothing where it cannot be read.
func firstLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxReason))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.ToValidUTF8(strings.TrimSpace(line), "")
}

// Freeze stops self-service everywhere. When Redis does not take the record,
// the local file is made instead, where one is configured, and everywhere is
// false: other machines are not frozen.
func (s *Switch) Freeze(ctx context.Context, by, reason string) (everywhere bool, err error) {
	err = s.save(ctx, by, reason)
	if err == nil {
		return true, nil
	}
	if s.file == "" {
		return false, err
	}
	if err := os.WriteFile(s.file, []byte(reason+"\n"), 0o644); err != nil {
		return false, fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	return false, nil
}

// Unfreeze takes both switches back. The local files of other machines stay.
func (s *Switch) Unfreeze(ctx context.Context) error {
	err := s.remove(ctx)
	if s.file != "" {
		if gone := os.Remove(s.file); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("%w: %w", ErrUnwritable, gone))
		}
	}
	return err
}
