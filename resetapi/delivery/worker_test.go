package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/setting"
	"latchkey/internal/store/storetest"
)

var errLater = errors.New("450 later")

func TestTemporaryFailuresAreTriedAgain(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	var tries, bobs atomic.Int32
	out.fail = func(m Message) error {
		if m.To != "bob@example.org" {
			return nil
		}
		if bobs.Add(1) < 4 {
			return errLater
		}
		return nil
	}
	var attempts sync.Map
	run(t, &Worker{Queue: q, Channels: map[string]Channel{"email": out}, Recipients: recipients(func(j Job) ([]Message, error) {
		attempts.Store(j.Attempt, true)
		if tries.Add(1) == 1 {
			return nil, errors.New("not yet")
		}
		return []Message{{To: "alice@example.org"}, {To: "bob@example.org"}}, nil
	})})
	add(t, q, job("1"))
	empty(t, q)
	var to []string
	for _, m := range out.messages() {
		to = append(to, m.To)
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{"alice@example.org", "bob@example.org"}) {
		t.Errorf("sent to %v", to)
	}
	if _, ok := attempts.Load(4); !ok || tries.Load() != 5 {
		t.Errorf("%d attempts", tries.Load())
	}
}

// Whose language nobody knows gets the one of the configuration.
func TestTheLanguageOfAMessage(t *testing.T) {
	q, _ := newQueue(t)
	q.config.Language = "de"
	out := newOutbox()
	known := job("1")
	known.Language = "pl"
	unknown := job("2")
	unknown.Challenge = "d"
	unknown.Language = ""
	add(t, q, known)
	add(t, q, unknown)
	run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	empty(t, q)
	got := map[string]string{}
	for _, m := range out.messages() {
		got[m.Challenge] = m.Language
	}
	if len(got) != 2 || got[known.Challenge] != "pl" || got[unknown.Challenge] != "de" {
		t.Errorf("%v", got)
	}
}

func TestTemporaryFailuresEndWithTheCode(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	out.fail = func(Message) error { return errLater }
	short := job("1")
	short.ExpiresAt = time.Now().Add(300 * time.Millisecond)
	add(t, q, short)
	run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	empty(t, q)
	if sent := out.messages(); len(sent) != 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestPermanentFailuresEndAndTellNobody(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	var tries atomic.Int32
	out.fail = func(Message) error {
		tries.Add(1)
		return fmt.Errorf("%w: the mail server answered 550", ErrPermanent)
	}
	var mu sync.Mutex
	var log bytes.Buffer
	add(t, q, job("87654321"))
	run(t, &Worker{
		Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out},
		Logger: slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(p)
		}), nil)),
	})
	empty(t, q)
	mu.Lock()
	defer mu.Unlock()
	if tries.Load() != 1 || !strings.Contains(log.String(), "recovery=r-8765") {
		t.Errorf("%d tries; %s", tries.Load(), log.String())
	}
	if text := log.String(); strings.Contains(text, "alice") || strings.Contains(strings.ReplaceAll(text, "r-87654321", ""), "87654321") {
		t.Errorf("the log tells too much: %s", text)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// A worker that died holds a job; another one takes it over.
func TestF18_JobsOfDeadWorkersAreClaimed(t *testing.T) {
	q, _ := newQueue(t)
	if err := q.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	var jobs []Job
	for i := range 10 {
		jobs = append(jobs, job(fmt.Sprint(i)))
	}
	add(t, q, jobs...)
	if got, err := q.read(t.Context(), "the dead", 10, time.Second); len(got) != 10 || err != nil {
		t.Fatal(got, err)
	}
	out := newOutbox()
	run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	empty(t, q)
	if sent := out.messages(); len(sent) != 10 {
		t.Errorf("sent %d", len(sent))
	}
}

// A job that takes longer than claim_after stays with its living worker. That
// so much time has passed shows in a job of a dead one, taken later, being
// claimed.
func TestLongJobsAreNotSentTwice(t *testing.T) {
	q, _ := newQueue(t)
	q.config.ClaimAfter = setting.Duration(2 * time.Second) // no worker of a busy machine looks dead
	out := newOutbox()
	release := make(chan struct{})
	var started atomic.Int32
	out.fail = func(m Message) error {
		if m.Code != "dead" {
			started.Add(1)
			<-release
		}
		return nil
	}
	run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	add(t, q, job("1"), job("2"), job("3"))
	until(t, "three to be started", func() bool { return started.Load() == 3 })
	run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	id, sealed := q.Seal(job("dead"))
	die := redis.NewScript(`redis.call('XADD', KEYS[1], '*', ARGV[1], ARGV[2], ARGV[3], ARGV[4])
		return #redis.call('XREADGROUP', 'GROUP', ARGV[5], 'the dead', 'STREAMS', KEYS[1], '>')`)
	if n, err := die.Run(t.Context(), q.store, []string{StreamKey()}, FieldID, id, FieldJob, sealed, group).Int(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if m := receive(t, out); m.Code != "dead" {
		t.Errorf("got %q", m.Code)
	}
	close(release)
	empty(t, q)
	if sent := out.messages(); len(sent) != 4 || started.Load() != 3 {
		t.Errorf("sent %d, started %d", len(sent), started.Load())
	}
}

// A worker whose job was taken over by another one lets go of it.
func TestTakenJobsAreDropped(t *testing.T) {
	q, _ := newQueue(t)
	var asked atomic.Int32
	dropped := make(chan struct{})
	add(t, q, job("1"))
	run(t, &Worker{Queue: q, Channels: nil, Recipients: asking(func(ctx context.Context) ([]Message, error) {
		if asked.Add(1) == 1 {
			<-ctx.Done()
			close(dropped)
		}
		return nil, nil
	})})
	until(t, "the job to be taken", func() bool { return asked.Load() == 1 })
	if err := q.store.Do(t.Context(), "XAUTOCLAIM", StreamKey(), group, "thief", 0, "0-0").Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-dropped:
	case <-time.After(20 * time.Second):
		t.Fatal("the job was not dropped")
	}
	empty(t, q) // the thief is dead, and the worker claims it in turn
}

// What was finished between a claim and its answer is not begun again.
func TestFinishedJobsAreNotBegunAgain(t *testing.T) {
	q, _ := newQueue(t)
	add(t, q, job("1"))
	if err := q.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	read, err := q.read(t.Context(), "me", 1, time.Second)
	if len(read) != 1 || err != nil {
		t.Fatal(read, err)
	}
	if err := q.end(t.Context(), read[0]); err != nil {
		t.Fatal(err)
	}
	read[0].claimed = true
	out := newOutbox()
	w := &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}, Logger: slog.New(slog.DiscardHandler)}
	s := &shift{Worker: w, consumer: "me", pause: time.Second}
	a := attempt{shift: s, entry: read[0]}
	if a.work(t.Context()) != nil || len(out.messages()) != 0 {
		t.Errorf("sent %v", out.messages())
	}
}

