package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/ratelimit"
)

// Service is what the API and the pages call. Its methods are safe for
// concurrent use, by many replicas at once.
type Service struct {
	Parts
	offices  []netip.Prefix
	lookups  chan string
	begun    begun
	settling sync.WaitGroup
	// halted is closed when Run is told to end.
	halted chan struct{}
}

// New returns a service; [Service.Run] must run beside it.
func New(parts Parts) *Service {
	offices, err := parts.Config.offices()
	if err != nil {
		// The configuration was checked; what cannot be read gives no privilege.
		parts.Logger.Error("the office networks count as none", "error", err)
	}
	return &Service{Parts: parts, offices: offices, lookups: make(chan string, parts.Config.LookupQueue), halted: make(chan struct{})}
}

// StartRequest begins a recovery.
type StartRequest struct {
	// Login is what the person typed, at most [MaxLogin] bytes.
	Login string
	// Languages are those the person reads, in the form of Accept-Language
	// (RFC 9110 §12.5.4); messages come in the first.
	Languages string
	Origin    Origin
	Address   netip.Addr
	// Device is what [Service.Remember] gave this browser, if anything.
	Device string
	// Browser names the browser roughly, for notices; at most 64 bytes.
	Browser string
}

// MaxLogin is the longest login that is looked up, in bytes.
const MaxLogin = 256

// ErrBadLogin means that a login is empty, too long or holds control characters.
var ErrBadLogin = errors.New("a login has 1 to 256 bytes and no control characters")

// TypedLogin returns what was typed as a login without the spaces around it, or
// [ErrBadLogin].
func TypedLogin(typed string) (string, error) {
	login := strings.TrimSpace(typed)
	if login == "" || len(login) > MaxLogin || strings.ContainsFunc(login, isControl) {
		return "", ErrBadLogin
	}
	return login, nil
}

// Start stores a new recovery and leaves the look-up to a worker. Nothing of
// the answer depends on the login. It fails with [ErrBadLogin], [LimitedError],
// [ErrBusy] or store.ErrUnavailable.
func (s *Service) Start(ctx context.Context, request StartRequest) (Ticket, View, error) {
	login, err := TypedLogin(request.Login)
	if err != nil {
		return Ticket{}, View{}, err
	}
	if err := s.thawed(ctx); err != nil {
		return Ticket{}, View{}, err
	}
	device := s.device(request.Device)
	budgets := append(s.startBudgets(request.Address), startBudget(device, login), ratelimit.Budget{Limit: ratelimit.Starts})
	now, err := s.take(ctx, budgets...)
	if err != nil {
		return Ticket{}, View{}, err
	}
	if len(s.lookups) == cap(s.lookups) {
		return Ticket{}, View{}, ErrBusy
	}
	gates, methods := s.Policy.Public()
	record := Record{
		ID: rand.Text(), Seed: rand.Text(), Origin: request.Origin, Login: login, Language: firstLanguage(request.Languages),
		State: Started, StartedAt: now, TouchedAt: now, Device: device,
		Network: ratelimit.Network(request.Address), Browser: clip(request.Browser, longestBrowser),
		Shown: Requirement{Gates: gates, Methods: methodsOf(methods)},
	}
	if err := s.Store.create(ctx, record, s.lifetime()); err != nil {
		return Ticket{}, View{}, err
	}
	s.begun.put(stored{Record: record, version: firstVersion, now: now})
	select {
	case s.lookups <- record.ID:
	default:
		s.begun.drop(record.ID)
		return Ticket{}, View{}, ErrBusy
	}
	s.Meter.RecoveryStarted()
	s.Audit.Note(audit.Event{Kind: audit.RecoveryStarted, Recovery: record.ID, Network: record.Network})
	return s.ticket(record), record.view(now, s.Config), nil
}

// View tells where a recovery stands. A write whose outcome is unknown for long
// is settled on the way.
func (s *Service) View(ctx context.Context, t Ticket) (View, error) {
	old, err := s.holder(ctx, t)
	if err != nil {
		return View{}, err
	}
	if old, err = s.settleLater(ctx, old); err != nil {
		return View{}, err
	}
	if !old.over() && !old.now.Before(old.ExpiresAt(s.Config)) {
		old.Record = old.ended(Expired)
	}
	return old.view(old.now, s.Config), nil
}

// GiveUp ends a recovery at its holder's wish.
func (s *Service) GiveUp(ctx context.Context, t Ticket) error {
	old, err := s.holder(ctx, t)
	if err != nil {
		return err
	}
	if old.State == Done || old.State == Ended {
		return nil
	}
	_, err = s.change(ctx, old, Abandoned{}, s.swap)
	return err
}

