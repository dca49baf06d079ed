package writeback_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/contact"
	"latchkey/ldapsync/writeback"
)

// What is set is in the directory, and what is not Latchkey's stays, on every
// kind of server.
func TestWriteBack(t *testing.T) {
	for name, on := range map[string]func(testing.TB) *ground{
		"openldap": func(t testing.TB) *ground { g, _ := onOpenLDAP(t); return g },
		"ds389":    on389,
		"samba":    onSamba,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, on(t))
			alice, bob := s.id(t, "alice"), s.id(t, "bob")
			halt := s.run(t)
			s.addAndRemove(t, alice)
			s.leaveOthers(t, bob)
			s.refusals(t, halt, alice)
			s.examined(t, alice)
			s.wantNoValues(t)
		})
	}
}

func (s *site) addAndRemove(t *testing.T, alice string) {
	t.Helper()
	const x, y, n = "x@home.example", "y@home.example", "+491701234567"
	s.set(t, alice, contact.Registered, x, y, n)
	s.want(t, "registered", "alice", s.email, x, y)
	s.want(t, "registered", "alice", s.mobile, n)
	s.set(t, alice, contact.Staff, "staff@home.example")
	s.set(t, alice, contact.Registered, y)
	s.want(t, "one less", "alice", s.email, y)
	s.want(t, "one less", "alice", s.mobile)
	s.set(t, alice, contact.Registered, y, n)
	s.want(t, "taken away and given again", "alice", s.mobile, n)
	// Renamed, it is the same person.
	if err := s.modify(t.Context(), fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: %s\ndeleteoldrdn: 1\n", s.dn("alice"), first(s.dn("alicia")))); err != nil {
		t.Fatal(err)
	}
	s.set(t, alice, contact.Registered, x)
	s.want(t, "renamed", "alicia", s.email, x)
	if err := s.modify(t.Context(), fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: %s\ndeleteoldrdn: 1\n", s.dn("alicia"), first(s.dn("alice")))); err != nil {
		t.Fatal(err)
	}
	// The card goes, and so does what was written from it.
	if err := s.cards.Delete(t.Context(), "staff", alice); err != nil {
		t.Fatal(err)
	}
	s.want(t, "deleted", "alice", s.email)
	if _, err := s.cards.Get(t.Context(), "staff", alice); !errors.Is(err, contact.ErrNoCard) {
		t.Errorf("the card is there still: %v", err)
	}
}

func first(dn string) string {
	rdn, _, _ := strings.Cut(dn, ",")
	return rdn
}

// leaveOthers: what others wrote is not written twice, not taken away and not
// replaced.
func (s *site) leaveOthers(t *testing.T, bob string) {
	t.Helper()
	const n, spelled = "+493012345678", "+49 30 12345678"
	s.others(t, "bob", "add", s.mobile, spelled)
	s.others(t, "bob", "add", s.email, "theirs@home.example")
	s.set(t, bob, contact.Registered, n, "ours@home.example")
	s.want(t, "beside others", "bob", s.email, "ours@home.example", "theirs@home.example")
	s.quiet(t)
	s.want(t, "in another spelling", "bob", s.mobile, spelled)
	s.set(t, bob, contact.Registered)
	s.want(t, "ours is gone", "bob", s.email, "theirs@home.example")
	s.quiet(t)
	s.want(t, "theirs stays", "bob", s.mobile, spelled)
	// Somebody took ours away and put it back in their own way: it is theirs.
	s.set(t, bob, contact.Registered, "+491709876543")
	s.want(t, "beside", "bob", s.mobile, spelled, "+491709876543")
	s.others(t, "bob", "replace", s.mobile, "+49 170 9876543")
	s.set(t, bob, contact.Registered)
	s.quiet(t)
	s.want(t, "rewritten by others", "bob", s.mobile, "+49 170 9876543")
	s.others(t, "bob", "delete", s.email)
	s.others(t, "bob", "delete", s.mobile)
}

// refusals are told by attribute and reason, and end when the cause does.
func (s *site) refusals(t *testing.T, halt func(), alice string) {
	t.Helper()
	s.quiet(t)
	halt()
	before := s.Config
	defer func() { s.Config = before }()
	s.Mobile = s.single
	halt = s.run(t)
	s.others(t, "alice", "add", s.single, "+49 170 1111111")
	s.set(t, alice, contact.Registered, "+491702222222")
	s.wantRefused(t, "another value is there", alice, s.single+" "+writeback.ReasonTaken)
	s.want(t, "not overwritten", "alice", s.single, "+49 170 1111111")
	s.quiet(t) // the walk of the beginning may have had it looked at twice
	if states := s.written(t, alice); slices.ContainsFunc(states, func(state string) bool { return strings.HasSuffix(state, "+491702222222") }) {
		t.Errorf("what was refused is taken for ours: %q", states)
	}
	s.others(t, "alice", "delete", s.single)
	s.set(t, alice, contact.Registered, "+491702222222")
	s.want(t, "free now", "alice", s.single, "+491702222222")
	s.wantRefused(t, "free now", alice)
	// One of ours makes room for the next one.
	s.set(t, alice, contact.Registered, "+491703333333")
	s.want(t, "replaced by ours", "alice", s.single, "+491703333333")
	s.set(t, alice, contact.Registered)
	s.want(t, "none", "alice", s.single)
	s.quiet(t) // what a stop cuts short has another end in the audit
	halt()

	s.Mobile = s.forbidden
	halt = s.run(t)
	defer halt()
	s.set(t, alice, contact.Registered, "+491702222222", "z@home.example")
	s.wantRefused(t, "without the right", alice, s.forbidden+" "+writeback.ReasonRights)
	s.want(t, "the other is written", "alice", s.email, "z@home.example")
	s.want(t, "without the right", "alice", s.forbidden)
	s.set(t, alice, contact.Registered)
	s.want(t, "none", "alice", s.email)
	s.wantRefused(t, "nothing wanted", alice)
	s.quiet(t)
	if s.journal.count("intended") != s.journal.count("added")+s.journal.count("removed")+s.journal.count("refused") {
		t.Errorf("the audit: %+v", s.journal.events)
	}
}

// wantNoValues: no value is in a log, an event or a refusal.
func (s *site) wantNoValues(t *testing.T) {
	t.Helper()
	all, err := s.ledger.Refusals(t.Context(), "staff")
	if err != nil {
		t.Fatal(err)
	}
	text := s.logs.text.String() + fmt.Sprint(s.journal.events, all)
	for _, secret := range []string{"home.example", "+49", identityPassword} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is told:\n%s", secret, text)
		}
	}
}
