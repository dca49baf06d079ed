package ldapsync_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/leaktest"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// TestMain looks for connections that nobody ended. In the process that a test
// kills it is a follower.
func TestMain(m *testing.M) {
	if text := os.Getenv(childEnvironment); text != "" {
		if err := follow(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	leaktest.Main(m)
}

// The schema of the test servers has no attribute for an alternate address;
// these take any text.
const (
	alternate = "description"
	second    = "employeeType"
)

// site is a directory, a store and a syncer between them.
type site struct {
	slapd  *testenv.Slapd
	redis  *testenv.Redis
	people *directory.Directory
	store  *store.Store
	keys   *keyring.Ring
	cards  *contact.Store
	ldapsync.Syncer
}

func newSite(t testing.TB, ldif string) *site {
	t.Helper()
	s := &site{slapd: testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: ldif}), redis: testenv.NewRedis(t, testenv.RedisOptions{})}
	opened := storetest.Open(t, s.redis)
	s.store, s.keys = opened, keyring.Generate()
	s.cards = contact.NewStore(opened, s.keys)
	s.people = openDirectory(t, configFor(s.slapd))
	s.Syncer = ldapsync.Syncer{Config: ldapsync.Defaults(), Source: s.people, Cards: s.cards}
	s.Config.Directory = "staff"
	s.Config.Email, s.Config.Mobile = []string{alternate, second}, []string{"mobile", "homePhone"}
	return s
}

func configFor(s *testenv.Slapd) directory.Config {
	c := directory.Defaults()
	// A machine that stands still for a moment is no directory that hangs.
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name, c.Servers, c.CAFile, c.BaseDN = "staff", []string{s.LDAPSURL}, s.CAFile, s.BaseDN
	c.BindDN, c.BindPassword = s.ServiceDN, setting.NewSecret(s.ServicePassword)
	return c
}

func openDirectory(t testing.TB, c directory.Config) *directory.Directory {
	t.Helper()
	d, err := directory.Open(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// crowd returns people crowd000, crowd001, … each with a number and an address.
func crowd(n int) string {
	var ldif strings.Builder
	for i := range n {
		ldif.WriteString(testenv.PersonLDIF(
			fmt.Sprintf("crowd%03d", i), fmt.Sprintf("mobile: +49151%08d", i), fmt.Sprintf("%s: crowd%d@home.example", alternate, i),
		))
	}
	return ldif.String()
}

// line is a line of LDIF with a value of any characters (RFC 2849).
func line(attribute, value string) string {
	return attribute + ":: " + base64.StdEncoding.EncodeToString([]byte(value))
}

func (s *site) run(t *testing.T) ldapsync.Report {
	t.Helper()
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatalf("%v: %+v", err, report)
	}
	if !report.Complete {
		t.Errorf("the report says that the pass was not whole: %+v", report)
	}
	return report
}

func (s *site) modify(t *testing.T, ldif string) {
	t.Helper()
	if err := s.slapd.Modify(t.Context(), ldif); err != nil {
		t.Fatal(err)
	}
}

func (s *site) remove(t *testing.T, uids ...string) {
	t.Helper()
	for _, uid := range uids {
		s.modify(t, fmt.Sprintf("dn: %s\nchangetype: delete\n", testenv.PersonDN(uid)))
	}
}

// id is the permanent id of a person as the directory itself gives it.
func (s *site) id(t *testing.T, uid string) string {
	t.Helper()
	p, err := s.people.Find(t.Context(), uid)
	if err != nil {
		t.Fatalf("find %s: %v", uid, err)
	}
	return p.ID.String()
}

// want compares the contacts of a person, each written as "source value".
func (s *site) want(t *testing.T, person string, want ...string) {
	t.Helper()
	card, err := s.cards.Get(t.Context(), "staff", person)
	if err != nil && !errors.Is(err, contact.ErrNoCard) {
		t.Fatal(err)
	}
	var got []string
	for _, c := range card.Contacts {
		got = append(got, string(c.Source)+" "+c.Value)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the card of %s holds %q, want %q", person, got, want)
	}
}

// digest changes with anything in Redis.
func (s *site) digest(t *testing.T) string {
	t.Helper()
	digest, err := s.redis.Admin(t.Context(), "DEBUG", "DIGEST")
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// total counts the contacts in all cards.
func (s *site) total(t *testing.T) int {
	t.Helper()
	n := 0
	if err := s.cards.Each(t.Context(), func(c contact.Card) error { n += len(c.Contacts); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}
