package ldapsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/setting"
	"latchkey/ldapsync"
)

// crowdOf adds so many people with a number and an address each.
func (f *followed) crowdOf(t testing.TB, n int) {
	t.Helper()
	var ldif strings.Builder
	for i := range n {
		ldif.WriteString(f.person(fmt.Sprintf("p%d", i), f.staff, fmt.Sprintf("%s: +49151%08d", f.mobile, i), fmt.Sprintf("%s: p%d@home.example", f.email, i)))
	}
	f.do(t, ldif.String())
}

func (f *followed) removeMany(t testing.TB, from, to int) {
	t.Helper()
	var ldif strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&ldif, "dn: %s\nchangetype: delete\n\n", f.dn(fmt.Sprintf("p%d", i), f.staff))
	}
	f.do(t, ldif.String())
}

// waits waits until the follower asks.
func (f *followed) waits(t testing.TB, reason string) ldapsync.Waiting {
	t.Helper()
	var status ldapsync.Status
	await(t, "the follower asks", func() bool {
		var err error
		status, err = f.ledger.Status(context.Background(), "staff")
		return err == nil && status.Waiting != nil
	})
	if status.Waiting.Reason != reason {
		t.Errorf("it waits for %q", status.Waiting.Reason)
	}
	return *status.Waiting
}

// passed waits for the next whole pass.
func (f *followed) passed(t testing.TB, since time.Time) {
	t.Helper()
	await(t, "a whole pass", func() bool {
		status, err := f.ledger.Status(context.Background(), "staff")
		return err == nil && status.FullAt.After(since) && !status.InStepAt.Before(status.FullAt)
	})
}

// behind begins when its turn is free.
type behind struct {
	ldapsync.Source
	turn chan struct{}
}

func (b behind) Follow(ctx context.Context, from ldapsync.Cursor, tell func(ldapsync.Change) error) error {
	select {
	case b.turn <- struct{}{}:
		<-b.turn
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return b.Source.Follow(ctx, from, tell)
}

// S52: more deletions than may be are not carried out before they are approved,
// and then no more than that; everything else goes on.
func TestS52_AFollowerStopsAndAsks(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	const people = 100
	f.crowdOf(t, people)
	// Everyone is read anew when all are deleted, and not between the first of them
	// and the last.
	turn := make(chan struct{}, 1)
	follower := f.follower()
	follower.Source = behind{follower.Source, turn}
	f.halt = start(t, follower)
	f.equal(t, "the first load")
	turn <- struct{}{}
	f.removeMany(t, 0, 40)
	<-turn
	w := f.waits(t, ldapsync.TooMany)
	left := len(f.found(t))
	if left < people-10 || left == people-40 || w.People+people-left != 40 || w.OfPeople != left || w.Contacts != 2*w.People {
		t.Fatalf("%d people are left; %+v", left, w)
	}
	f.change(t, "p50", f.staff, fmt.Sprintf("replace: %s\n%[1]s: +4915199999999\n", f.mobile))
	await(t, "a change comes all the same", func() bool {
		return strings.Contains(fmt.Sprint(f.found(t)), "+4915199999999")
	})
	f.removeMany(t, 40, 41)
	if len(f.found(t)) != left {
		t.Error("somebody else was removed meanwhile")
	}
	// What was approved is less than what is gone by now: it asks again.
	before := time.Now()
	if _, err := f.ledger.Approve(t.Context(), "staff"); err != nil {
		t.Fatal(err)
	}
	f.passed(t, before)
	if w = f.waits(t, ldapsync.TooMany); w.People+people-left != 41 || len(f.found(t)) != left {
		t.Errorf("%+v, %d people are left", w, len(f.found(t)))
	}
	if _, err := f.ledger.Approve(t.Context(), "staff"); err != nil {
		t.Fatal(err)
	}
	f.equal(t, "what was approved")
	await(t, "it waits no longer", func() bool { return f.status(t).Waiting == nil })
	if _, err := f.ledger.Approve(t.Context(), "staff"); !errors.Is(err, ldapsync.ErrNothingWaits) {
		t.Errorf("nothing to approve: %v", err)
	}
	// An approval is used up.
	f.removeMany(t, 45, 50)
	f.removeMany(t, 51, 70)
	f.waits(t, ldapsync.TooMany)
}

// S52, F23: a mistake in the filter, the attributes or the rights looks like
// everyone leaving, or like everyone losing their contacts.
func TestF23_AFollowerRemovesNothingByMistake(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), "")
	f.crowdOf(t, 100)
	f.run(t)
	f.equal(t, "the first load")
	before := fmt.Sprint(f.found(t))
	good := f.Config
	for name, test := range map[string]struct {
		change func()
		reason string
	}{
		"nobody":        {func() { f.Filter = "(uid=none)" }, ldapsync.Nobody},
		"40 percent":    {func() { f.Filter = "(|(uid=*0)(uid=*1)(uid=*2)(uid=*3))" }, ldapsync.TooMany},
		"no attributes": {func() { f.Email, f.Mobile = []string{"seeAlso"}, nil }, ldapsync.TooMany},
		"one attribute": {func() { f.Mobile = []string{"pager"} }, ldapsync.TooMany},
	} {
		f.halt()
		f.Config = good
		test.change()
		f.run(t)
		f.waits(t, test.reason)
		if fmt.Sprint(f.found(t)) != before {
			t.Errorf("%s: contacts changed", name)
		}
		if _, err := f.ledger.Approve(t.Context(), "staff"); test.reason == ldapsync.Nobody && !errors.Is(err, ldapsync.ErrNothingWaits) {
			t.Errorf("nobody was approved: %v", err)
		}
		// Put right, it waits no longer.
		f.halt()
		f.Config = good
		if err := f.store.HDel(t.Context(), f.ledger.FollowState("staff"), "approval").Err(); err != nil {
			t.Fatal(err)
		}
		f.run(t)
		await(t, "it waits no longer", func() bool { return f.status(t).Waiting == nil })
	}
	f.equal(t, "all mistakes")
}

