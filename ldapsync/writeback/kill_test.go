package writeback_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/ldapsync/writeback"
)

const childEnvironment = "LATCHKEY_TEST_WRITE_BACK"

// child is what the process that is killed needs to know.
type child struct {
	Servers                    []string
	CAFile, BaseDN, BindDN     string
	Password                   string
	Identity, IdentityPassword string
	Redis, User, Secret, Keys  string
	Email, Mobile              string
}

// workAsChild is that process: nothing but a worker.
func workAsChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	section := directory.Defaults()
	section.ConnectTimeout, section.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	section.Name, section.Servers, section.CAFile, section.BaseDN = "staff", c.Servers, c.CAFile, c.BaseDN
	section.BindDN, section.BindPassword = c.BindDN, setting.NewSecret(c.Password)
	people, err := directory.Open(section, logger)
	if err != nil {
		return err
	}
	config := writeback.Defaults()
	config.BindDN, config.BindPassword, config.Email, config.Mobile = c.Identity, setting.NewSecret(c.IdentityPassword), c.Email, c.Mobile
	target, err := directory.OpenWriteBack(section, config.Account(), logger)
	if err != nil {
		return err
	}
	redis := store.Defaults()
	redis.Timeout = setting.Duration(storetest.Patience)
	redis.Addresses, redis.Username, redis.Password = []string{c.Redis}, c.User, setting.NewSecret(c.Secret)
	opened, err := store.Open(redis)
	if err != nil {
		return err
	}
	keys, err := keyring.Load(c.Keys)
	if err != nil {
		return err
	}
	w := &writeback.Worker{
		Directory: "staff", Config: config, Target: target, People: people, Cards: contact.NewStore(opened, keys), Store: opened, Keys: keys,
		Audit: slowDisk{}, Logger: logger, FullEvery: 24 * time.Hour, Lifetime: 300 * time.Millisecond,
	}
	w.Run(context.Background())
	return nil
}

// slowDisk is an audit on a disk that takes its time, between the intent in the
// card and the write.
type slowDisk struct{}

func (slowDisk) Record(ctx context.Context, _ audit.Event) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	return nil
}

// F20: killed at any moment, over and over, it ends with exactly what the cards
// say beside what others wrote, and writes nothing more often than it was set.
func TestF20_KilledWhileWritingBack(t *testing.T) {
	t.Parallel()
	people, kills := 60, 25
	g, slapd := onOpenLDAP(t)
	s := newSite(t, g)
	path := t.TempDir() + "/keys"
	keys, err := keyring.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	s.use(keys)
	text, err := json.Marshal(child{
		Servers: g.config.Servers, CAFile: g.config.CAFile, BaseDN: g.config.BaseDN, BindDN: g.config.BindDN, Password: g.config.BindPassword.Reveal(),
		Identity: g.identity.BindDN, IdentityPassword: identityPassword,
		Redis: s.redis.Addr, User: s.redis.Username, Secret: s.redis.Password, Keys: path, Email: s.Email, Mobile: s.Mobile,
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range people {
		login := fmt.Sprintf("k%02d", i)
		s.modifyOrFail(t, strings.Replace(testenv.PersonLDIF(login, "mobile: "+theirs(i)), "\nobjectClass", "\nchangetype: add\nobjectClass", 1))
		ids = append(ids, s.id(t, login))
	}
	began := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnvironment+"="+string(text))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	has, times, open := make([]bool, people), make([]int, people), 0
	toggle := func(i int) {
		if has[i] = !has[i]; has[i] {
			times[i]++
			s.set(t, ids[i], contact.Registered, ours(i))
		} else {
			s.set(t, ids[i], contact.Registered)
		}
	}
	for range kills {
		for range people / 2 {
			toggle(rand.IntN(people))
		}
		cmd := began()
		await(t, "it leads", func() bool {
			led, err := s.ledger.Led(t.Context(), "staff")
			return err == nil && led
		})
		timer := time.NewTimer(time.Duration(rand.IntN(150)) * time.Millisecond)
		<-timer.C
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		for _, id := range ids {
			if slices.ContainsFunc(s.written(t, id), func(state string) bool { return strings.HasPrefix(state, string(contact.Intended)) }) {
				open++
			}
		}
		await(t, "the lease ran out", func() bool {
			led, err := s.ledger.Led(t.Context(), "staff")
			return err == nil && !led
		})
	}
	if open == 0 {
		t.Error("no kill left an intent: the test tests nothing")
	}
	cmd := began()
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for i := range people {
		want := []string{theirs(i)}
		if has[i] {
			want = append(want, ours(i))
		}
		s.want(t, "after all kills", fmt.Sprintf("k%02d", i), s.mobile, want...)
	}
	for i := range people {
		if has[i] {
			toggle(i)
		}
		s.want(t, "all of ours are gone", fmt.Sprintf("k%02d", i), s.mobile, theirs(i))
	}
	record, err := os.ReadFile(slapd.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	for i := range people {
		n := strings.Count(string(record), "add: mobile\nmobile: "+ours(i)+"\n")
		if writes += n; n > times[i] {
			t.Errorf("k%02d was written %d times and set %d times", i, n, times[i])
		}
	}
	if writes < kills {
		t.Errorf("the directory's record has %d writes only", writes)
	}
	t.Logf("%d intents were left open by %d kills; %d values were written", open, kills, writes)
}

func ours(i int) string   { return fmt.Sprintf("+4917012345%02d", i) }
func theirs(i int) string { return fmt.Sprintf("+49 171 55555%02d", i) }

func (s *site) modifyOrFail(t testing.TB, ldif string) {
	t.Helper()
	if err := s.modify(context.Background(), ldif); err != nil {
		t.Fatal(err)
	}
}
