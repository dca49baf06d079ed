// Package freeze owns the switch that stops self-service: for everyone at once,
// for one channel such as SMS, or for one subtree of a directory.
//
// For everyone there are two switches, and either is enough: a record in Redis, which all
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
	"slices"
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

// Scope is what a freeze stops; the zero Scope is everything.
type Scope struct {
	// Channel is a method by which codes are sent, such as "sms".
	Channel string `json:"channel,omitempty"`
	// Under is the DN of a subtree.
	Under string `json:"under,omitempty"`
}

// Record tells of a freeze.
type Record struct {
	Scope

	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// ErrUnwritable means that the local file could not be made or removed.
var ErrUnwritable = errors.New("the freeze_file cannot be changed")

// Switch is both switches. Its methods are safe for concurrent use.
type Switch struct {
	// Observe is told whether everything is frozen, whenever that was asked; may
	// be nil. Set it before the first use.
	Observe func(frozen bool)

	store  *store.Store
	file   string
	logger *slog.Logger

	mu    sync.Mutex
	asked time.Time
	last  answer
}

type answer struct {
	records []Record
	err     error
}

// all returns the freeze of everything, if there is one.
func (a answer) all() (Record, bool) {
	for _, r := range a.records {
		if r.Scope == (Scope{}) {
			return r, true
		}
	}
	return Record{}, false
}

// New returns the switch in s and at a path; an empty path means no local file.
func New(s *store.Store, file string, logger *slog.Logger) *Switch {
	return &Switch{store: s, file: file, logger: logger}
}

// Frozen reports whether self-service is frozen for everyone, and why. What it
// says is at most a second old. When it fails, nobody knows, and nothing may go on.
func (s *Switch) Frozen(ctx context.Context) (reason string, frozen bool, err error) {
	known := s.ask(ctx)
	record, frozen := known.all()
	return record.Reason, frozen, known.err
}

// FrozenChannel is Frozen for one channel: whether it is frozen by itself.
func (s *Switch) FrozenChannel(ctx context.Context, channel string) (bool, error) {
	known := s.ask(ctx)
	return slices.ContainsFunc(known.records, func(r Record) bool { return r.Channel != "" && r.Channel == channel }), known.err
}

// FrozenSubtrees returns the DNs of the subtrees that are frozen by themselves.
// It fails like Frozen.
func (s *Switch) FrozenSubtrees(ctx context.Context) ([]string, error) {
	known := s.ask(ctx)
	var tops []string
	for _, r := range known.records {
		if r.Under != "" {
			tops = append(tops, r.Under)
		}
	}
	return tops, known.err
}

// ask returns what is known, at most a second old.
func (s *Switch) ask(ctx context.Context) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() || time.Since(s.asked) >= rememberFor {
		// The answer is for the others too: it does not depend on who asks.
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		before := s.last
		s.last.records, s.last.err = s.Status(limit)
		s.asked = time.Now()
		s.tell(ctx, before)
		if _, frozen := s.last.all(); s.Observe != nil && s.last.err == nil {
			s.Observe(frozen)
		}
	}
	return s.last
}

// tell logs a change.
func (s *Switch) tell(ctx context.Context, before answer) {
	was, now := before.scopes(), s.last.scopes()
	if s.last.err != nil || slices.Equal(was, now) {
		return
	}
	if len(now) == 0 {
		s.logger.WarnContext(ctx, "self-service is not frozen any more")
		return
	}
	for _, r := range s.last.records {
		if !slices.Contains(was, r.Scope.name()) {
			s.logger.WarnContext(ctx, "self-service is frozen", "what", r.Scope.kind(), "since", r.At, "by", r.By, "reason", r.Reason)
		}
	}
	if len(now) < len(was) {
		s.logger.WarnContext(ctx, "a part of self-service is not frozen any more", "frozen", len(now))
	}
}

func (a answer) scopes() []string {
	var names []string
	for _, r := range a.records {
		names = append(names, r.Scope.name())
	}
	slices.Sort(names)
	return names
}

// kind is what may be logged of a scope: a DN tells of people.
func (s Scope) kind() string {
	switch {
	case s.Channel != "":
		return s.Channel
	case s.Under != "":
		return "a subtree"
	default:
		return "everything"
	}
}

// Status asks now for all freezes. The file counts first: it works without Redis.
func (s *Switch) Status(ctx context.Context) ([]Record, error) {
	record, frozen, err := s.local()
	if err != nil {
		return nil, err
	}
	if frozen {
		return []Record{record}, nil
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

// Freeze stops self-service on all servers. When Redis does not take the record
// of everything, the local file is made instead, where one is configured, and
// everywhere is false: other machines are not frozen.
func (s *Switch) Freeze(ctx context.Context, what Scope, by, reason string) (everywhere bool, err error) {
	err = s.save(ctx, Record{Scope: what, By: by, Reason: reason})
	if err == nil {
		return true, nil
	}
	if s.file == "" || what != (Scope{}) {
		return false, err
	}
	if err := os.WriteFile(s.file, []byte(reason+"\n"), 0o644); err != nil {
		return false, fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	return false, nil
}

// Unfreeze takes one freeze back, that of everything with the local file; the
// files of other machines stay. It reports whether there was one in Redis.
func (s *Switch) Unfreeze(ctx context.Context, what Scope) (was bool, err error) {
	was, err = s.remove(ctx, what)
	if s.file != "" && what == (Scope{}) {
		gone := os.Remove(s.file)
		if gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("%w: %w", ErrUnwritable, gone))
		}
		was = was || gone == nil
	}
	return was, err
}