// broken breaks off after so many changes.
type broken struct {
	ldapsync.Source
	after int
}

var errBroken = errors.New("the stream broke")

func (b *broken) Follow(ctx context.Context, from ldapsync.Cursor, tell func(ldapsync.Change) error) error {
	n := 0
	return b.Source.Follow(ctx, from, func(c ldapsync.Change) error {
		if n++; n > b.after {
			return errBroken
		}
		return tell(c)
	})
}

// F20, F21: whom a stream did not name before it broke is not gone, neither when
// everything is told nor when it is told who is present.
func TestF21_ABrokenStreamRemovesNothing(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.MaxRemovalsPercent = 100
	f.crowdOf(t, 60)
	f.run(t)
	f.equal(t, "the first load")
	f.passed(t, time.Time{}) // the cursor comes last
	for _, lose := range []bool{false, true} {
		f.halt()
		before := len(f.found(t))
		n := 1
		if lose {
			n = 2
			if err := f.store.HDel(t.Context(), f.ledger.FollowState("staff"), "cursor").Err(); err != nil {
				t.Fatal(err)
			}
		}
		f.ground.remove(t, fmt.Sprintf("p%d", n), f.staff)
		// Without the log of its sessions slapd tells who is present.
		f.ground.stop()
		if err := f.ground.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		breaking := f.follower()
		breaking.Source = &broken{breaking.Source, 30}
		counts := f.status(t).Counts
		stop := start(t, breaking)
		await(t, "it broke several times", func() bool {
			now := f.status(t).Counts
			return now.Present+now.Found-counts.Present-counts.Found >= 60
		})
		stop()
		if now := f.status(t).Counts; !lose && now.Present == counts.Present {
			t.Error("nobody was told to be present: the test tests nothing")
		}
		if got := len(f.found(t)); got != before {
			t.Errorf("%d people became %d", before, got)
		}
		f.run(t)
		f.equal(t, "a stream that lasts")
	}
}

// S51, F19: the key is the permanent id. Two people who swap their logins keep
// their contacts, and one who is made anew begins with none.
func TestF19_LoginsMoveAndContactsDoNot(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	f.run(t)
	f.equal(t, "the first load")
	before := f.found(t)
	f.move(t, "p1", f.staff, "swap", f.staff)
	f.move(t, "p2", f.staff, "p1", f.staff)
	f.move(t, "swap", f.staff, "p2", f.staff)
	f.equal(t, "swapped logins")
	for id, contacts := range before {
		if now := f.found(t)[id]; fmt.Sprint(now) != fmt.Sprint(contacts) {
			t.Errorf("%s has %v, before %v", id, now, contacts)
		}
	}
	f.do(t, fmt.Sprintf("dn: %s\nchangetype: delete\n%s", f.dn("p3", f.staff), f.person("p3", f.staff)))
	await(t, "the old one is gone", func() bool { return len(f.found(t)) == len(before)-1 })
	f.equal(t, "made anew")
}

