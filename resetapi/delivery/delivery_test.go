package delivery

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/internal/keyring"
	"latchkey/internal/leaktest"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func newQueue(t *testing.T, change ...func(*store.Config)) (*Queue, *testenv.Redis) {
	t.Helper()
	server := testenv.NewRedis(t, testenv.RedisOptions{})
	s := storetest.Open(t, server, change...)
	config := Defaults()
	config.ClaimAfter = setting.Duration(200 * time.Millisecond)
	return NewQueue(s, keyring.Generate(), config), server
}

// outbox is a channel that keeps what it is given, or fails.
type outbox struct {
	mu   sync.Mutex
	sent []Message
	fail func(Message) error
	came chan Message
}

func newOutbox() *outbox { return &outbox{came: make(chan Message, 1000)} }

func (o *outbox) Send(_ context.Context, m Message) error {
	o.mu.Lock()
	fail := o.fail
	o.mu.Unlock()
	if fail != nil {
		if err := fail(m); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, m)
	o.came <- m
	return nil
}

func (o *outbox) messages() []Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Message(nil), o.sent...)
}

// recipients answers with a function.
type recipients func(Job) ([]Message, error)

func (r recipients) Recipients(_ context.Context, j Job) ([]Message, error) { return r(j) }

func toAlice(j Job) ([]Message, error) {
	return []Message{{Kind: j.Kind, To: "alice@example.org", Code: j.Code}}, nil
}

// run starts a worker and returns what stops it and waits.
func run(t *testing.T, w *Worker) (stop func()) {
	t.Helper()
	if w.Logger == nil {
		w.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if w.Pause == 0 {
		w.Pause = 5 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the worker ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func job(code string) Job {
	return Job{Kind: KindCode, Recovery: "r-" + code, Challenge: "c", Method: "email", Code: code, Language: "en", ExpiresAt: time.Now().Add(10 * time.Minute)}
}

func add(t *testing.T, q *Queue, jobs ...Job) {
	t.Helper()
	for _, j := range jobs {
		if err := q.Add(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
}

// empty waits until nothing is left in the queue.
func empty(t *testing.T, q *Queue) {
	t.Helper()
	until(t, "the queue to be empty", func() bool {
		n, err := q.Len(t.Context())
		return err == nil && n == 0
	})
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); !holds(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("waited in vain for " + what)
		}
	}
}

func receive(t *testing.T, o *outbox) Message {
	t.Helper()
	select {
	case m := <-o.came:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no message came")
		return Message{}
	}
}

func TestJobsLookAlike(t *testing.T) {
	q := NewQueue(nil, keyring.Generate(), Defaults())
	want := job("12345678")
	want.ExpiresAt = want.ExpiresAt.UTC().Round(0)
	id, sealed := q.Seal(want)
	want.ID = id
	got, err := q.open(id, string(sealed))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	_, void := q.Seal(Job{ID: strings.Repeat("x", 26), Recovery: strings.Repeat("r", 200)})
	if len(void) != len(sealed) {
		t.Errorf("sizes %d and %d", len(void), len(sealed))
	}
	if _, err := q.open("other", string(sealed)); !errors.Is(err, keyring.ErrNotOpened) {
		t.Errorf("under another id: %v", err)
	}
}

func TestAddRefusesAboveTheLongest(t *testing.T) {
	q, server := newQueue(t)
	q.config.MaxQueue = 2
	add(t, q, job("1"), job("2"))
	if err := q.Add(t.Context(), job("3")); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	if n, err := q.Len(t.Context()); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	server.Kill()
	if err := q.Add(t.Context(), job("4")); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
}

func TestWorkerDelivers(t *testing.T) {
	q, server := newQueue(t)
	out := newOutbox()
	stop := run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	add(t, q, job("12345678"))
	want := Message{Method: "email", Kind: KindCode, Challenge: job("12345678").Challenge, To: "alice@example.org", Code: "12345678", Language: "en"}
	if diff := cmp.Diff(want, receive(t, out), cmpopts.IgnoreFields(Message{}, "ID")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	empty(t, q)
	stop()
	if consumers, err := server.Admin(t.Context(), "XINFO", "CONSUMERS", StreamKey(), group); err != nil || consumers != "" {
		t.Errorf("left behind: %q, %v", consumers, err)
	}
}

func TestVoidExpiredAndPoisonedJobsEnd(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	old := job("old")
	old.ExpiresAt = time.Now().Add(-time.Second)
	nowhere := job("nowhere")
	nowhere.Method = "pigeon"
	add(t, q, job("void"), old, nowhere)
	for _, values := range [][]any{{FieldID, "x", FieldJob, "not sealed"}, {"other", "thing"}} {
		if err := q.store.Do(t.Context(), append([]any{"XADD", StreamKey(), "*"}, values...)...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	add(t, q, job("good"))
	run(t, &Worker{Queue: q, Channels: map[string]Channel{"email": out}, Recipients: recipients(func(j Job) ([]Message, error) {
		if j.Code == "void" {
			return nil, nil
		}
		return toAlice(j)
	})})
	empty(t, q)
	if sent := out.messages(); len(sent) != 1 || sent[0].Code != "good" {
		t.Errorf("sent %v", sent)
	}
}

func TestConfigFaults(t *testing.T) {
	if faults := Defaults().Faults(); len(faults) != 0 {
		t.Errorf("the defaults have faults: %v", faults)
	}
	if faults := (Config{}).Faults(); len(faults) != 4 {
		t.Errorf("nothing but zeros has the faults %v", faults)
	}
}
