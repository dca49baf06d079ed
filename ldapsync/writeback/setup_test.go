package writeback_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/leaktest"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/ldapsync/writeback"
)

// TestMain looks for connections that nobody ended. In the process that a test
// kills it is a worker.
func TestMain(m *testing.M) {
	if text := os.Getenv(childEnvironment); text != "" {
		if err := workAsChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	leaktest.Main(m)
}

// ground is a real directory with an identity that writes contacts, made by what
// docs/sync.md says.
type ground struct {
	config   directory.Config
	identity directory.WriteBackAccount
	dn       func(login string) string
	// email and mobile are attributes that take many values; single takes one, and
	// is written by the identity too. forbidden is one that it may not write.
	email, mobile, single, forbidden string
	modify                           func(ctx context.Context, ldif string) error
	attribute                        func(ctx context.Context, dn, name string) ([]string, error)
	stop                             func()
	start                            func(context.Context) error
}

const identityPassword = "Contacts-Passw0rd-1"

// recipe returns the block of docs/sync.md that follows a line, with the names of
// the test servers.
func recipe(t testing.TB, after string, names ...string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/sync.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), after)
	found := regexp.MustCompile("(?s)```[a-z]+\n(.*?)```").FindStringSubmatch(rest)
	if !ok || found == nil {
		t.Fatalf("docs/sync.md has no block after %q", after)
	}
	return strings.NewReplacer(names...).Replace(found[1])
}

const identityDN = "cn=latchkey-contacts,ou=services," + testenv.BaseDN

func identityLDIF() string {
	return "\ndn: " + identityDN + "\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: latchkey-contacts\nuserPassword: " + identityPassword + "\n"
}

func likeUnix(g *ground) *ground {
	g.identity = directory.WriteBackAccount{BindDN: identityDN, BindPassword: setting.NewSecret(identityPassword)}
	g.dn, g.email, g.mobile, g.single, g.forbidden = testenv.PersonDN, "description", "mobile", "employeeNumber", "pager"
	return g
}

func onOpenLDAP(t testing.TB) (*ground, *testenv.Slapd) {
	rule := recipe(t, "On OpenLDAP", "dc=example,dc=org", testenv.BaseDN, "alternateEmail", "description,employeeNumber")
	rule = strings.TrimPrefix(strings.TrimSpace(rule), "olcAccess: {0}")
	s := testenv.NewSlapd(t, testenv.SlapdOptions{LDIF: identityLDIF(), FirstAccess: rule, AuditLog: true})
	c := directory.Defaults()
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name, c.Servers, c.CAFile, c.BaseDN = "staff", []string{s.LDAPSURL}, s.CAFile, s.BaseDN
	c.BindDN, c.BindPassword = s.ServiceDN, setting.NewSecret(s.ServicePassword)
	return likeUnix(&ground{config: c, modify: s.Modify, attribute: s.Attribute, stop: s.Stop, start: s.Start}), s
}

func on389(t testing.TB) *ground {
	s := testenv.Start389(t)
	names := []string{"dc=example,dc=org", testenv.BaseDN, "alternateEmail", "description || employeeNumber"}
	for _, ldif := range []string{strings.Replace(identityLDIF(), "\nobjectClass", "\nchangetype: add\nobjectClass", 1), recipe(t, "On 389 Directory Server", names...)} {
		if err := s.Modify(t.Context(), ldif); err != nil {
			t.Fatal(err)
		}
	}
	c := directory.Defaults()
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name, c.Servers, c.CAFile, c.BaseDN = "staff", []string{s.LDAPSURL}, s.CAFile, s.BaseDN
	c.BindDN, c.BindPassword = s.ServiceDN, setting.NewSecret(s.ServicePassword)
	return likeUnix(&ground{config: c, modify: s.Modify, attribute: s.Attribute, stop: s.Stop, start: s.Start})
}

func onSamba(t testing.TB) *ground {
	s := testenv.StartSamba(t)
	script := recipe(t, "On Active Directory", "DC=corp,DC=example,DC=org", testenv.SambaBaseDN, "Change-this-Passw0rd", identityPassword)
	if output, err := s.Shell(t.Context(), script); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	c := directory.Defaults()
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name, c.Servers, c.CAFile, c.BaseDN = "staff", []string{s.LDAPSURL}, s.CAFile, s.BaseDN
	c.BindDN, c.BindPassword = s.ServiceDN, setting.NewSecret(s.ServicePassword)
	return &ground{
		config: c, modify: s.Modify, attribute: s.Attribute, stop: s.Stop, start: s.Start,
		identity: directory.WriteBackAccount{BindDN: "CN=latchkey-contacts,OU=Service Accounts," + s.BaseDN, BindPassword: setting.NewSecret(identityPassword)},
		dn:       testenv.SambaPersonDN, email: "otherMailbox", mobile: "otherMobile", single: "mobile", forbidden: "pager",
	}
}

// journal is an audit that keeps everything.
type journal struct {
	mu     sync.Mutex
	events []audit.Event
}

func (j *journal) Record(_ context.Context, e audit.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
	return nil
}

func (j *journal) count(outcome string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.Outcome == outcome {
			n++
		}
	}
	return n
}

