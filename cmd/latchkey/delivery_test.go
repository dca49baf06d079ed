package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/resetapi/delivery"
)

// The scripts in testdata/script/delivery run on a real Redis and have commands
// to let messages fail and arrive.
func TestScriptOfDelivery(t *testing.T) {
	testenv.Need(t, "redis-server")
	p := params("../../testdata/script/delivery")
	p.Setup = func(env *testscript.Env) error {
		redis, err := testenv.StartRedis(t.Context(), t.TempDir(), testenv.RedisOptions{})
		if err != nil {
			return err
		}
		env.Defer(redis.Stop)
		ring := filepath.Join(env.WorkDir, "keyring")
		text := fmt.Sprintf(serversConfig, "ldaps://127.0.0.1", "", "dc=example", "cn=latchkey", redis.Addr, redis.Username, ring)
		env.Setenv("LATCHKEY_CONFIG", filepath.Join(env.WorkDir, "latchkey.toml"))
		env.Setenv("LATCHKEY_DIRECTORY__0__BIND_PASSWORD", "unused")
		env.Setenv("LATCHKEY_REDIS__PASSWORD", redis.Password)
		env.Values["post"] = &post{redis: redis, ring: ring}
		if err := os.WriteFile(filepath.Join(env.WorkDir, "latchkey.toml"), []byte(text), 0o600); err != nil {
			return err
		}
		return setup(env)
	}
	p.Cmds["fail"] = failCommand
	p.Cmds["deliver"] = deliverCommand
	testscript.Run(t, p)
}

// failCommand lets a message fail for good: fail id kind.
func failCommand(script *testscript.TestScript, _ bool, args []string) {
	p := script.Value("post").(*post)
	script.Check(p.run(func(q *delivery.Queue) error {
		return q.Add(context.Background(), delivery.Job{
			ID: args[0], Kind: args[1], Recovery: "r-" + args[0], Method: "email", Code: "12345678",
			ExpiresAt: time.Now().Add(4 * time.Second),
		})
	}, func(context.Context, delivery.Message) error { return delivery.ErrUnreachable }))
}

// deliverCommand lets messages arrive, each once: deliver id...
func deliverCommand(script *testscript.TestScript, _ bool, args []string) {
	p := script.Value("post").(*post)
	var mu sync.Mutex
	var arrived []string
	script.Check(p.run(nil, func(_ context.Context, m delivery.Message) error {
		mu.Lock()
		defer mu.Unlock()
		arrived = append(arrived, m.Login)
		return nil
	}))
	if slices.Sort(arrived); !slices.Equal(arrived, args) {
		script.Fatalf("arrived: %v, want %v", arrived, args)
	}
}

// post is a worker on the queue of a script.
type post struct {
	redis *testenv.Redis
	ring  string
}

// run fills the queue and works until it is empty.
func (p *post) run(fill func(*delivery.Queue) error, send channel) error {
	keys, err := keyring.Load(p.ring)
	if err != nil {
		return err
	}
	c := store.Defaults()
	c.Timeout = setting.Duration(storetest.Patience)
	c.Addresses, c.Username, c.Password = []string{p.redis.Addr}, p.redis.Username, setting.NewSecret(p.redis.Password)
	s, err := store.Open(c)
	if err != nil {
		return err
	}
	defer s.Close()
	q := delivery.NewQueue(s, keys, delivery.Defaults())
	if fill != nil {
		if err := fill(q); err != nil {
			return err
		}
	}
	worker := &delivery.Worker{
		Queue: q, Recipients: toAlice{}, Channels: map[string]delivery.Channel{"email": send},
		Pause: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { _ = worker.Run(ctx) })
	defer stop()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if n, err := q.Len(ctx); n == 0 || err != nil {
			return err
		}
		<-tick.C
	}
}

// channel sends with a function.
type channel func(context.Context, delivery.Message) error

func (c channel) Send(ctx context.Context, m delivery.Message) error { return c(ctx, m) }

// toAlice gives every job to one person, whose login is the job's id.
type toAlice struct{}

func (toAlice) Recipients(_ context.Context, j delivery.Job) ([]delivery.Message, error) {
	return []delivery.Message{{To: "alice@example.org", Login: j.ID}}, nil
}
