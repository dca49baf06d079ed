package ldapsync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
	"latchkey/ldapsync"
)

// child is what the process that is killed needs to know.
type child struct {
	Servers          []string
	CAFile, BaseDN   string
	BindDN, Password string
	Redis            string
	User, Secret     string
	Keys             string
	Email, Mobile    string
	Lifetime         time.Duration
}

const childEnvironment = "LATCHKEY_TEST_FOLLOWER"

// follow is that process: nothing but a follower.
func follow(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	config := directory.Defaults()
	config.Name, config.Servers, config.CAFile, config.BaseDN = "staff", c.Servers, c.CAFile, c.BaseDN
	config.BindDN, config.BindPassword = c.BindDN, setting.NewSecret(c.Password)
	people, err := directory.Open(config, slog.New(slog.DiscardHandler))
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
	section := ldapsync.Defaults()
	section.Directory, section.Email, section.Mobile, section.MaxRemovalsPercent = "staff", []string{c.Email}, []string{c.Mobile}, 100
	f := &ldapsync.Follower{
		Config: section, Source: ldapsync.NewStream(people, section), Cards: contact.NewStore(opened, keys), Store: opened, Keys: keys,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Lifetime: c.Lifetime,
	}
	f.Run(context.Background())
	return nil
}

// loaders are the people of the directory that is loaded again and again.
func loaders(n int) string {
	var ldif strings.Builder
	for i := range n {
		ldif.WriteString(testenv.PersonLDIF(loader(i), fmt.Sprintf("mobile: +49151%08d", i), fmt.Sprintf("%s: load%d@home.example", alternate, i)))
	}
	return ldif.String()
}

func loader(i int) string { return fmt.Sprintf("load%06d", i) }

// F20, I10: killed at any moment of a load, over and over, it ends with exactly
// what the directory holds. Each life is ended at a moment of its own part of the
// load, wherever it is then: between a batch and its cursor, or within one.
func TestF20_KilledAtAnyMoment(t *testing.T) {
	people, kills := 100_000, 20
	if soak() {
		kills = 200
	}
	s := newSite(t, loaders(people))
	keys := t.TempDir() + "/keys"
	ring, err := keyring.Create(keys)
	if err != nil {
		t.Fatal(err)
	}
	s.cards = contact.NewStore(s.store, ring)
	c := child{
		Servers: []string{s.slapd.LDAPSURL}, CAFile: s.slapd.CAFile, BaseDN: s.slapd.BaseDN, BindDN: s.slapd.ServiceDN, Password: s.slapd.ServicePassword,
		Redis: s.redis.Addr, User: s.redis.Username, Secret: s.redis.Password, Keys: keys, Email: alternate, Mobile: "mobile",
	}
	ledger := ldapsync.NewLedger(s.store, ring)
	// The child is built without the race detector, under which it takes many times
	// as long.
	program := filepath.Join(t.TempDir(), "child")
	if out, err := exec.Command("go", "test", "-c", "-o", program, "latchkey/ldapsync").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	life := func(lifetime time.Duration) *exec.Cmd {
		c.Lifetime = lifetime
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), childEnvironment+"="+string(text))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	cut, began := 0, time.Now()
	for n := range kills {
		cmd := life(time.Second)
		at := people * n / kills
		at += rand.IntN(people / kills)
		s.awaitKeys(t, at)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if status, err := ledger.Status(t.Context(), "staff"); err == nil && status.FullAt.IsZero() {
			cut++
		}
		// Meanwhile the directory goes on, and what is known of the load is lost now
		// and then.
		s.remove(t, loader(n))
		s.modify(t, fmt.Sprintf("dn: uid=%s,ou=people,%s\nchangetype: modify\nreplace: mobile\nmobile: +49152%08d\n", loader(n+kills), s.slapd.BaseDN, n))
		if n%10 == 9 {
			if err := s.store.Del(t.Context(), ledger.FollowState("staff")).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if cut < kills/2 {
		t.Errorf("only %d of %d kills cut a load off", cut, kills)
	}
	killed := time.Since(began)
	cmd := life(10 * time.Second) // which nobody on a busy machine may take from it
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	await(t, "the load is whole", func() bool {
		status, err := ledger.Status(t.Context(), "staff")
		return err == nil && !status.FullAt.IsZero()
	})
	g := onlyTruth(s)
	f := &followed{ground: g, store: s.store, cards: s.cards, ledger: ledger, keys: ring}
	f.equal(t, "all kills")
	t.Logf("%d of %d kills hit the first load, within %s; all took %s", cut, kills, killed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}

// awaitKeys waits until there are more keys in Redis than so many: cards, and some
// of the synchronization. Each life reads first what the ones before have written.
func (s *site) awaitKeys(t *testing.T, many int) {
	t.Helper()
	const patience = 3 * time.Minute
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		n, err := s.store.DBSize(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if int(n) > many {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d keys after %s, want more than %d", n, patience, many)
		}
	}
}
