package ldapsync_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// S52: more than may be removed is not removed without being asked; additions
// come all the same.
func TestS52_ManyRemovalsStop(t *testing.T) {
	s := newSite(t, crowd(40))
	s.run(t)
	for i := range 3 {
		s.remove(t, fmt.Sprintf("crowd%03d", i))
	}
	s.modify(t, testenv.PersonLDIF("late", "mobile: +4915199999999"))
	stopped := func(contacts, people int) {
		t.Helper()
		before := s.total(t)
		r, err := s.Run(t.Context())
		tooMany, ok := errors.AsType[*ldapsync.TooManyError](err)
		if !ok || tooMany.Contacts != contacts || tooMany.People != people || tooMany.OfPeople != 40 && tooMany.OfPeople != 41 || r.Removed != 0 {
			t.Fatalf("%v, %+v", err, r)
		}
		if got := s.total(t); got < before {
			t.Errorf("%d contacts became %d", before, got)
		}
	}
	stopped(6, 3) // 7.5 %
	s.want(t, s.id(t, "late"), "sync +4915199999999")
	s.Config.MaxRemovalsPercent = 100
	s.Config.MaxRemovals = 5
	stopped(6, 3)
	s.AllowRemovals = 5
	stopped(6, 3)
	s.AllowRemovals = 6
	s.DryRun = true
	if r := s.run(t); r.Missing != 6 || r.Removed != 0 || s.total(t) != 81 {
		t.Errorf("dry run: %+v, %d contacts", r, s.total(t))
	}
	s.DryRun = false
	if r := s.run(t); r.Removed != 6 || s.total(t) != 75 {
		t.Errorf("%+v, %d contacts", r, s.total(t))
	}
}

// S52, F23: a mistake in the filter, the attributes or the rights looks like
// everyone leaving, or like everyone losing their contacts.
func TestF23_AMistakeRemovesNothing(t *testing.T) {
	s := newSite(t, crowd(40))
	s.run(t)
	before := s.digest(t)
	for name, test := range map[string]struct {
		change func(*ldapsync.Syncer)
		want   func(error) bool
	}{
		"nobody":        {func(s *ldapsync.Syncer) { s.Config.Filter = "(uid=none)"; s.AllowRemovals = 1000 }, func(err error) bool { return errors.Is(err, ldapsync.ErrNobody) }},
		"half":          {func(s *ldapsync.Syncer) { s.Config.Filter = "(uid=*0)" }, isTooMany},
		"no attributes": {func(s *ldapsync.Syncer) { s.Config.Email, s.Config.Mobile = []string{"seeAlso"}, nil }, isTooMany},
		"one attribute": {func(s *ldapsync.Syncer) { s.Config.Mobile = []string{"pager"} }, isTooMany},
	} {
		changed := s.Syncer
		test.change(&changed)
		if r, err := changed.Run(t.Context()); !test.want(err) || r.Removed != 0 {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
		if s.digest(t) != before {
			t.Errorf("%s: something was written", name)
		}
	}
}

func isTooMany(err error) bool {
	_, ok := errors.AsType[*ldapsync.TooManyError](err)
	return ok
}

// I10, F20: only a pass that saw everyone removes.
func TestF20_ABrokenPassRemovesNothing(t *testing.T) {
	s := newSite(t, crowd(700))
	s.run(t)
	s.Config.PageSize, s.Config.MaxRemovalsPercent = 100, 100
	s.remove(t, "crowd000")
	s.modify(t, fmt.Sprintf("dn: %s\nchangetype: modify\ndelete: mobile\n", testenv.PersonDN("crowd001")))
	before := s.digest(t)
	proxy := testenv.NewLDAPProxy(t, s.slapd, nil)
	limited, dropped := configFor(s.slapd), configFor(s.slapd)
	limited.BindDN, limited.BindPassword = testenv.PersonDN("alice"), setting.NewSecret(testenv.FirstPassword)
	dropped.Servers = []string{proxy.LDAPSURL}
	for name, test := range map[string]struct {
		source   ldapsync.Lister
		progress func(cancel func())
		want     error
	}{
		"size limit": {openDirectory(t, limited), nil, directory.ErrTruncated},
		"lost connection": {openDirectory(t, dropped), func(func()) {
			proxy.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Drop: true} })
		}, directory.ErrUnavailable},
		"canceled":  {s.people, func(cancel func()) { cancel() }, context.Canceled},
		"hidden id": {hiding{s.people}, nil, ldapsync.ErrIncomplete},
	} {
		syncer := s.Syncer
		ctx, cancel := context.WithCancel(t.Context())
		syncer.Source = test.source
		if test.progress != nil {
			syncer.Progress = func(ldapsync.Progress) { test.progress(cancel) }
		}
		r, err := syncer.Run(ctx)
		cancel()
		if !errors.Is(err, ldapsync.ErrIncomplete) || !errors.Is(err, test.want) || r.Complete || r.Removed != 0 || r.People == 0 {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
		if s.digest(t) != before {
			t.Errorf("%s: something was written", name)
		}
	}
	if r := s.run(t); r.Removed != 3 {
		t.Errorf("the whole pass: %+v", r)
	}
}

