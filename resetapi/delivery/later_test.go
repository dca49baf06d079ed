package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/setting"
)

// The mail server is down for what would be an hour, while workers come and go.
// No notice is lost and none comes twice.
func TestF25_NoticesOutliveAnOutage(t *testing.T) {
	q, server := newQueue(t)
	q.config.LongestPause = setting.Duration(50 * time.Millisecond)
	q.config.ClaimAfter = setting.Duration(5 * time.Second) // no worker of a busy machine looks dead
	out := newOutbox()
	var down atomic.Bool
	var tries atomic.Int32
	down.Store(true)
	out.fail = func(Message) error {
		tries.Add(1)
		if down.Load() {
			return fmt.Errorf("%w: refused", ErrUnreachable)
		}
		return nil
	}
	worker := func() *Worker {
		return &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out}}
	}
	const n = 20
	for i := range n {
		add(t, q, notice(fmt.Sprint(i)))
	}
	stop := run(t, worker())
	until(t, "five attempts each", func() bool { return tries.Load() >= 5*2*n })
	stop()
	// Nothing is in anybody's hand now, and Redis restarts too.
	counts, err := q.Counts(t.Context())
	if err != nil || counts.Queued+counts.Delayed != n || counts.Dead != 0 {
		t.Errorf("%+v, %v", counts, err)
	}
	server.Stop()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := tries.Load()
	run(t, worker())
	run(t, worker())
	until(t, "the new workers to try", func() bool { return tries.Load() >= before+2*2*n })
	down.Store(false)
	empty(t, q)
	person := make(map[string]int)
	for _, m := range out.messages() {
		person[m.ID]++
		if person[m.ID] > 1 {
			t.Errorf("%s came twice", m.ID)
		}
	}
	if len(person) != 2*n {
		t.Errorf("%d of %d came", len(person), 2*n)
	}
	if letters := dead(t, q); len(letters) != 0 {
		t.Errorf("dead: %v", letters)
	}
}

// Waiting jobs hold no worker: one that can be sent goes past any number of them.
func TestWaitingJobsHoldNobodyUp(t *testing.T) {
	q, _ := newQueue(t)
	q.config.Workers = 1
	out := newOutbox()
	out.fail = func(m Message) error {
		if m.Code == "" {
			return errLater
		}
		return nil
	}
	for i := range 50 {
		add(t, q, notice(fmt.Sprint(i)))
	}
	add(t, q, job("1"))
	run(t, &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out, "sms": out}, Pause: time.Minute})
	receive(t, out)
	until(t, "all notices to wait", func() bool {
		counts, err := q.Counts(t.Context())
		return err == nil && counts == Counts{Delayed: 50}
	})
	waits, err := q.Waiting(t.Context())
	if err != nil || len(waits) != 50 {
		t.Fatalf("%d, %v", len(waits), err)
	}
	for _, w := range waits {
		if in := time.Until(w.DueAt); w.Attempts != 1 || w.Failure != FailurePostponed || in < 50*time.Second || in > 61*time.Second {
			t.Errorf("%+v", w)
		}
	}
	// They count for the length of the queue.
	q.config.MaxQueue = 50
	if err := q.Add(t.Context(), job("2")); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
}

