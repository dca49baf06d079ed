package support_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/audit"
	"latchkey/internal/ratelimit"
	"latchkey/internal/store"
	"latchkey/resetapi/delivery"
	"latchkey/resetapi/recovery"
	"latchkey/resetapi/support"
)

var (
	now     = time.Date(2026, 11, 23, 20, 24, 0, 0, time.UTC)
	address = netip.MustParseAddr("198.51.100.9")
)

// around is everything around a desk.
type around struct {
	jobs     []delivery.Job
	budgets  []ratelimit.Budget
	events   []audit.Event
	log      strings.Builder
	decision ratelimit.Decision
	err      error
}

func (a *around) Add(_ context.Context, job delivery.Job) error {
	if a.err == nil {
		a.jobs = append(a.jobs, job)
	}
	return a.err
}

func (*around) Now(context.Context) (time.Time, error) { return now, nil }

func (a *around) Take(_ context.Context, budgets ...ratelimit.Budget) (ratelimit.Decision, error) {
	a.budgets = append(a.budgets, budgets...)
	return a.decision, nil
}

func (*around) LoginOf(_ context.Context, directory, person string) string {
	return person + " of " + directory
}

// Whose knows BOB's recovery, and ALICE's for whom there is no account.
func (a *around) Whose(_ context.Context, recovery string) (login, directory string, err error) {
	switch recovery {
	case "BOB":
		return "Bob", "main", a.err
	case "ALICE":
		return "Alice", "", a.err
	default:
		return "", "", a.err
	}
}

func (*around) InOffice(a netip.Addr) bool { return a.String() == "10.0.0.1" }

func (a *around) Note(e audit.Event) { a.events = append(a.events, e) }

func desk(a *around) *support.Desk {
	a.decision.Allowed = a.decision.RetryAfter == 0
	return support.New(support.Parts{
		To: "help@example.org", ToDirectory: map[string]string{"main": "main@example.org"}, Language: "de",
		Queue: a, Limits: a, Recoveries: a, Audit: a, Logger: slog.New(slog.NewTextHandler(&a.log, nil)),
	})
}

func TestARequestIsQueued(t *testing.T) {
	a := &around{}
	reference, err := desk(a).Submit(t.Context(), support.Request{
		Name: " Bob\t B.\r\nBcc: x ", Phone: "+49 (30) 1-2/3 ", Email: " bob@HOME.test", Message: "one\r\ntwo\u202e\x00\n",
		Recovery: "BOB", Language: "pl", Browser: "Firefox on Linux",
	}, address)
	if err != nil || !support.IsReference(reference) {
		t.Fatalf("%q, %v", reference, err)
	}
	want := []delivery.Job{{
		Kind: delivery.KindSupport, Method: "email", Recovery: "BOB", Reference: reference, Language: "pl",
		Caller: delivery.Caller{Name: "Bob B. Bcc: x", Phone: "+49 (30) 1-2/3", Email: "bob@home.test", Message: "one\ntwo"},
		At:     now, Network: "198.51.100.0/24", Device: "Firefox on Linux", ExpiresAt: now.Add(delivery.NoticeLifetime),
	}}
	if diff := cmp.Diff(want, a.jobs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ratelimit.Budget{{Limit: "support_per_address", Of: "198.51.100.9/32"}, {Limit: "support_per_network", Of: "198.51.100.0/24"}, {Limit: "support"}}, a.budgets); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]audit.Event{{Kind: audit.SupportRequested, Recovery: "BOB", Network: "198.51.100.0/24"}}, a.events); diff != "" {
		t.Error(diff)
	}
	log := a.log.String()
	if !strings.Contains(log, reference) || strings.Contains(log, "Bob") || strings.Contains(log, "home.test") || strings.Contains(log, "+49") || strings.Contains(log, "two") {
		t.Errorf("the log must have the reference and no text of the person: %s", log)
	}
}

