package ldapsync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// Every source on every server, with two bases: who moves from one to the other
// keeps the contacts at every moment, who leaves both loses them, and a base that
// is not there takes nothing from anybody.
func TestSeveralBases(t *testing.T) {
	for name, server := range map[string]struct {
		on      func(testing.TB) *ground
		sources []string
	}{
		"openldap": {onOpenLDAP, []string{ldapsync.Syncrepl, ldapsync.SyncreplPoll, ldapsync.Poll}},
		"ds389":    {on389, []string{ldapsync.PersistentSearch, ldapsync.Poll}},
		"samba":    {onSamba, []string{ldapsync.DirSync, ldapsync.USN, ldapsync.Poll}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, source := range server.sources {
				t.Run(source, func(t *testing.T) { server.on(t).bySeveral(t, source) })
			}
		})
	}
}

func (g *ground) bySeveral(t *testing.T, source string) {
	f := newFollowed(t, g, source)
	g.bases = []string{g.branch, g.elsewhere}
	// However the bases are written, the directory's own names count.
	f.BaseDN, f.Bases = "", []string{strings.ToUpper(g.branch), strings.ReplaceAll(g.elsewhere, ",", ", ")}
	login := func(unit string, n int) string {
		return fmt.Sprintf("%s%s%02d", strings.ReplaceAll(source, "-", ""), unit, n)
	}
	lines := func(n int) []string {
		return []string{fmt.Sprintf("%s: +49151%08d", g.mobile, n), fmt.Sprintf("%s: p%d@home.example", g.email, n)}
	}
	var ldif strings.Builder
	for n := range 20 {
		ldif.WriteString(g.person(login("a", n), g.branch, lines(n)...))
		ldif.WriteString(g.person(login("b", n), g.elsewhere, lines(100+n)...))
		ldif.WriteString(g.person(login("c", n), g.staff, lines(200+n)...))
	}
	g.do(t, ldif.String())
	f.run(t)
	f.equal(t, "the first load")
	await(t, "in step", func() bool { return !f.status(t).FullAt.IsZero() })
	if got := f.status(t); got.Source != source || got.People != 40 {
		t.Fatalf("%+v", got)
	}
	f.removes(t, "move from one base to the other", 0, func() { g.move(t, login("a", 1), g.branch, login("a", 1), g.elsewhere) })
	f.removes(t, "and another one back", 0, func() { g.move(t, login("b", 1), g.elsewhere, login("b", 1), g.branch) })
	f.removes(t, "move out of both", 2, func() { g.move(t, login("a", 2), g.branch, login("a", 2), g.staff) })
	f.removes(t, "change outside", 0, func() {
		g.change(t, login("c", 1), g.staff, fmt.Sprintf("replace: %s\n%[1]s: +4915199999901\n", g.mobile))
		g.move(t, login("c", 2), g.staff, login("c", 2), g.elsewhere)
	})
	f.halt()
	f.removes(t, "changes while nobody followed", 2, func() {
		g.move(t, login("a", 3), g.branch, login("a", 3), g.elsewhere)
		g.move(t, login("b", 3), g.elsewhere, login("b", 3), g.branch)
		g.move(t, login("b", 4), g.elsewhere, login("b", 4), g.staff)
		g.move(t, login("c", 3), g.staff, login("c", 3), g.branch)
		f.run(t)
	})
	f.withoutABase(t)
	f.halt()
}

// removes waits until Redis is as the directory is, and counts the contacts that
// were removed until then.
func (f *followed) removes(t *testing.T, what string, want int64, do func()) {
	t.Helper()
	before := f.status(t).Counts.Removed
	do()
	f.equal(t, what)
	// What comes after it tells that there is nothing more to find.
	since := time.Now()
	f.do(t, f.person(fmt.Sprintf("%s%d", strings.ReplaceAll(f.Source, "-", ""), since.UnixMicro()), f.branch, f.email+": last@home.example"))
	f.equal(t, what)
	await(t, "the counts", func() bool { return f.status(t).ChangedAt.After(since) })
	if got := f.status(t).Counts.Removed - before; got != want {
		t.Errorf("%s: %d contacts were removed, want %d", what, got, want)
	}
}