// site is a directory with a store beside it.
type site struct {
	*ground
	redis   *testenv.Redis
	store   *store.Store
	keys    *keyring.Ring
	cards   *contact.Store
	people  *directory.Directory
	ledger  *writeback.Ledger
	journal *journal
	writeback.Config
	logs *logs
}

// logs collects what was logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func newSite(t testing.TB, g *ground) *site {
	t.Helper()
	s := &site{ground: g, redis: testenv.NewRedis(t, testenv.RedisOptions{}), keys: keyring.Generate(), journal: &journal{}, logs: &logs{}}
	s.store = storetest.Open(t, s.redis)
	var err error
	s.use(s.keys)
	if s.people, err = directory.Open(g.config, s.logger()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.people.Close)
	s.Config = writeback.Defaults()
	s.Email, s.Mobile = g.email, g.mobile
	s.BindDN, s.BindPassword = g.identity.BindDN, g.identity.BindPassword
	return s
}

func (s *site) use(keys *keyring.Ring) {
	s.keys = keys
	s.cards = contact.NewStore(s.store, keys).Noting("staff")
	s.ledger = writeback.NewLedger(s.store, keys)
}

func (s *site) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s.logs, nil)) }

func (s *site) worker(t testing.TB) *writeback.Worker {
	t.Helper()
	target, err := directory.OpenWriteBack(s.ground.config, s.Account(), s.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return &writeback.Worker{
		Directory: "staff", Config: s.Config, Target: target, People: s.people, Cards: s.cards, Store: s.store, Keys: s.keys,
		Audit: s.journal, Logger: s.logger(), FullEvery: 24 * time.Hour,
		// Which nobody on a busy machine loses: what that cuts short is begun again.
		Lifetime: 20 * time.Second,
	}
}

// run works until the function that it returns is called.
func (s *site) run(t testing.TB) (halt func()) {
	t.Helper()
	worker := s.worker(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		worker.Run(ctx)
	}()
	halt = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(halt)
	return halt
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	const patience = time.Minute
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func (s *site) id(t testing.TB, login string) string {
	t.Helper()
	p, err := s.people.Find(t.Context(), login)
	if err != nil {
		t.Fatalf("find %s: %v", login, err)
	}
	return p.ID.String()
}

// set replaces the contacts of a source.
func (s *site) set(t testing.TB, person string, source contact.Source, values ...string) {
	t.Helper()
	err := s.cards.Update(context.Background(), "staff", person, func(c *contact.Card) error {
		var all []contact.Address
		for _, v := range values {
			kind := contact.Mobile
			if strings.Contains(v, "@") {
				kind = contact.Email
			}
			all = append(all, contact.Address{Kind: kind, Value: v})
		}
		c.Contacts = c.Replaced(source, all, time.Now().UTC().Truncate(time.Second))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// others writes values that are not Latchkey's.
func (s *site) others(t testing.TB, login, how, attribute string, values ...string) {
	t.Helper()
	ldif := fmt.Sprintf("dn: %s\nchangetype: modify\n%s: %s\n", s.dn(login), how, attribute)
	for _, v := range values {
		ldif += attribute + ": " + v + "\n"
	}
	if err := s.modify(context.Background(), ldif); err != nil {
		t.Fatal(err)
	}
}

func (s *site) values(t testing.TB, login, attribute string) []string {
	t.Helper()
	values, err := s.attribute(context.Background(), s.dn(login), attribute)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(values)
	return values
}

// want waits until an attribute has these values and no others.
func (s *site) want(t testing.TB, step, login, attribute string, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	const patience = time.Minute
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if got = s.values(t, login, attribute); slices.Equal(got, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s of %s is %q, want %q\n%s", step, attribute, login, got, want, s.logs.text.String())
		}
	}
}

// quiet waits until nobody waits.
func (s *site) quiet(t testing.TB) {
	t.Helper()
	await(t, "nothing waits", func() bool {
		status, err := s.ledger.Status(context.Background(), "staff")
		return err == nil && status.Waiting == 0
	})
}

// refused returns what was refused of a person, as attribute and reason.
func (s *site) refused(t testing.TB, person string) []string {
	t.Helper()
	all, err := s.ledger.Refusals(context.Background(), "staff")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range all {
		if r.Person == person {
			found = append(found, strings.TrimSpace(r.Attribute+" "+r.Reason))
		}
	}
	slices.Sort(found)
	return found
}

func (s *site) wantRefused(t testing.TB, step, person string, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	const patience = time.Minute
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if got = s.refused(t, person); slices.Equal(got, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: refused are %q, want %q\n%s", step, got, want, s.logs.text.String())
		}
	}
}

// written returns the states of what a card says of the directory.
func (s *site) written(t testing.TB, person string) (states []string) {
	t.Helper()
	err := s.cards.Update(context.Background(), "staff", person, func(c *contact.Card) error {
		states = nil
		for _, w := range c.Written {
			states = append(states, string(w.State)+" "+w.Value)
		}
		return errLooked
	})
	if !errors.Is(err, errLooked) {
		t.Fatal(err)
	}
	return states
}

var errLooked = errors.New("only looked")
