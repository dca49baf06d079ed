package ldapsync_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// ground is a real directory on which sources have to hold. People are looked
// for below one unit of it.
type ground struct {
	config directory.Config
	modify func(ctx context.Context, ldif string) error
	// person returns the LDIF of someone in a unit; both are made by newUnits.
	person                   func(login, unit string, lines ...string) string
	rdn                      func(login string) string
	staff, branch, elsewhere string
	// bases are where people are looked for, unless that is staff.
	bases                 []string
	filter, email, mobile string
	// idOf reads the permanent id of an entry.
	idOf    func(*ldap.Entry) string
	stop    func()
	start   func(context.Context) error
	disable string // lines of a modification
	// fragile: a server that may end with a fault when something changes while it
	// refreshes.
	fragile bool
	// spoil make of a cookie one that the server cannot use.
	spoil []func(string) string
}

const staffUnit, branchUnit, elsewhereUnit = "ou=sync", "ou=branch", "ou=elsewhere"

func onOpenLDAP(t testing.TB) *ground {
	s := testenv.NewSlapd(t, testenv.SlapdOptions{Quiet: true, LDIF: units(testenv.BaseDN)})
	g := &ground{
		config: configFor(s), modify: s.Modify, stop: s.Stop, start: s.Start,
		disable: "replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n",
		spoil: []func(string) string{
			func(string) string { return "not a cookie" },
			// Of a server that was restored from an old backup since.
			func(string) string { return "rid=000,csn=20990101000000.000000Z#000000#000#000000" },
		},
		idOf: func(e *ldap.Entry) string {
			return "entryUUID:" + strings.ReplaceAll(e.GetAttributeValue("entryUUID"), "-", "")
		},
	}
	return g.likeUnix(testenv.BaseDN)
}

func on389(t testing.TB) *ground { return with389(t, testenv.DS389Options{}) }

// onSyncing389 has Content Synchronization, and the changelog that it needs: with
// that, what is added after a restart may be refused (68), because the server counts
// its changes from a number that is there already.
func onSyncing389(t testing.TB) *ground {
	return with389(t, testenv.DS389Options{ContentSync: true})
}

func with389(t testing.TB, options testenv.DS389Options) *ground {
	options.LDIF = adding(units(testenv.BaseDN))
	s := testenv.Start389(t, options)
	c := directory.Defaults()
	// A machine that stands still for a moment is no directory that hangs.
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name, c.Servers, c.CAFile, c.BaseDN = "staff", []string{s.LDAPSURL}, s.CAFile, s.BaseDN
	c.BindDN, c.BindPassword = s.ServiceDN, setting.NewSecret(s.ServicePassword)
	g := &ground{
		config: c, modify: s.Modify, stop: s.Stop, start: s.Start, disable: "replace: nsAccountLock\nnsAccountLock: true\n",
		fragile: true,
		// The cookie names the server; one that is none at all makes the server crash.
		spoil: []func(string) string{func(c string) string { return "elsewhere" + c }},
		idOf: func(e *ldap.Entry) string {
			return "nsUniqueId:" + strings.ReplaceAll(e.GetEqualFoldAttributeValue("nsUniqueId"), "-", "")
		},
	}
	return g.likeUnix(testenv.BaseDN)
}

func (g *ground) likeUnix(base string) *ground {
	g.staff, g.branch, g.elsewhere = staffUnit+","+base, branchUnit+","+staffUnit+","+base, elsewhereUnit+","+base
	g.filter, g.email, g.mobile = "(objectClass=inetOrgPerson)", alternate, "mobile"
	g.rdn = func(login string) string { return "uid=" + login }
	g.person = func(login, unit string, lines ...string) string {
		return fmt.Sprintf("\ndn: uid=%s,%s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: %[1]s\nsn: %[1]s\n%[3]s", login, unit, joined(lines))
	}
	return g
}