// withoutABase: one of the bases is renamed, and later named as before.
func (f *followed) withoutABase(t *testing.T) {
	t.Helper()
	f.halt()
	before := len(f.found(t))
	rename := func(unit, name string) {
		rdn, above, _ := strings.Cut(unit, ",")
		kind, _, _ := strings.Cut(rdn, "=")
		f.do(t, fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: %s=%s\ndeleteoldrdn: 1\nnewsuperior: %s\n", unit, kind, name, above))
	}
	since := time.Now()
	rename(f.elsewhere, "renamed")
	f.run(t)
	await(t, "the stream ends", func() bool { return f.status(t).FailureAt.After(since) })
	if got := len(f.found(t)); got != before {
		t.Errorf("%d of %d people have contacts without one of the bases", got, before)
	}
	_, above, _ := strings.Cut(f.elsewhere, ",")
	rdn, _, _ := strings.Cut(f.elsewhere, ",")
	kind, name, _ := strings.Cut(rdn, "=")
	rename(kind+"=renamed,"+above, name)
	f.equal(t, "the base is back")
}

// A base that goes while everyone is told ends the refresh without an end.
func TestABaseThatGoesMeanwhile(t *testing.T) {
	t.Parallel()
	g := onOpenLDAP(t)
	f := newFollowed(t, g, ldapsync.Syncrepl)
	f.BaseDN, f.Bases = "", []string{g.branch, g.elsewhere}
	g.do(t, g.person("a", g.branch)+g.person("b", g.elsewhere))
	found, gone := 0, false
	err := ldapsync.NewStream(f.people, f.Config).Follow(t.Context(), ldapsync.Cursor{}, func(c ldapsync.Change) error {
		switch c.What {
		case ldapsync.Found:
			if found++; found == 1 {
				g.do(t, fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: ou=renamed\ndeleteoldrdn: 1\n", g.elsewhere))
				gone = true
			}
		case ldapsync.Complete, ldapsync.InStep:
			t.Errorf("%q was told", c.What)
			return context.Canceled
		}
		return nil
	})
	if !gone || err == nil {
		t.Errorf("%v after %d people", err, found)
	}
}

// A single pass takes people from all bases and of nothing else, and holds back
// what more than one base would lose together.
func TestSeveralBasesAtOnce(t *testing.T) {
	g := onOpenLDAP(t)
	f := newFollowed(t, g, "")
	g.bases = []string{g.branch, g.elsewhere}
	f.BaseDN, f.Bases, f.MaxRemovals, f.MaxRemovalsPercent = "", g.bases, 3, 100
	var ldif strings.Builder
	for n := range 10 {
		for unit, name := range map[string]string{g.branch: "a", g.elsewhere: "b", g.staff: "c"} {
			ldif.WriteString(g.person(fmt.Sprintf("%s%d", name, n), unit, fmt.Sprintf("%s: %s%d@home.example", g.email, name, n)))
		}
	}
	g.do(t, ldif.String())
	s := ldapsync.Syncer{Config: f.Config, Source: f.people, Cards: f.cards}
	run := func(removed int) error {
		t.Helper()
		r, err := s.Run(t.Context())
		if r.Removed != removed {
			t.Errorf("%d contacts were removed, %d were to be", r.Removed, removed)
		}
		return err
	}
	if err := run(0); err != nil {
		t.Fatal(err)
	}
	f.equal(t, "the first pass")
	g.move(t, "a0", g.branch, "a0", g.elsewhere)
	g.move(t, "b0", g.elsewhere, "b0", g.staff)
	if err := run(1); err != nil {
		t.Fatal(err)
	}
	f.equal(t, "a move")
	for n := 1; n < 3; n++ {
		g.remove(t, fmt.Sprintf("a%d", n), g.branch)
		g.remove(t, fmt.Sprintf("b%d", n), g.elsewhere)
	}
	if err := run(0); !isTooMany(err) {
		t.Errorf("four of three contacts: %v", err)
	}
	s.Config.Bases = []string{g.branch, "ou=none," + g.staff}
	if err := run(0); !errors.Is(err, ldapsync.ErrIncomplete) {
		t.Errorf("without a base: %v", err)
	}
	// One base_dn is a base like any other.
	s.Config.Bases, s.Config.BaseDN, s.AllowRemovals = nil, g.branch, 100
	if r, err := s.Run(t.Context()); err != nil || r.People != 7 {
		t.Errorf("%v, %+v", err, r)
	}
	g.bases = []string{g.branch}
	f.equal(t, "one base")
}

func TestBasesInTheConfiguration(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*ldapsync.Config)
		faults int
	}{
		"several":        {func(c *ldapsync.Config) { c.Bases = []string{"ou=a,dc=x", "ou=b,dc=x", "ou=a,ou=c,dc=x"} }, 0},
		"one":            {func(c *ldapsync.Config) { c.BaseDN = "ou=a,dc=x" }, 0},
		"both":           {func(c *ldapsync.Config) { c.BaseDN, c.Bases = "ou=a,dc=x", []string{"ou=b,dc=x"} }, 1},
		"one in another": {func(c *ldapsync.Config) { c.Bases = []string{"ou=b,ou=a,dc=x", "OU=A, DC=x"} }, 1},
		"twice":          {func(c *ldapsync.Config) { c.Bases = []string{"ou=a,dc=x", "ou=A,dc=x"} }, 1},
		"no name":        {func(c *ldapsync.Config) { c.Bases = []string{"people"} }, 1},
		"empty":          {func(c *ldapsync.Config) { c.Bases = []string{""} }, 1},
		"no name alone":  {func(c *ldapsync.Config) { c.BaseDN = "people" }, 1},
		"region":         {func(c *ldapsync.Config) { c.DefaultRegion = "AT" }, 0},
		"no region":      {func(c *ldapsync.Config) { c.DefaultRegion = "Austria" }, 1},
	} {
		c := ldapsync.Defaults()
		c.Directory, c.Email = "main", []string{"alternate"}
		test.change(&c)
		if faults := c.Faults(); len(faults) != test.faults {
			t.Errorf("%s: %v", name, faults)
		}
	}
	c := ldapsync.Config{Bases: []string{"ou=a,dc=x", "ou=a,dc=y"}}
	if outside := c.Outside("DC=x"); len(outside) != 1 || outside[0] != "ou=a,dc=y" {
		t.Errorf("outside: %v", outside)
	}
}

// Each directory has its own country; with another one, everyone is read again.
func TestEachDirectoryHasItsCountry(t *testing.T) {
	t.Parallel()
	s := newSite(t, testenv.PersonLDIF("local", "mobile: 0664 1234567"))
	s.Rules = contact.Config{DefaultRegion: "DE"}
	s.Config.DefaultRegion, s.Config.MaxRemovalsPercent = "AT", 100
	s.run(t)
	s.want(t, s.id(t, "local"), "sync +436641234567")
	ledger := ldapsync.NewLedger(s.store, s.keys)
	for _, step := range []struct{ region, number string }{{"AT", "sync +436641234567"}, {"", "sync +496641234567"}, {"AT", "sync +436641234567"}} {
		since := time.Now()
		s.Config.DefaultRegion = step.region
		stop := start(t, s.follower(s.keys))
		await(t, "everyone is read", func() bool {
			status, err := ledger.Status(t.Context(), "staff")
			return err == nil && status.FullAt.After(since)
		})
		s.want(t, s.id(t, "local"), step.number)
		stop()
	}
}
