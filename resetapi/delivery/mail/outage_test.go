package mail

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// outage is a queue with a worker, and a mail server that can be down.
type outage struct {
	queue  *delivery.Queue
	server *testenv.MailServer
	gate   *gate
}

func newOutage(t *testing.T) *outage {
	t.Helper()
	redis := testenv.NewRedis(t, testenv.RedisOptions{})
	server, c := newServer(t, testenv.MailOptions{})
	o := &outage{server: server, gate: newGate(t, server.Addr)}
	var err error
	if c.Host, c.Port, err = splitAddress(o.gate.addr); err != nil {
		t.Fatal(err)
	}
	mailer, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.Open(t, redis)
	rules := delivery.Defaults()
	rules.LongestPause = setting.Duration(50 * time.Millisecond)
	o.queue = delivery.NewQueue(s, keyring.Generate(), rules)
	worker := &delivery.Worker{
		Queue: o.queue, Recipients: toAlice{}, Channels: map[string]delivery.Channel{"email": mailer},
		Logger: slog.New(slog.DiscardHandler), Pause: 5 * time.Millisecond,
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = worker.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return o
}

func (o *outage) add(t *testing.T, kind, id string, lifetime time.Duration) {
	t.Helper()
	if err := o.queue.Add(t.Context(), delivery.Job{
		ID: id, Kind: kind, Recovery: "r", Method: "email", Code: "87654321", At: time.Now(), ExpiresAt: time.Now().Add(lifetime),
	}); err != nil {
		t.Fatal(err)
	}
}

// tried waits until a job was tried so many times.
func (o *outage) tried(t *testing.T, id string, times int) {
	t.Helper()
	await(t, id+" to be tried", func() bool {
		jobs, err := o.queue.Waiting(t.Context())
		for _, j := range jobs {
			if err == nil && j.ID == id && j.Attempts >= times {
				if j.Failure != delivery.FailureUnreachable {
					t.Errorf("failure %q", j.Failure)
				}
				return true
			}
		}
		return false
	})
}

func (o *outage) empty(t *testing.T) {
	t.Helper()
	await(t, "the queue to be empty", func() bool { n, err := o.queue.Len(t.Context()); return err == nil && n == 0 })
}

func await(t *testing.T, what string, holds func() bool) {
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

// Back within the code's time: one mail. Not back: a dead letter, and no late
// code. A notice comes whenever the server is back, once.
func TestF25_MailServerIsDown(t *testing.T) {
	o := newOutage(t)
	o.gate.down()
	o.add(t, delivery.KindCode, "lasts", time.Minute)
	o.add(t, delivery.KindNotice, "notice", delivery.NoticeLifetime)
	o.add(t, delivery.KindCode, "late", 300*time.Millisecond)
	o.tried(t, "lasts", 3)
	o.tried(t, "notice", 3)
	await(t, "the short code to expire", func() bool { letters, err := o.queue.Dead(t.Context()); return err == nil && len(letters) == 1 })
	if n := len(o.server.Messages()); n != 0 {
		t.Fatalf("%d mails while the server is down", n)
	}
	o.gate.up()
	o.empty(t)
	letters, err := o.queue.Dead(t.Context())
	if err != nil || len(letters) != 1 || letters[0].ID != "late" || letters[0].Why != delivery.WhyExpired || letters[0].Kept {
		t.Errorf("%+v, %v", letters, err)
	}
	codes, notices := 0, 0
	for _, m := range o.server.Messages() {
		switch {
		case strings.Contains(m.Subject, "was changed"):
			notices++
		case strings.Contains(m.Text, "8765 4321"):
			codes++
		}
	}
	if codes != 1 || notices != 1 {
		t.Errorf("%d codes and %d notices came", codes, notices)
	}
}