func onSamba(t testing.TB) *ground {
	s := testenv.StartSamba(t, testenv.SambaOptions{LDIF: adding(units(testenv.SambaBaseDN))})
	c := directory.Defaults()
	// A machine that stands still for a moment is no directory that hangs.
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name, c.Servers, c.CAFile, c.BaseDN = "staff", []string{s.LDAPSURL}, s.CAFile, s.BaseDN
	c.BindDN, c.BindPassword = s.ServiceDN, setting.NewSecret(s.ServicePassword)
	return &ground{
		config: c, modify: s.Modify, stop: s.Stop, start: s.Start, disable: "replace: userAccountControl\nuserAccountControl: 514\n",
		staff: "OU=sync," + s.BaseDN, branch: "OU=branch,OU=sync," + s.BaseDN, elsewhere: "OU=elsewhere," + s.BaseDN,
		filter: "(&(objectClass=user)(sAMAccountName=*))", email: "otherMailbox", mobile: "mobile",
		rdn: func(login string) string { return "CN=" + login },
		person: func(login, unit string, lines ...string) string {
			return fmt.Sprintf("\ndn: CN=%s,%s\nchangetype: add\nobjectClass: user\nsAMAccountName: %[1]s\nuserAccountControl: 514\n%[3]s", login, unit, joined(lines))
		},
		spoil: []func(string) string{func(string) string { return "not a cookie" }},
		idOf: func(e *ldap.Entry) string {
			return "objectGUID:" + hex.EncodeToString(e.GetRawAttributeValue("objectGUID"))
		},
	}
}

func units(base string) string {
	var b strings.Builder
	for _, unit := range []string{staffUnit, branchUnit + "," + staffUnit, elsewhereUnit} {
		name, _, _ := strings.Cut(strings.TrimPrefix(unit, "ou="), ",")
		fmt.Fprintf(&b, "\ndn: %s,%s\nobjectClass: organizationalUnit\nou: %s\n", unit, base, name)
	}
	return b.String()
}

func adding(ldif string) string {
	return strings.ReplaceAll(ldif, "\nobjectClass:", "\nchangetype: add\nobjectClass:")
}

func joined(lines []string) string {
	text := strings.Join(lines, "\n")
	if text != "" {
		text += "\n"
	}
	return text
}

func (g *ground) dn(login, unit string) string { return g.rdn(login) + "," + unit }

// do applies LDIF.
func (g *ground) do(t testing.TB, ldif string) {
	t.Helper()
	if err := g.modify(context.Background(), ldif); err != nil {
		t.Fatalf("%v in:\n%.300s", err, ldif)
	}
}

func (g *ground) change(t testing.TB, login, unit, lines string) {
	t.Helper()
	g.do(t, fmt.Sprintf("dn: %s\nchangetype: modify\n%s", g.dn(login, unit), lines))
}

func (g *ground) move(t testing.TB, login, unit, newLogin, newUnit string) {
	t.Helper()
	g.do(t, fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: %s\ndeleteoldrdn: 1\nnewsuperior: %s\n", g.dn(login, unit), g.rdn(newLogin), newUnit))
}

func (g *ground) remove(t testing.TB, login, unit string) {
	t.Helper()
	g.do(t, fmt.Sprintf("dn: %s\nchangetype: delete\n", g.dn(login, unit)))
}

// connect is a connection that has nothing to do with what is tested.
func (g *ground) connect() (*ldap.Conn, error) {
	text, err := os.ReadFile(g.config.CAFile)
	if err != nil {
		return nil, err
	}
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(text)
	conn, err := ldap.DialURL(g.config.Servers[0], ldap.DialWithTLSConfig(&tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}))
	if err != nil {
		return nil, err
	}
	return conn, conn.Bind(g.config.BindDN, g.config.BindPassword.Reveal())
}

// truth is what the directory holds: by id, the contacts.
func (g *ground) truth() (map[string][]string, error) {
	conn, err := g.connect()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	bases := g.bases
	if bases == nil {
		bases = []string{g.staff}
	}
	var entries []*ldap.Entry
	for _, base := range bases {
		result, err := conn.SearchWithPaging(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, g.filter,
			[]string{"entryUUID", "nsUniqueId", "objectGUID", g.email, g.mobile}, nil), 500)
		if err != nil {
			return nil, err
		}
		entries = append(entries, result.Entries...)
	}
	people := make(map[string][]string)
	for _, e := range entries {
		var all []string
		for attribute, kind := range map[string]contact.Kind{g.email: contact.Email, g.mobile: contact.Mobile} {
			for _, value := range e.GetEqualFoldAttributeValues(attribute) {
				if normal, err := (contact.Config{}).Normal(kind, value); err == nil {
					all = append(all, normal)
				}
			}
		}
		if len(all) > 0 {
			slices.Sort(all)
			people[g.idOf(e)] = all
		}
	}
	return people, nil
}

