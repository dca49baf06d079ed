package ldapsync_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// ears keep what a follower tells.
type ears struct {
	mu      sync.Mutex
	lines   []audit.Event
	notices []contact.Alteration
}

func (e *ears) Note(line audit.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, line)
}

func (e *ears) Altered(_ context.Context, all []contact.Alteration, _ time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notices = append(e.notices, all...)
	return nil
}

// of returns the lines of a kind.
func (e *ears) of(kind string) []audit.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.lines), func(line audit.Event) bool { return line.Kind != kind })
}

// told returns who was told, and by which contacts.
func (e *ears) told() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make(map[string]string)
	for _, a := range e.notices {
		for _, c := range a.Before {
			all[a.Person] += c.Value + " "
		}
	}
	return all
}

// heard follows with open ears.
func (s *site) heard(t *testing.T) (*ears, *ldapsync.Ledger) {
	t.Helper()
	e, ledger := &ears{}, ldapsync.NewLedger(s.store, s.keys)
	f := s.follower(s.keys)
	f.Audit, f.Notices = e, e
	start(t, f)
	await(t, "in step", func() bool {
		status, err := ledger.Status(t.Context(), "staff")
		return err == nil && !status.FullAt.IsZero()
	})
	await(t, "the line of the pass", func() bool { return len(e.of(audit.ContactsSynced)) > 0 })
	return e, ledger
}

// The audit of a first load is one line; later each person who could be reached
// and has other contacts is named, and those who are there still are told by the
// contacts that they had.
func TestAStreamTellsOfOtherContacts(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowd(300)+testenv.PersonLDIF("none"))
	s.Rules.NoticeLimit = 100
	e, _ := s.heard(t)
	if lines := e.of(audit.ContactsSynced); len(lines) != 1 || lines[0].Outcome != "done" || !strings.Contains(lines[0].Reason, "cards=300 contacts_removed=0") {
		t.Errorf("%+v", lines)
	}
	if n := len(e.of(audit.ContactsChanged)); n != 0 || len(e.told()) != 0 {
		t.Errorf("a first load names %d people and tells %d", n, len(e.told()))
	}
	replaced, gone, emptied, first := s.id(t, "crowd001"), s.id(t, "crowd002"), s.id(t, "crowd003"), s.id(t, "none")
	s.modify(t, fmt.Sprintf("dn: %s\nchangetype: modify\nadd: mobile\nmobile: +4915199999901\n", testenv.PersonDN("none")))
	s.modify(t, fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: mobile\nmobile: +4915199999902\n", testenv.PersonDN("crowd001")))
	s.remove(t, "crowd002")
	s.modify(t, fmt.Sprintf("dn: %s\nchangetype: modify\ndelete: mobile\n-\ndelete: %s\n", testenv.PersonDN("crowd003"), alternate))
	await(t, "three people are named", func() bool { return len(e.of(audit.ContactsChanged)) >= 3 })
	var named []string
	for _, line := range e.of(audit.ContactsChanged) {
		named = append(named, line.Person)
		if line.Reason != "sync" || line.Outcome != "done" || line.Directory != "staff" || line.By != "" {
			t.Errorf("%+v", line)
		}
	}
	if want := []string{replaced, gone, emptied}; !slices.Equal(named, want) {
		t.Errorf("named are %v, want %v and not %s", named, want, first)
	}
	await(t, "two people are told", func() bool { return len(e.told()) == 2 })
	if told := e.told(); told[replaced] != "crowd1@home.example +4915100000001 " || told[emptied] == "" {
		t.Errorf("told were %v", told)
	}
}

// Of a change to very many nobody is told, and the audit is told in sum.
func TestAStreamDoesNotFlood(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.Rules.NoticeLimit, s.Config.MaxRemovals, s.Config.MaxRemovalsPercent = 100, 10_000, 100
	e, f := &ears{}, s.follower(s.keys)
	f.Audit, f.Notices = e, e
	ledger := ldapsync.NewLedger(s.store, s.keys)
	const people, changed = 3000, 2500
	s.passedScript(t, ledger, script{people: people, whole: true})
	f.Source = script{people: people, empty: changed, whole: true}
	start(t, f)
	await(t, "the line of the pass", func() bool { return len(e.of(audit.ContactsSynced)) == 1 })
	if n := len(e.of(audit.ContactsChanged)); n != 1000 || len(e.told()) != 0 {
		t.Errorf("%d people are named, %d are told", n, len(e.told()))
	}
	if line := e.of(audit.ContactsSynced)[0]; !strings.Contains(line.Reason, fmt.Sprintf("contacts_removed=%d", changed)) || !strings.HasSuffix(line.Reason, fmt.Sprintf("unlisted=%d", changed-1000)) {
		t.Errorf("%+v", line)
	}
}

// That removals are held is in the audit, once.
func TestHeldRemovalsAreInTheAudit(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	e, f := &ears{}, s.follower(s.keys)
	f.Audit = e
	ledger := ldapsync.NewLedger(s.store, s.keys)
	s.passedScript(t, ledger, script{people: 100, whole: true})
	f.Source = script{people: 100, empty: 50, whole: true}
	start(t, f)
	await(t, "the line of the pass", func() bool { return len(e.of(audit.ContactsSynced)) == 1 })
	held := e.of(audit.RemovalsHeld)
	if len(held) != 1 || held[0].Reason != "too many people=50 of_people=100 contacts=50 of_contacts=100" {
		t.Errorf("%+v", held)
	}
	if line := e.of(audit.ContactsSynced)[0]; line.Outcome != "held" || len(e.of(audit.ContactsChanged)) != 0 {
		t.Errorf("%+v", line)
	}
}