// Many workers bring back the same jobs, and each job once.
func TestDelayedJobsComeBackOnce(t *testing.T) {
	q, _ := newQueue(t)
	if err := q.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	const n = 300
	for i := range n {
		add(t, q, notice(fmt.Sprint(i)))
	}
	read, err := q.read(t.Context(), "me", n, time.Second)
	if len(read) != n || err != nil {
		t.Fatal(len(read), err)
	}
	for _, e := range read {
		if err := q.putOff(t.Context(), "me", e, notice(e.id), 0); err != nil {
			t.Fatal(err)
		}
		// A repeated call, or another worker's, changes nothing.
		if err := errors.Join(q.putOff(t.Context(), "me", e, notice(e.id), 0), q.putOff(t.Context(), "other", e, notice(e.id), time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	var wakers sync.WaitGroup
	for range 8 {
		wakers.Go(func() {
			for next := time.Duration(0); next == 0; {
				var err error
				if next, err = q.wake(t.Context(), time.Second); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wakers.Wait()
	again, err := q.read(t.Context(), "me", 2*n, time.Second)
	if len(again) != n || err != nil {
		t.Errorf("%d, %v", len(again), err)
	}
}

func TestOtherWorkersJobsAreNotPutOff(t *testing.T) {
	q, _ := newQueue(t)
	if err := q.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, q, notice("1"))
	read, err := q.read(t.Context(), "them", 1, time.Second)
	if len(read) != 1 || err != nil {
		t.Fatal(read, err)
	}
	if err := q.putOff(t.Context(), "me", read[0], notice("1"), 0); err != nil {
		t.Fatal(err)
	}
	if counts, err := q.Counts(t.Context()); err != nil || counts != (Counts{Queued: 1}) {
		t.Errorf("%+v, %v", counts, err)
	}
}

// While everything is held nothing is sent: codes expire, notices wait.
func TestHeld(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	var held, broken atomic.Bool
	broken.Store(true)
	var asked atomic.Int32
	run(t, &Worker{
		Queue: q, Channels: map[string]Channel{"email": out}, Pause: time.Millisecond,
		Recipients: recipients(func(j Job) ([]Message, error) { asked.Add(1); return toBoth(j) }),
		Held: func(context.Context) (bool, error) {
			if broken.Load() {
				return false, errors.New("Redis is away")
			}
			return held.Load(), nil
		},
	})
	code := job("1")
	code.ID, code.ExpiresAt = "code", time.Now().Add(5*time.Second)
	add(t, q, code, notice("n"))
	until(t, "both to wait", func() bool { counts, err := q.Counts(t.Context()); return err == nil && counts.Delayed == 2 })
	held.Store(true)
	broken.Store(false)
	until(t, "the code to expire", func() bool { return len(dead(t, q)) == 1 })
	if letter := dead(t, q)[0]; letter.ID != "code" || letter.Why != WhyExpired || letter.Failure != FailureHeld || letter.Kept {
		t.Errorf("%+v", letter)
	}
	if asked.Load() != 0 || len(out.messages()) != 0 {
		t.Errorf("asked %d times, sent %v", asked.Load(), out.messages())
	}
	held.Store(false)
	empty(t, q)
	if to := out.to(); !slices.Equal(to, []string{"alice@example.org", "bob@example.org"}) {
		t.Errorf("sent to %v", to)
	}
}

// A server that takes messages and never says so gets each twice at most.
func TestF25_UncertainMessagesAreSentTwiceAtMost(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	var mu sync.Mutex
	ids := make(map[string]int)
	out.fail = func(m Message) error {
		mu.Lock()
		defer mu.Unlock()
		ids[m.ID]++
		return fmt.Errorf("%w: no answer", ErrUncertain)
	}
	run(t, &Worker{Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out}})
	add(t, q, notice("n"))
	empty(t, q)
	mu.Lock()
	defer mu.Unlock()
	if len(ids) != 2 {
		t.Errorf("messages %v", ids)
	}
	for id, n := range ids {
		if n != 2 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
}

func TestObserve(t *testing.T) {
	q, _ := newQueue(t)
	out := newOutbox()
	out.fail = func(m Message) error {
		switch {
		case m.Code == "late":
			return errLater
		case m.To == "bob@example.org":
			return ErrPermanent
		}
		return nil
	}
	var mu sync.Mutex
	seen := make(map[string]int)
	run(t, &Worker{
		Queue: q, Recipients: recipients(toBoth), Channels: map[string]Channel{"email": out},
		Observe: func(kind, method, outcome string, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			seen[strings.Join([]string{kind, method, outcome}, " ")]++
			if took < 0 || took > time.Minute {
				t.Errorf("took %v", took)
			}
		},
	})
	late := job("late")
	late.ExpiresAt = time.Now().Add(4 * time.Second)
	add(t, q, late, notice("n"))
	empty(t, q)
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"notice email sent", "notice email refused", "code email failed", "code email expired"} {
		if seen[want] == 0 {
			t.Errorf("%q is missing in %v", want, seen)
		}
	}
	if seen["notice email sent"] != 1 || seen["code email expired"] != 1 {
		t.Errorf("seen %v", seen)
	}
}
