package change

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/resetapi/password"
	"latchkey/resetapi/policy"
	"latchkey/resetapi/recovery"
)

const (
	current = "first-Password-1"
	next    = "purple-Elephants-42"
)

// world is everything around a service, as a test wants it.
type world struct {
	mu     sync.Mutex
	people map[string]*directory.Person
	// takes is how long the directory takes.
	takes time.Duration
	// fails is what the write fails with, findErr the look-up.
	fails, findErr error
	// off are accounts that the directory lets nobody in to.
	off       map[string]bool
	suspended map[string]bool
	limited   string
	cleared   int
	auditErr  error
	stopped   error
	claimErr  error
	claims    int
	ends      []error
	step      recovery.Step
	reasons   []string
	outcomes  []string
	writes    int
	slots     chan struct{}
}

func (w *world) Find(_ context.Context, login string) (*directory.Person, error) {
	if w.findErr != nil {
		return nil, w.findErr
	}
	if p, ok := w.people[login]; ok {
		return p, nil
	}
	return nil, directory.ErrNotFound
}

func (w *world) Groups(context.Context, *directory.Person) ([]string, error) { return nil, nil }

func (w *world) ChangeProved(ctx context.Context, p *directory.Person, old, _ string, proved func(context.Context) error) error {
	if w.slots != nil {
		<-w.slots
	}
	time.Sleep(w.takes)
	switch {
	case w.off[p.Login]:
		return directory.ErrNotAllowed
	case old != current:
		return directory.ErrWrongPassword
	}
	if err := proved(ctx); err != nil {
		return err
	}
	w.writes++
	if errors.Is(w.fails, directory.ErrReadOnly) && w.writes > 1 {
		w.step = recovery.StepDone
		return nil
	}
	return w.fails
}

func (w *world) Take(_ context.Context, budgets ...ratelimit.Budget) (ratelimit.Decision, error) {
	for _, b := range budgets {
		if b.Limit == w.limited {
			return ratelimit.Decision{Limit: b.Limit, RetryAfter: time.Minute}, nil
		}
	}
	return ratelimit.Decision{Allowed: true}, nil
}

func (w *world) Clear(_ context.Context, budgets ...ratelimit.Budget) error {
	if slices.Equal(budgets, []ratelimit.Budget{
		{Limit: ratelimit.ChangesPerLogin, Of: "alice"},
		{Limit: ratelimit.ChangesPerPerson, Of: "one/" + person("alice").ID.String()},
	}) {
		w.cleared++
	}
	return nil
}

func (w *world) ClaimChange(context.Context, recovery.KnownChange) (recovery.ChangeClaim, error) {
	if w.claimErr == nil {
		w.claims++
	}
	return recovery.ChangeClaim{}, w.claimErr
}

func (w *world) EndChange(_ context.Context, _ recovery.ChangeClaim, failure error, _ string) (recovery.Step, error) {
	w.ends = append(w.ends, failure)
	return w.step, nil
}

func (w *world) Writable(context.Context) error { return w.stopped }

func (w *world) Suspended(_ context.Context, _ string, p *directory.Person) (bool, error) {
	return w.suspended[p.Login], nil
}

func (w *world) InOffice(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.1") }

func (w *world) Note(e audit.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reasons = append(w.reasons, e.Reason)
}

func (w *world) Throttled(string) {}
func (w *world) Err() error       { return w.auditErr }

func (w *world) Change(outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes = append(w.outcomes, outcome)
}
func (w *world) Limited(string) {}

func person(login string) *directory.Person {
	return &directory.Person{ID: directory.ID{Kind: "entryUUID", Bytes: login}, DN: "uid=" + login, Login: login}
}

// service is one over two directories, the second of which has only the twin.
func service(w *world, adapt func(*Parts)) *Service {
	w.people = map[string]*directory.Person{}
	for _, login := range []string{"alice", "off", "suspended", "twin"} {
		w.people[login] = person(login)
	}
	w.people["alias"] = person("elephants")
	w.off, w.suspended = map[string]bool{"off": true}, map[string]bool{"suspended": true}
	if w.step == "" {
		w.step = recovery.StepDone
	}
	other := &world{people: map[string]*directory.Person{"twin": person("twin")}}
	rule := policy.RuleDefaults()
	parts := Parts{
		Config:   Config{Enabled: true, AnswerAfter: setting.Duration(time.Second), Workers: 2},
		Timeout:  25 * time.Second,
		Password: password.New(password.Config{MinLength: 8, MaxLength: 256}),
		Policy:   policy.New([]policy.Rule{rule}, policy.Protected{}, policy.Administrators{}),
		Directories: []Directory{
			{"one", w}, {"two", other},
		},
		Limits: w, Writes: w, Brakes: w, Audit: w, Meter: w, Logger: slog.New(slog.DiscardHandler),
	}
	if adapt != nil {
		adapt(&parts)
	}
	return New(parts)
}

func request(login, old string) Request {
	return Request{Login: login, Current: old, New: next, Address: netip.MustParseAddr("192.0.2.1")}
}