// followed is a ground with a store beside it.
type followed struct {
	*ground
	redis  *testenv.Redis
	store  *store.Store
	keys   *keyring.Ring
	cards  *contact.Store
	ledger *ldapsync.Ledger
	people *directory.Directory
	ldapsync.Config
	log  *slog.Logger
	halt func()
}

func newFollowed(t testing.TB, g *ground, source string) *followed {
	t.Helper()
	f := &followed{ground: g, redis: testenv.NewRedis(t, testenv.RedisOptions{}), log: slog.New(slog.DiscardHandler)}
	if testing.Verbose() {
		f.log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	f.store = storetest.Open(t, f.redis)
	var err error
	f.keys = keyring.Generate()
	f.cards, f.ledger = contact.NewStore(f.store, f.keys), ldapsync.NewLedger(f.store, f.keys)
	if f.people, err = directory.Open(g.config, f.log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.people.Close)
	f.Config = ldapsync.Defaults()
	f.Directory, f.Source, f.BaseDN, f.Filter = "staff", source, g.staff, g.filter
	f.Email, f.Mobile = []string{g.email}, []string{g.mobile}
	f.PollInterval, f.ReconcileEvery = setting.Duration(100*time.Millisecond), setting.Duration(300*time.Millisecond)
	return f
}

func (f *followed) follower() *ldapsync.Follower {
	return &ldapsync.Follower{
		Config: f.Config, Source: ldapsync.NewStream(f.people, f.Config), Cards: f.cards, Store: f.store, Keys: f.keys,
		Logger: f.log, Lifetime: 10 * time.Second,
	}
}

// run follows until halt.
func (f *followed) run(t testing.TB) {
	t.Helper()
	f.halt = start(t, f.follower())
}

func (f *followed) status(t testing.TB) ldapsync.Status {
	t.Helper()
	status, err := f.ledger.Status(context.Background(), "staff")
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// found is what Redis holds.
func (f *followed) found(t testing.TB) map[string][]string {
	t.Helper()
	people := make(map[string][]string)
	err := f.cards.Each(context.Background(), func(c contact.Card) error {
		var all []string
		for _, one := range c.Contacts {
			if one.Source == contact.Synced {
				all = append(all, one.Value)
			}
		}
		slices.Sort(all)
		people[c.Person] = all
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return people
}

// equal waits until Redis is as the directory is, exactly. To read all of both
// takes the time of the follower that is waited for, so it is not done too often.
func (f *followed) equal(t testing.TB, after string) {
	t.Helper()
	var diff string
	const patience = 2 * time.Minute
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		want, err := f.truth()
		if err != nil {
			t.Fatal(err)
		}
		found := f.found(t)
		if maps.EqualFunc(want, found, slices.Equal) {
			return
		}
		diff = cmp.Diff(want, found)
		if time.Now().After(end) {
			status, _ := f.ledger.Status(context.Background(), "staff")
			t.Fatalf("after %s, Redis (+) is not as the directory (-):\n%s\n%+v", after, diff, status)
		}
	}
}

// onlyTruth is the ground of a site, to compare with.
func onlyTruth(s *site) *ground {
	return &ground{
		config: configFor(s.slapd), staff: s.slapd.BaseDN, filter: "(&(objectClass=person)(uid=*))", email: alternate, mobile: "mobile",
		idOf: func(e *ldap.Entry) string {
			return "entryUUID:" + strings.ReplaceAll(e.GetAttributeValue("entryUUID"), "-", "")
		},
	}
}

// entryUUID is the permanent id on most servers.
func entryUUID(e *ldap.Entry) string {
	return "entryUUID:" + strings.ReplaceAll(e.GetAttributeValue("entryUUID"), "-", "")
}
