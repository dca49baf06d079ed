package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"latchkey/internal/directory"
)

// The kinds of sources.
const (
	// Syncrepl is RFC 4533, refreshAndPersist: changes come as they are made.
	Syncrepl = "syncrepl"
	// SyncreplPoll is RFC 4533, refreshOnly: changes are asked for.
	SyncreplPoll = "syncrepl-poll"
	// DirSync is the control of Active Directory: changes are asked for.
	DirSync = "dirsync"
	// USN asks a domain controller for what has a greater uSNChanged.
	USN = "usn"
	// PersistentSearch is draft-ietf-ldapext-psearch: the server tells who changed.
	PersistentSearch = "persistent-search"
	// Poll asks for what was modified lately.
	Poll = "poll"
)

// method is one way to follow a directory.
type method struct {
	name string
	// offered tells from the root DSE whether a server may know it.
	offered func(*directory.Reader) bool
	// chosen tells whether it is taken without being configured.
	chosen func(*directory.Reader) bool
	follow func(context.Context, *feed) error
}

// methods are all of them, the best first.
func (s *Stream) methods() []method {
	return []method{
		// 389 Directory Server can end with a fault while it refreshes; with a
		// persistent search it does not.
		{Syncrepl, offers(syncRequestOID), func(r *directory.Reader) bool { return !r.Is389() }, persist},
		{SyncreplPoll, offers(syncRequestOID), never, refresh},
		{DirSync, offers(dirSyncOID), always, dirSync},
		{USN, offers(dirSyncOID), always, usn},
		{PersistentSearch, offers(psearchOID), always, s.persistentSearch},
		{Poll, always, always, poll},
	}
}

func always(*directory.Reader) bool { return true }
func never(*directory.Reader) bool  { return false }

func offers(control string) func(*directory.Reader) bool {
	return func(r *directory.Reader) bool { return r.Offers(control) }
}

// Sources are the names of all kinds of sources.
func Sources() []string {
	var names []string
	for _, m := range new(Stream).methods() {
		names = append(names, m.name)
	}
	return names
}

var (
	// ErrCursorLost means that the directory cannot tell what changed since a
	// cursor (RFC 4533 §3.8, e-syncRefreshRequired): everything has to be read.
	ErrCursorLost = errors.New("the directory no longer knows what changed since the last time")
	// ErrNoSource means that the directory offers no way to follow it.
	ErrNoSource = errors.New("the directory offers none of the ways to follow it")
	// errIdentity guards against a server whose two names for an entry differ.
	errIdentity = errors.New("the directory names an entry by an id that is not the one it shows in the entry")
)

// Stream follows a directory by the best way that it offers.
type Stream struct {
	People *directory.Directory
	Config Config
	// Rules decide which attributes are read.
	mapping mapping
}

// NewStream returns the source of a section.
func NewStream(people *directory.Directory, c Config) *Stream {
	return &Stream{People: people, Config: c, mapping: mapping{config: c}}
}

// feed is one connection of a stream.
type feed struct {
	*directory.Reader
	config Config
	query  directory.Query
	from   []byte
	source string
	// open makes another connection.
	open func(context.Context) (*directory.Reader, error)
	tell func(Change) error
	// told is set with the first change.
	told bool
}

// Follow is [Source.Follow].
func (s *Stream) Follow(ctx context.Context, from Cursor, tell func(Change) error) error {
	var refusals []error
	for _, m := range s.methods() {
		if s.Config.Source != m.name && s.Config.Source != "" {
			continue
		}
		err := s.by(ctx, m, from, tell)
		if !errors.Is(err, errTryNext) {
			return err
		}
		refusals = append(refusals, err)
	}
	return fmt.Errorf("%w: %w", ErrNoSource, errors.Join(refusals...))
}

// errTryNext: the server does not do this.
var errTryNext = errors.New("not offered")

func (s *Stream) by(ctx context.Context, m method, from Cursor, tell func(Change) error) error {
	r, err := s.People.OpenReader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if !m.offered(r) || s.Config.Source == "" && !m.chosen(r) {
		return fmt.Errorf("%w: %s", errTryNext, m.name)
	}
	f := &feed{
		Reader: r, config: s.Config, source: m.name, open: s.People.OpenReader,
		query: directory.Query{Filter: s.Config.Filter, Bases: s.Config.bases(), Attributes: s.mapping.attributes(), PageSize: s.Config.PageSize},
	}
	f.tell = func(c Change) error { f.told = true; return tell(c) }
	if from.Source == m.name {
		f.from = slices.Clone(from.Value)
	}
	err = m.follow(ctx, f)
	if !f.told && directory.Refused(err) {
		return fmt.Errorf("%w: %s: %w", errTryNext, m.name, err)
	}
	return err
}
