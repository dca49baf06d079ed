package recovery

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/resetapi/block"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/password"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/verifier"
)

// harness is a service on a Redis in memory, with a directory and an outbox
// that the test owns.
type harness struct {
	*Service
	redis *miniredis.Miniredis
	dir   *fakeDirectory
	cards fakeCards
	// codes are the codes that were made, by challenge; whoever reads them
	// holds the person's mailbox.
	codes  sync.Map
	jobs   chan delivery.Job
	frozen fakeSwitch
	audit  fakeAudit
}

// fakeSwitch is what is frozen.
type fakeSwitch struct {
	all     bool
	channel string
	tops    []string
}

func (f *fakeSwitch) Frozen(context.Context) (string, bool, error) { return "", f.all, nil }

func (f *fakeSwitch) FrozenChannel(_ context.Context, channel string) (bool, error) {
	return f.channel == channel, nil
}

func (f *fakeSwitch) FrozenSubtrees(context.Context) ([]string, error) { return f.tops, nil }

// fakeAudit keeps events, or says that it cannot.
type fakeAudit struct {
	mu     sync.Mutex
	err    error
	events []audit.Event
}

func (a *fakeAudit) Record(_ context.Context, e audit.Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	a.events = append(a.events, e)
	return nil
}

func (a *fakeAudit) Throttled(string) {}

func (a *fakeAudit) Note(e audit.Event) { _ = a.Record(context.Background(), e) }

// of returns the outcomes of the events of one kind.
func (a *fakeAudit) of(kind string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	outcomes := []string{}
	for _, e := range a.events {
		if e.Kind == kind {
			outcomes = append(outcomes, e.Outcome)
		}
	}
	return outcomes
}

type meter struct{}

func (meter) RecoveryStarted()  {}
func (meter) RecoveryDecoy()    {}
func (meter) Limited(string)    {}
func (meter) Gate(string, bool) {}
func (meter) Write(string)      {}
func (meter) Unlock(string)     {}
func (meter) Disowned()         {}

func newHarness(t testing.TB, adapt func(*Parts)) *harness {
	t.Helper()
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.SetTime(time.Unix(1_800_000_000, 0))
	c := store.Defaults()
	c.Timeout = setting.Duration(storetest.Patience)
	c.Addresses = []string{server.Addr()}
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	keys := keyring.Generate()
	h := &harness{redis: server, dir: newFakeDirectory(), cards: fakeCards{}, jobs: make(chan delivery.Job, 10_000)}
	rules := policy.RuleDefaults()
	rules.Enabled = true
	blocks := block.New(s, keys)
	parts := Parts{
		Blocks: blocks, Links: blocks, Outbox: h, PublicURL: "https://reset.example",
		Config: Defaults(), Password: password.New(password.Config{MinLength: 8, MaxLength: 256}), Queue: delivery.Config{MaxQueue: 100_000},
		Policy:      policy.New([]policy.Rule{rules}, policy.Protected{}, policy.Administrators{}),
		Directories: []Directory{{Name: "test", Unlocks: true, People: h.dir, Passwords: h.dir, Locks: h.dir}},
		Contacts:    h.cards, Codes: verifier.NewIssued(keys), Jobs: h, Store: NewStore(s, keys), Keys: keys,
		Limits: ratelimit.New(s, keys, generous()), Logger: slog.New(slog.DiscardHandler),
		Methods: []Method{EmailCode, SMSCode}, Reaches: func(string) bool { return true },
		Freeze: &h.frozen, Audit: &h.audit, Meter: meter{},
	}
	parts.Config.LookupJitter = 0
	if adapt != nil {
		adapt(&parts)
	}
	h.Service = New(parts)
	return h
}

// generous limits never get in the way.
func generous() map[string]ratelimit.Limit {
	limits := ratelimit.Defaults()
	for name := range limits {
		limits[name] = ratelimit.Limit{Rates: []ratelimit.Rate{{Count: 1_000_000, Period: time.Second}}}
	}
	return limits
}

// Seal keeps the job for the test instead of sealing it.
func (h *harness) Seal(j delivery.Job) (string, []byte) {
	h.codes.Store(j.Challenge, j.Code)
	select {
	case h.jobs <- j:
	default:
	}
	return j.ID, []byte("sealed")
}

// Add keeps the job for the test.
func (h *harness) Add(_ context.Context, j delivery.Job) error {
	h.Seal(j)
	return nil
}

// forward turns the store's clock.
func (h *harness) forward(d time.Duration) {
	h.redis.FastForward(d)
	h.redis.SetTime(h.clockNow().Add(d))
}

func (h *harness) clockNow() time.Time {
	now, err := h.Store.clock(context.Background())
	if err != nil {
		panic(err)
	}
	return now
}

