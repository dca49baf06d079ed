package ldapsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"latchkey/internal/directory"
)

const (
	syncRequestOID = ldap.ControlTypeSyncRequest
	// syncRefreshRequired is e-syncRefreshRequired (RFC 4533 §2.6).
	syncRefreshRequired = 4096
)

// persist asks for what changed and stays.
func persist(ctx context.Context, f *feed) error {
	f.onlyUsable()
	defer f.watch(ctx, f.Reader)()
	session := &syncSession{feed: f, whole: len(f.from) == 0}
	err := session.run(ctx, ldap.SyncRequestModeRefreshAndPersist)
	if err == nil {
		err = errors.New("the directory ended a search that was to last")
	}
	return err
}

// refresh asks for what changed, again and again.
func refresh(ctx context.Context, f *feed) error {
	f.onlyUsable()
	for {
		session := &syncSession{feed: f, whole: len(f.from) == 0}
		if err := session.run(ctx, ldap.SyncRequestModeRefreshOnly); err != nil {
			return err
		}
		if !session.done {
			return errNoSyncDone
		}
		if err := pause(ctx, f.config.poll(time.Second)); err != nil {
			return err
		}
	}
}

var errNoSyncDone = errors.New("the directory ended a refresh without saying that it is complete")

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// syncSession is one search with the control of RFC 4533.
type syncSession struct {
	*feed
	// whole: there was no cookie, so that the refresh holds everyone, whatever
	// the server calls its phases.
	whole bool
	// inStep: the refresh stage is over.
	inStep bool
	// done: the search ended with the cookie of a complete refresh.
	done bool
	// confirm asks whether all bases are there.
	confirm func() error
}

func (s *syncSession) run(ctx context.Context, mode ldap.ControlSyncRequestMode) error {
	if !s.whole && !s.usable(s.from) {
		return fmt.Errorf("%w: the cookie is not one of this server", ErrCursorLost)
	}
	request, err := s.Request(s.query)
	if err != nil {
		return err
	}
	if err := s.Survey(ctx, s.query); err != nil {
		return err
	}
	s.confirm = func() error { return s.feed.confirm(ctx) }
	request.Controls = []ldap.Control{ldap.NewControlSyncRequest(mode, s.from, false)}
	// Nothing is told before the server has accepted the request: a cookie that it
	// refuses must not begin a pass.
	began := false
	err = s.Stream(ctx, request, func(entry *ldap.Entry, controls []ldap.Control) error {
		if !began {
			began = true
			if err := s.tell(Change{What: Began, Source: s.source, Whole: s.whole}); err != nil {
				return err
			}
		}
		if entry != nil {
			return s.entry(entry, controls)
		}
		for _, control := range controls {
			if err := s.message(control); err != nil {
				return err
			}
		}
		return nil
	})
	answer, ok := errors.AsType[*directory.AnswerError](err)
	// Besides the code that RFC 4533 has for it, servers have others for a cookie
	// that they do not like: slapd says 53 to one that is ahead of it.
	if ok && (answer.Code == syncRefreshRequired || !s.whole && !began) {
		return fmt.Errorf("%w: %w", ErrCursorLost, err)
	}
	return err
}

// usable reports whether a cookie is worth anything. slapd takes one without a
// CSN for none, tells of everyone, and then says that it told of those who are
// gone. 389 Directory Server does not tell what changed since a cookie unless its
// changelog is set up for that, and then it shows no ids: with it, each connection
// begins with everyone.
func (f *feed) usable(cookie []byte) bool {
	if f.IsOpenLDAP() {
		return bytes.Contains(cookie, []byte("csn="))
	}
	return len(cookie) > 0 && !f.Is389()
}

// onlyUsable leaves out cookies that say nothing.
func (f *feed) onlyUsable() {
	tell := f.tell
	f.tell = func(c Change) error {
		if !f.usable(c.Cursor) {
			c.Cursor = nil
		}
		return tell(c)
	}
}

// entry is an entry with its Sync State Control (RFC 4533 §2.3).
func (s *syncSession) entry(found *ldap.Entry, controls []ldap.Control) error {
	state, ok := ldap.FindControl(controls, ldap.ControlTypeSyncState).(*ldap.ControlSyncState)
	if !ok {
		return errors.New("the directory sent an entry without its state")
	}
	id := s.SyncID(state.EntryUUID)
	if !s.Inside(s.query, found.DN) {
		return s.outside(id, state.Cookie)
	}
	switch state.State {
	case ldap.SyncStatePresent:
		return s.tell(Change{What: Present, ID: id, Cursor: state.Cookie})
	case ldap.SyncStateDelete:
		return s.tell(Change{What: Gone, ID: id, Cursor: state.Cookie})
	}
	entry := s.Entry(found, s.query.Attributes)
	if !entry.ID.IsZero() && entry.ID != id {
		return errIdentity
	}
	return s.tell(Change{What: Found, Entry: entry, Cursor: state.Cookie})
}

// outside is an entry below none of several bases. While everyone is told, not to
// name it is enough.
func (s *syncSession) outside(id directory.ID, cookie []byte) error {
	if s.whole && !s.inStep {
		return s.tell(Change{What: Moved, Cursor: cookie})
	}
	return s.tell(Change{What: Gone, ID: id, Cursor: cookie})
}

// message is a Sync Info Message or the Sync Done Control (RFC 4533 §2.4, §2.5).
func (s *syncSession) message(control ldap.Control) error {
	switch c := control.(type) {
	case *ldap.ControlSyncDone:
		s.done = true
		if s.usable(c.Cookie) {
			s.from = c.Cookie
		}
		return s.endPhase(s.whole || !c.RefreshDeletes, true, c.Cookie)
	case *ldap.ControlSyncInfo:
		switch {
		case c.NewCookie != nil:
			return s.tell(Change{What: Moved, Cursor: c.NewCookie.Cookie})
		case c.RefreshDelete != nil:
			return s.endPhase(s.whole, c.RefreshDelete.RefreshDone, c.RefreshDelete.Cookie)
		case c.RefreshPresent != nil:
			return s.endPhase(true, c.RefreshPresent.RefreshDone, c.RefreshPresent.Cookie)
		case c.SyncIdSet != nil:
			return s.set(c.SyncIdSet.SyncUUIDs, c.SyncIdSet.RefreshDeletes, c.SyncIdSet.Cookie)
		}
	}
	return nil
}

// endPhase ends the present phase, or the refresh stage, or both. Outside the
// refresh stage it tells nothing of whom was not named.
func (s *syncSession) endPhase(complete, done bool, cookie []byte) error {
	if s.inStep {
		return s.tell(Change{What: Moved, Cursor: cookie})
	}
	if complete && (done || !s.whole) {
		if err := s.confirm(); err != nil {
			return err
		}
		if err := s.tell(Change{What: Complete}); err != nil {
			return err
		}
	}
	if !done {
		return nil
	}
	s.inStep = true
	return s.tell(Change{What: InStep, Cursor: cookie})
}

// set names many entries that are there, or gone.
func (s *syncSession) set(ids []uuid.UUID, gone bool, cookie []byte) error {
	what := Present
	if gone {
		what = Gone
	}
	for _, id := range ids {
		if err := s.tell(Change{What: what, ID: s.SyncID(id)}); err != nil {
			return err
		}
	}
	if len(cookie) == 0 {
		return nil
	}
	return s.tell(Change{What: Moved, Cursor: cookie})
}