type asking func(context.Context) ([]Message, error)

func (a asking) Recipients(ctx context.Context, _ Job) ([]Message, error) { return a(ctx) }

func TestF12_RedisIsRestarted(t *testing.T) {
	q, server := newQueue(t)
	out := newOutbox()
	run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	add(t, q, job("before"))
	receive(t, out)
	empty(t, q)
	server.Kill()
	until(t, "Redis to be gone", func() bool { _, err := q.Len(t.Context()); return err != nil })
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, q, job("after"))
	for receive(t, out).Code != "after" { // the crash of Redis may lose that "before" is done
	}
	empty(t, q)
	if _, err := server.Admin(t.Context(), "FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	add(t, q, job("flushed"))
	for receive(t, out).Code != "flushed" {
	}
}

// The message is out, Redis is gone: the job must not be sent again.
func TestRedisAwayWhileSending(t *testing.T) {
	q, server := newQueue(t, storetest.Hasty)
	out := newOutbox()
	out.fail = func(Message) error { return server.Pause() } // once: a second message would hang it again
	run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}})
	add(t, q, job("1"))
	receive(t, out)
	if _, err := q.Len(t.Context()); err == nil {
		t.Error("Redis is not away")
	}
	if err := server.Continue(); err != nil {
		t.Fatal(err)
	}
	empty(t, q)
	if sent := out.messages(); len(sent) != 1 {
		t.Errorf("sent %d times", len(sent))
	}
}

func TestStoppingWorkersFinish(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	started, release := make(chan struct{}), make(chan struct{})
	out.fail = func(m Message) error {
		if m.Code == "later" {
			return errLater
		}
		close(started)
		<-release
		return nil
	}
	stop := run(t, &Worker{Queue: q, Recipients: recipients(toAlice), Channels: map[string]Channel{"email": out}, Pause: time.Minute})
	add(t, q, job("later"), job("now"))
	<-started
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Error("stopped in the middle of sending")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	<-stopped
	if sent := out.messages(); len(sent) != 1 || sent[0].Code != "now" {
		t.Errorf("sent %v", sent)
	}
	if n, err := q.Len(t.Context()); n != 1 || err != nil {
		t.Errorf("%d jobs are left for others, %v", n, err)
	}
}

func TestBackoff(t *testing.T) {
	s := &shift{pause: time.Second}
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: longestPause, 1000: longestPause,
	} {
		if got := s.backoff(failures); got != want {
			t.Errorf("after %d: %v, want %v", failures, got, want)
		}
	}
}