// I10, S48: what others entered stays whatever the directory says, comes first
// where that is configured, and always before what nobody verified.
func TestWhatOthersEnteredStays(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	f.crowdOf(t, 30)
	f.run(t)
	f.equal(t, "the first load")
	var person string
	for id, contacts := range f.found(t) {
		if contacts[1] == "p1@home.example" {
			person = id
		}
	}
	const own = "own@elsewhere.example"
	if err := f.cards.Update(t.Context(), "staff", person, func(c *contact.Card) error {
		c.Contacts = append(c.Contacts, contact.Contact{Kind: contact.Email, Value: own, Source: contact.Staff})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	card := func() contact.Card {
		card, err := f.cards.Get(t.Context(), "staff", person)
		if err != nil && !errors.Is(err, contact.ErrNoCard) {
			t.Fatal(err)
		}
		return card
	}
	for _, test := range []struct {
		name           string
		change         func()
		email, mobiles int
	}{
		{"unverified numbers", func() { f.Unverified = []string{f.mobile} }, 2, 0},
		{"others first", func() { f.Unverified, f.Precedence = nil, ldapsync.PrecedenceOthers }, 1, 1},
		{"unverified addresses", func() { f.Unverified, f.Precedence = []string{f.email}, ldapsync.PrecedenceAll }, 1, 1},
	} {
		f.halt()
		test.change()
		before := time.Now()
		f.run(t)
		f.passed(t, before)
		if c := card(); len(c.Of(contact.Email, time.Now())) != test.email || len(c.Of(contact.Mobile, time.Now())) != test.mobiles || c.Of(contact.Email, time.Now())[0].Value != own {
			t.Errorf("%s: %+v", test.name, c.Contacts)
		}
	}
	if c := card(); len(c.Contacts) != 2 {
		t.Errorf("%+v", c.Contacts)
	}
	f.ground.remove(t, "p1", f.staff)
	await(t, "what came from the directory is gone", func() bool { return !card().Has(contact.Synced) })
	if c := card(); len(c.Contacts) != 1 || c.Contacts[0].Value != own {
		t.Errorf("%+v", c.Contacts)
	}
}

// Values from hell are rejected one by one and told without the value; once they
// are put right, they are forgotten.
func TestRejectedValuesAreKept(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onOpenLDAP(t), ldapsync.Syncrepl)
	bad := map[string]string{
		"nationalform": "0151 23456789", "extension": "+4915123456789;ext=7", "letters": "+49151CALLME", "control": "+49\x07151", "invalid": "\xff\xfe",
		"verylong": strings.Repeat("9", 10_000),
	}
	var ldif strings.Builder
	// An attribute that takes any bytes.
	const anything = "audio"
	f.Email = append(f.Email, anything)
	for login, value := range bad {
		attribute := f.email
		if login == "invalid" {
			attribute = anything
		}
		ldif.WriteString(f.person(login, f.staff, line(attribute, value)))
	}
	ldif.WriteString(f.person("two", f.staff, line(f.email, "a@home.example, b@home.example"), f.mobile+": +4915100000000"))
	f.do(t, ldif.String())
	f.run(t)
	rejections := func() (all []ldapsync.Rejection) {
		if err := f.ledger.Rejections(t.Context(), "staff", func(r ldapsync.Rejection) error { all = append(all, r); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	await(t, "all are told", func() bool { return len(rejections()) == len(bad)+1 })
	f.equal(t, "bad values")
	for _, r := range rejections() {
		if !strings.HasPrefix(r.Person, "entryUUID:") || r.Attribute != f.email && r.Attribute != anything || r.Reason == "" || strings.Contains(r.Reason, "home.example") {
			t.Errorf("%+v", r)
		}
	}
	f.change(t, "two", f.staff, fmt.Sprintf("replace: %s\n%[1]s: a@home.example\n", f.email))
	f.ground.remove(t, "verylong", f.staff)
	await(t, "they are forgotten", func() bool { return len(rejections()) == len(bad)-1 })
	f.equal(t, "good values")
}

// F22: uSNChanged counts in one database of one domain controller only, and an
// attribute of which a domain controller gives out a part is not empty.
func TestF22_AnotherDatabaseMeansEverything(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, onSamba(t), ldapsync.USN)
	f.ReconcileEvery = setting.Duration(time.Hour)
	f.crowdOf(t, 30)
	f.run(t)
	f.equal(t, "the first load")
	for n, change := range []func(place map[string]any){
		func(place map[string]any) { place["invocation"] = "00" },
		func(place map[string]any) { place["controller"] = "CN=NTDS Settings,CN=OTHER" },
		func(place map[string]any) { place["usn"] = 1 << 40 }, // restored from an old backup
	} {
		f.halt()
		f.ground.remove(t, fmt.Sprintf("p%d", n), f.staff)
		cookie := f.setCookie(t, func(cookie string) string {
			var place map[string]any
			if err := json.Unmarshal([]byte(cookie), &place); err != nil {
				t.Fatal(err)
			}
			change(place)
			text, err := json.Marshal(place)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		})
		before := time.Now()
		f.run(t)
		f.passed(t, before)
		f.equal(t, cookie)
	}
	var values strings.Builder
	const many = 1600
	for n := range many {
		fmt.Fprintf(&values, "%s: v%d@home.example\n", f.email, n)
	}
	f.do(t, f.person("many", f.staff, strings.TrimSuffix(values.String(), "\n")))
	await(t, "some are taken", func() bool { return len(f.found(t)) == 30-3+1 })
	for _, contacts := range f.found(t) {
		if len(contacts) > f.MaxValues {
			t.Errorf("%d contacts", len(contacts))
		}
	}
	f.change(t, "many", f.staff, fmt.Sprintf("replace: %s\n%[1]s: v1@home.example\n", f.email))
	f.equal(t, "many values")
}