// Many people sit behind one address of an office.
func TestAnOfficeHasItsOwnLimit(t *testing.T) {
	a := &around{}
	if _, err := desk(a).Submit(t.Context(), support.Request{Name: "Bob", Phone: "110"}, netip.MustParseAddr("10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ratelimit.Budget{{Limit: "support_per_office", Of: "10.0.0.1/32"}, {Limit: "support"}}, a.budgets); diff != "" {
		t.Error(diff)
	}
}

func TestFaultsCostNothing(t *testing.T) {
	good := support.Request{Name: "Bob", Phone: "110"}
	for name, test := range map[string]struct {
		change func(*support.Request)
		want   []support.Fault
	}{
		"nothing":       {func(r *support.Request) { *r = support.Request{} }, []support.Fault{support.NameMissing, support.NoWayBack}},
		"only controls": {func(r *support.Request) { r.Name = "\x00\u202e \n" }, []support.Fault{support.NameMissing}},
		"e-mail only":   {func(r *support.Request) { r.Phone, r.Email = "", "b@home.test" }, nil},
		"longest": {func(r *support.Request) {
			r.Name, r.Message = strings.Repeat("ü", 100), strings.Repeat("\U0001F511", 1000)
		}, nil},
		"long name":        {func(r *support.Request) { r.Name = strings.Repeat("ü", 101) }, []support.Fault{support.NameTooLong}},
		"long message":     {func(r *support.Request) { r.Message = strings.Repeat("x", 1001) }, []support.Fault{support.MessageTooLong}},
		"long phone":       {func(r *support.Request) { r.Phone = strings.Repeat("1", 41) }, []support.Fault{support.PhoneOdd}},
		"phone of letters": {func(r *support.Request) { r.Phone = "ask Bob 123" }, []support.Fault{support.PhoneOdd}},
		"phone of signs":   {func(r *support.Request) { r.Phone = "+- ()" }, []support.Fault{support.PhoneOdd}},
		"list of e-mails":  {func(r *support.Request) { r.Email = "a@home.test,b@home.test" }, []support.Fault{support.EmailOdd}},
		"second header":    {func(r *support.Request) { r.Email = "a@home.test\r\nBcc: b@home.test" }, []support.Fault{support.EmailOdd}},
	} {
		a, request := &around{}, good
		test.change(&request)
		reference, err := desk(a).Submit(t.Context(), request, address)
		var faults []support.Fault
		if e, ok := errors.AsType[*support.FaultsError](err); ok {
			faults = e.Faults
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(faults, test.want) {
			t.Errorf("%s: %v, want %v", name, faults, test.want)
		}
		if len(faults) > 0 && len(a.budgets)+len(a.jobs)+len(reference) > 0 {
			t.Errorf("%s: it cost %v and queued %v", name, a.budgets, a.jobs)
		}
	}
}

func TestARequestThatIsNotTaken(t *testing.T) {
	request := support.Request{Name: "Bob", Phone: "110"}
	a := &around{decision: ratelimit.Decision{RetryAfter: time.Minute, Limit: "support"}}
	_, err := desk(a).Submit(t.Context(), request, address)
	if limited, ok := errors.AsType[*recovery.LimitedError](err); !ok || limited.RetryAfter != time.Minute || len(a.jobs) > 0 {
		t.Errorf("beyond the limit: %v and %v", err, a.jobs)
	}
	for failure, want := range map[error]error{delivery.ErrFull: recovery.ErrBusy, store.ErrUnavailable: store.ErrUnavailable} {
		a := &around{err: failure}
		if _, err := desk(a).Submit(t.Context(), request, address); !errors.Is(err, want) || len(a.events) > 0 {
			t.Errorf("%v: %v, want %v; events %v", failure, err, want, a.events)
		}
	}
}

func TestWhoGetsARequest(t *testing.T) {
	for id, want := range map[string]delivery.Message{
		"":      {To: "help@example.org"},
		"GONE":  {To: "help@example.org"},
		"ALICE": {To: "help@example.org", Login: "Alice"},
		"BOB":   {To: "main@example.org", Login: "Bob"},
	} {
		caller := delivery.Caller{Name: "N", Message: "M"}
		want.Language, want.Recovery, want.Reference, want.Caller, want.CallerLanguage = "de", id, "K7MP 2XQ4", caller, "pl"
		got, err := desk(&around{}).Recipients(t.Context(), delivery.Job{Recovery: id, Reference: "K7MP2XQ4", Caller: caller, Language: "pl"})
		if diff := cmp.Diff([]delivery.Message{want}, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", id, err, diff)
		}
	}
	a := &around{err: store.ErrUnavailable}
	if _, err := desk(a).Recipients(t.Context(), delivery.Job{Recovery: "BOB"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("whose it is cannot be told: %v", err)
	}
}

func TestReferences(t *testing.T) {
	a, seen := &around{}, map[string]bool{}
	d := desk(a)
	for range 500 {
		reference, err := d.Submit(t.Context(), support.Request{Name: "Bob", Phone: "110"}, address)
		if err != nil || len(reference) != 8 || strings.ContainsAny(reference, "O0I1abc ") || seen[reference] {
			t.Fatalf("%q, %v, seen before: %v", reference, err, seen[reference])
		}
		seen[reference] = true
	}
	for _, odd := range []string{"", "K7MP2XQ", "K7MP2XQ44", "K7MP2XQ0", "k7mp2xq4", "K7MP 2XQ", "<b>7MP2X"} {
		if support.IsReference(odd) || support.Spoken(odd) != odd {
			t.Errorf("%q is a reference", odd)
		}
	}
}
