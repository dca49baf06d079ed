package mail

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// toAlice gives every job to one person.
type toAlice struct{}

func (toAlice) Recipients(_ context.Context, j delivery.Job) ([]delivery.Message, error) {
	return []delivery.Message{{Kind: j.Kind, To: "alice@example.org", Code: j.Code, Language: j.Language, ValidFor: time.Minute}}, nil
}

// From the queue in a real Redis to a real mail server, with nothing telling in
// the log.
func TestFromQueueToMailbox(t *testing.T) {
	redis := testenv.NewRedis(t, testenv.RedisOptions{})
	server, c := newServer(t, testenv.MailOptions{})
	s := storetest.Open(t, redis)
	mailer, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	queue := delivery.NewQueue(s, keyring.Generate(), delivery.Defaults())
	var log bytes.Buffer
	worker := &delivery.Worker{
		Queue: queue, Recipients: toAlice{}, Channels: map[string]delivery.Channel{"email": mailer},
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Pause: 10 * time.Millisecond,
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = worker.Run(ctx) })
	server.Behave(testenv.MailBehavior{Recipient: 450})
	job := delivery.Job{Kind: delivery.KindCode, Recovery: "r", Method: "email", Code: "87654321", Language: "de", ExpiresAt: time.Now().Add(time.Minute)}
	if err := queue.Add(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	server.Behave(testenv.MailBehavior{})
	await, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	m, err := server.Await(await, func(m testenv.Message) bool { return strings.Contains(m.Text, "8765 4321") })
	if err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(m.Subject, "Ihr Code") {
		t.Errorf("subject %q", m.Subject)
	}
	stop()
	running.Wait()
	for _, secret := range []string{"alice", "8765"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %q: %s", secret, log.String())
		}
	}
}