// Run makes the look-ups, and settles what dead processes left open, until the
// context ends. It is called once. Writes whose outcome is unknown then are left
// to the next process.
func (s *Service) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range s.Config.LookupWorkers {
		workers.Go(func() { s.lookupWorker(ctx) })
	}
	workers.Go(func() { s.sweep(ctx) })
	workers.Wait()
	close(s.halted)
	s.settling.Wait()
	return nil
}

// over reports whether time cannot end the recovery any more.
func (r Record) over() bool {
	return r.State == Done || r.State == Ended || r.State == Writing || r.State == Unknown
}

// Whose tells whom a recovery is about, for support: the login as it was typed,
// and the directory of the person behind it. Both are empty when there is no
// such recovery, the directory also when there is no such person, and while it
// cannot be asked: help does not wait for it.
func (s *Service) Whose(ctx context.Context, id string) (login, directory string, err error) {
	if err := s.lookup(ctx, id); err != nil && !errors.Is(err, ErrNoRecovery) {
		s.Logger.WarnContext(ctx, "support is told the login only: the person cannot be looked up", "recovery", id, "error", err)
	}
	r, err := s.Store.load(ctx, id)
	if errors.Is(err, ErrNoRecovery) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	if r.Refused != nil {
		return r.Login, r.Refused.Subject.Directory, nil
	}
	return r.Login, r.Subject.Directory, nil
}

// lifetime is how long a record is kept, counted from its last step.
func (s *Service) lifetime() time.Duration {
	return s.Config.Lifetime.Std() + s.Config.Retention.Std()
}

// take pays from budgets, and returns the store's time.
func (s *Service) take(ctx context.Context, budgets ...ratelimit.Budget) (time.Time, error) {
	decision, err := s.Limits.Take(ctx, budgets...)
	return s.taken(ctx, decision, err)
}

// taken is take for what was decided.
func (s *Service) taken(ctx context.Context, decision ratelimit.Decision, err error) (time.Time, error) {
	if err != nil {
		return time.Time{}, err
	}
	if !decision.Allowed {
		s.Logger.InfoContext(ctx, "limit reached", "limit", decision.Limit)
		s.Audit.Throttled(decision.Limit)
		s.Meter.Limited(decision.Limit)
		return time.Time{}, &LimitedError{RetryAfter: decision.RetryAfter}
	}
	if decision.At.IsZero() { // no limit has a rate
		return s.Store.clock(ctx)
	}
	return decision.At, nil
}

// saver stores the next record in place of the old one.
type saver func(ctx context.Context, old stored, next Record) error

func (s *Service) swap(ctx context.Context, old stored, next Record) error {
	return s.Store.swap(ctx, old, next, s.lifetime())
}

// attempts is how often a step is tried again after another step came first.
// Every conflict means that some other step went through.
const attempts = 8

// change applies an event and saves, on the newest record when another step
// came first. An event that ends the recovery by time is saved as well.
func (s *Service) change(ctx context.Context, old stored, event Event, save saver) (stored, error) {
	for range attempts {
		next, refusal := Next(old.Record, event, old.now, s.Config)
		if refusal != nil && next.State == old.State {
			return old, refusal
		}
		keep := save
		if refusal != nil {
			keep = s.swap
		}
		err := keep(ctx, old, next)
		if err == nil {
			if next.State == Ended && !next.Change {
				s.Audit.Note(s.about(next, audit.Event{Kind: audit.RecoveryEnded, Reason: string(next.End)}))
			}
			return stored{Record: next, version: following(old.version), now: old.now}, refusal
		}
		if !errors.Is(err, errConflict) {
			return old, err
		}
		if old, err = s.Store.load(ctx, old.ID); err != nil {
			return old, err
		}
	}
	return old, fmt.Errorf("%w: %w", ErrBusy, errConflict)
}

func (s *Service) directory(name string) (Directory, error) {
	for _, d := range s.Directories {
		if d.Name == name {
			return d, nil
		}
	}
	return Directory{}, fmt.Errorf("%w: no directory is named %q any more", directory.ErrUnavailable, name)
}

func methodsOf(names []string) []Method {
	methods := make([]Method, len(names))
	for i, name := range names {
		methods[i] = Method(name)
	}
	return methods
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// FoldLogin is the form under which typed logins share a budget.
func FoldLogin(login string) string {
	return strings.ToLower(norm.NFKC.String(strings.TrimSuffix(login, ".")))
}

// longestBrowser is the most that is kept of a browser's name, in bytes.
const longestBrowser = 64

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// firstLanguage is the tag that messages are written in.
func firstLanguage(accepted string) string {
	tags, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil || len(tags) == 0 {
		return language.English.String()
	}
	base, _ := tags[0].Base()
	return base.String()
}
