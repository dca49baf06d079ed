package sms

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/ratelimit"
	"latchkey/internal/setting"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// toAlice gives every job to one person.
type toAlice struct{}

func (toAlice) Recipients(_ context.Context, j delivery.Job) ([]delivery.Message, error) {
	return []delivery.Message{{Kind: j.Kind, To: "+4915123456789", Code: j.Code, Language: j.Language, ValidFor: time.Minute}}, nil
}

// liveLog is a log that is read while it is written.
type liveLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (l *liveLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(p)
}

func (l *liveLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until a line holds text.
func (l *liveLog) await(ctx context.Context, text string) error {
	for {
		l.mu.Lock()
		found, changed := strings.Contains(l.text.String(), text), l.changed
		l.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestF26_FromQueueToPhone: through a real Redis, past failures, with one id
// all the way, and once more at most when the gateway took it without a word.
func TestF26_FromQueueToPhone(t *testing.T) {
	testenv.Need(t, "redis-server")
	redis := testenv.NewRedis(t, testenv.RedisOptions{})
	server, c := newGateway(t)
	c.Timeout = setting.Duration(3 * time.Second)
	s := storetest.Open(t, redis)
	keys := keyring.Generate()
	g := open(t, c, ratelimit.New(s, keys, ratelimit.Defaults()))
	queue := delivery.NewQueue(s, keys, delivery.Defaults())
	log := &liveLog{changed: make(chan struct{})}
	worker := &delivery.Worker{
		Queue: queue, Recipients: toAlice{}, Channels: map[string]delivery.Channel{"sms": g},
		Logger: slog.New(slog.NewTextHandler(log, nil)), Pause: 10 * time.Millisecond,
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = worker.Run(ctx) })
	defer running.Wait()
	defer stop()
	await, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	sent := func(code string) []testenv.SMSRequest {
		var requests []testenv.SMSRequest
		for _, r := range server.Requests() {
			if strings.Contains(r.Text, "#"+code) {
				requests = append(requests, r)
			}
		}
		return requests
	}
	deliver := func(code string) {
		t.Helper()
		job := delivery.Job{Kind: delivery.KindCode, Recovery: "r", Method: "sms", Code: code, Language: "de", ExpiresAt: time.Now().Add(time.Minute)}
		if err := queue.Add(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}

	server.Behave(testenv.SMSBehavior{Silent: true})
	deliver("11112222")
	if err := log.await(await, "it is not sent again"); err != nil {
		t.Errorf("a message without an answer is never given up: %v", err)
	}
	server.Behave(testenv.SMSBehavior{Status: 500})
	deliver("55556666")
	if err := log.await(await, "answered 500"); err != nil {
		t.Errorf("a failure is not told: %v", err)
	}
	server.Behave(testenv.SMSBehavior{})
	if _, err := server.Await(await, func(r testenv.SMSRequest) bool { return strings.HasSuffix(r.Text, "#55556666") }); err != nil {
		t.Error(err)
	}
	first := sent("11112222")
	if len(first) != 2 || first[0].Header.Get("Idempotency-Key") == "" || first[0].Header.Get("Idempotency-Key") != first[1].Header.Get("Idempotency-Key") {
		t.Errorf("%d requests of one message without an answer: %v", len(first), first)
	}
	if other := sent("55556666"); len(other) < 2 || other[0].Header.Get("Idempotency-Key") == first[0].Header.Get("Idempotency-Key") {
		t.Errorf("two messages have one id, or one was not tried again: %v", other)
	}
	for _, secret := range []string{"1512345", "1111", "Ihr Code"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %q: %s", secret, log)
		}
	}
}