// begin starts a recovery and makes its look-up.
func (h *harness) begin(t testing.TB, login string) Ticket {
	t.Helper()
	ticket, _, err := h.Start(context.Background(), StartRequest{Login: login, Origin: API, Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.lookup(context.Background(), <-h.lookups); err != nil {
		t.Fatal(err)
	}
	return ticket
}

// open opens a challenge and returns the code, as its mailbox would.
func (h *harness) open(t testing.TB, ticket Ticket, m Method) string {
	t.Helper()
	if _, err := h.Open(context.Background(), ticket, m); err != nil {
		t.Fatal(err)
	}
	return h.code(h.record(t, ticket.ID))
}

func (h *harness) code(r Record) string {
	code, _ := h.codes.Load(r.Challenge.ID)
	return code.(string)
}

func (h *harness) record(t testing.TB, id string) Record {
	t.Helper()
	r, err := h.Store.load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.Record
}

// prove passes one gate.
func (h *harness) prove(t testing.TB, ticket Ticket, m Method) Ticket {
	t.Helper()
	next, _, err := h.Prove(context.Background(), ticket, m, h.open(t, ticket, m))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// add puts a person with a mailbox and a telephone into the directory.
func (h *harness) add(login string) *directory.Person {
	p := &directory.Person{ID: directory.ID{Kind: "entryUUID", Bytes: fmt.Sprintf("%-16s", login)}, DN: "uid=" + login, Login: login, ChangeStamp: "0"}
	h.dir.people[login] = p
	h.cards[p.ID.String()] = contact.Card{Directory: "test", Person: p.ID.String(), Contacts: []contact.Contact{
		{Kind: contact.Email, Value: login + "@home.example"}, {Kind: contact.Mobile, Value: "+4915112345678"},
	}}
	return p
}

type fakeCards map[string]contact.Card

func (c fakeCards) Get(_ context.Context, _, person string) (contact.Card, error) {
	card, ok := c[person]
	if !ok {
		return contact.Card{}, contact.ErrNoCard
	}
	return card, nil
}

func (c fakeCards) GetWith(ctx context.Context, _ *store.Batch, directory, person string) func() (contact.Card, error) {
	return func() (contact.Card, error) { return c.Get(ctx, directory, person) }
}

// fakeDirectory is a directory that the test can make say anything. It stands
// in for speed; the real one is judged in package directory and end to end.
type fakeDirectory struct {
	mu       sync.Mutex
	people   map[string]*directory.Person
	password map[string]string
	writes   int
	findErr  error
	setErr   error
	// written tells whether a write with an error happened all the same.
	written bool
	settle  func(a directory.Attempt, password string) (directory.Settlement, error)
	onWrite func(p *directory.Person)
	// unlockErr is what Unlock fails with; onUnlock is called before.
	unlockErr error
	unlocks   int
	onUnlock  func(p *directory.Person)
}

func newFakeDirectory() *fakeDirectory {
	return &fakeDirectory{people: map[string]*directory.Person{}, password: map[string]string{}}
}

func (d *fakeDirectory) Find(_ context.Context, login string) (*directory.Person, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.findErr != nil {
		return nil, d.findErr
	}
	if p, ok := d.people[login]; ok {
		c := *p
		return &c, nil
	}
	return nil, directory.ErrNotFound
}

func (d *fakeDirectory) Read(_ context.Context, id directory.ID) (*directory.Person, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.findErr != nil {
		return nil, d.findErr
	}
	for _, p := range d.people {
		if p.ID == id {
			c := *p
			return &c, nil
		}
	}
	return nil, directory.ErrNotFound
}

func (d *fakeDirectory) Groups(context.Context, *directory.Person) ([]string, error) { return nil, nil }

func (d *fakeDirectory) Policy(context.Context, *directory.Person) (*directory.PasswordPolicy, error) {
	return &directory.PasswordPolicy{MinLength: 10, History: 3}, nil
}

func (d *fakeDirectory) SetPassword(_ context.Context, p *directory.Person, password string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.onWrite != nil {
		d.onWrite(p)
	}
	if d.setErr != nil && !d.written {
		return d.setErr
	}
	d.writes++
	d.people[p.Login].ChangeStamp += "'"
	d.password[p.Login] = password
	return d.setErr
}

func (d *fakeDirectory) Unlock(_ context.Context, p *directory.Person) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.onUnlock != nil {
		d.onUnlock(p)
	}
	if d.unlockErr != nil {
		return d.unlockErr
	}
	d.unlocks++
	d.people[p.Login].State = directory.Active
	return nil
}

func (d *fakeDirectory) Settle(_ context.Context, a directory.Attempt, password string) (directory.Settlement, error) {
	return d.settle(a, password)
}

func quickSettle(p *Parts) {
	p.Config.SettleEvery = setting.Duration(time.Millisecond)
	p.Config.SettleFor = setting.Duration(time.Second)
}