// hiding is a directory in which one entry does not show its id.
type hiding struct{ ldapsync.Lister }

func (h hiding) EachPage(ctx context.Context, q directory.Query, f func(directory.Page) error) error {
	return h.Lister.EachPage(ctx, q, func(p directory.Page) error {
		p.Entries[0].ID = directory.ID{}
		return f(p)
	})
}

// A store that goes away ends the run without a word of success, and the next
// run does the rest.
func TestTheStoreGoesAway(t *testing.T) {
	s := newSite(t, crowd(300))
	s.Config.PageSize = 100
	s.Progress = func(p ldapsync.Progress) {
		if p.People == 200 {
			s.redis.Kill()
		}
	}
	if r, err := s.Run(t.Context()); !errors.Is(err, store.ErrUnavailable) || r.Complete {
		t.Fatalf("%v, %+v", err, r)
	}
	if err := s.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Progress = nil
	if r := s.run(t); r.Written == 0 || s.total(t) != 600 {
		t.Errorf("%+v, %d contacts", r, s.total(t))
	}
}

// One card that does not open keeps nobody back and is not overwritten.
func TestUnreadableCardsStay(t *testing.T) {
	s := newSite(t, crowd(40))
	s.run(t)
	keys, err := s.redis.Admin(t.Context(), "KEYS", "latchkey:{c*}:card:*")
	if err != nil {
		t.Fatal(err)
	}
	var key string
	if _, err := fmt.Sscan(keys, &key); err != nil {
		t.Fatal(err)
	}
	if _, err := s.redis.Admin(t.Context(), "SET", key, "broken"); err != nil {
		t.Fatal(err)
	}
	if r := s.run(t); r.Unreadable != 1 || r.Unchanged != r.People-1 {
		t.Errorf("%+v", r)
	}
	if value, err := s.redis.Admin(t.Context(), "GET", key); value != "broken" {
		t.Errorf("%q, %v", value, err)
	}
}

// Somebody else's change between reading and writing is not lost.
func TestAChangeInBetweenStays(t *testing.T) {
	s := newSite(t, testenv.PersonLDIF("dora", "mobile: +4915123456789"))
	dora := s.id(t, "dora")
	s.Cards = racing{s.cards, func() {
		err := s.cards.Put(t.Context(), contact.Card{Directory: "staff", Person: dora, Contacts: []contact.Contact{{Kind: contact.Email, Value: "by@staff.example", Source: contact.Staff}}})
		if err != nil {
			t.Error(err)
		}
	}}
	s.run(t)
	s.want(t, dora, "staff by@staff.example", "sync +4915123456789")
}

// racing is a store in which somebody is faster, once for each batch.
type racing struct {
	*contact.Store
	other func()
}

func (r racing) UpdateAll(ctx context.Context, directory string, persons []string, change func(int, *contact.Card) bool) error {
	first := true
	return r.Store.UpdateAll(ctx, directory, persons, func(i int, c *contact.Card) bool {
		if first {
			first = false
			r.other()
		}
		return change(i, c)
	})
}
