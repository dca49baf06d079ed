package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// TestReencryptCanBeInterrupted: a signal ends the command in good order, a
// service that has the newest version reads and changes every card meanwhile and
// between, and the next run ends what the first began.
func TestReencryptCanBeInterrupted(t *testing.T) {
	const cards = 20_000
	dir := t.TempDir()
	redis := testenv.NewRedis(t, testenv.RedisOptions{})
	text := fmt.Sprintf(serversConfig, "ldaps://127.0.0.1:1", "", "dc=example,dc=test", "cn=latchkey,dc=example,dc=test", redis.Addr, redis.Username, filepath.Join(dir, "keyring"))
	if err := os.WriteFile(filepath.Join(dir, "latchkey.toml"), []byte(strings.Replace(text, "ca_file = \"\"\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	latchkey := func(args ...string) *exec.Cmd {
		command := exec.Command("latchkey", args...)
		command.Env = append(os.Environ(), "LATCHKEY_CONFIG="+filepath.Join(dir, "latchkey.toml"), "LATCHKEY_REDIS__PASSWORD="+redis.Password,
			"LATCHKEY_DIRECTORY__0__BIND_PASSWORD=x", "LATCHKEY_AUDIT__DIR="+filepath.Join(dir, "audit"))
		return command
	}
	run := func(args ...string) string {
		output, err := latchkey(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, output)
		}
		return string(output)
	}
	run("keys", "init")
	run("store", "init")
	s := storetest.Open(t, redis)
	keys, err := keyring.Load(filepath.Join(dir, "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	service := contact.NewStore(s, keys)
	all := make([]contact.Card, cards)
	for i := range all {
		all[i] = contact.Card{Directory: "main", Person: fmt.Sprint(i), Contacts: []contact.Contact{{Kind: contact.Email, Value: "a@b.example", Source: contact.Staff}}}
	}
	if err := service.PutAll(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	run("keys", "rotate")
	if err := keys.Reload(); err != nil { // as on SIGHUP
		t.Fatal(err)
	}
	sealed := func() int {
		use, err := service.KeyUse(t.Context())
		if err != nil || use[1]+use[2] != cards {
			t.Fatalf("%v, %v", use, err)
		}
		return use[2]
	}
	value := func(round, i int) string { return fmt.Sprintf("round%d-%d@b.example", round, i) }
	work := func(round int) {
		for i := round; i < cards; i += cards / 50 {
			if _, err := service.Get(t.Context(), "main", fmt.Sprint(i)); err != nil {
				t.Errorf("card %d: %v", i, err)
			}
			if err := service.Update(t.Context(), "main", fmt.Sprint(i), func(c *contact.Card) error { c.Contacts[0].Value = value(round, i); return nil }); err != nil {
				t.Errorf("card %d: %v", i, err)
			}
		}
	}
	command := latchkey("keys", "reencrypt")
	var told strings.Builder
	command.Stderr = &told
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	send := func(s os.Signal) {
		if err := command.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	limit := time.After(time.Minute)
	for {
		// Or it would be through before a busy machine has counted.
		send(syscall.SIGSTOP)
		n := sealed()
		if n >= 200 {
			send(os.Interrupt) // which it takes first when it goes on
		}
		send(syscall.SIGCONT)
		if n >= 200 {
			break
		}
		select {
		case <-limit:
			t.Fatal("nothing is sealed anew")
		default:
			work(1)
		}
	}
	ended := new(exec.ExitError)
	if err := command.Wait(); !errors.As(err, &ended) || ended.ExitCode() != exitInterrupted || ended.Sys().(syscall.WaitStatus).Signaled() {
		t.Fatalf("%v: %s", err, told.String())
	}
	if text := told.String(); !strings.Contains(text, "of about 20000 were looked at") || !strings.Contains(text, "run it again to go on") {
		t.Errorf("it says %q", text)
	}
	half := sealed()
	if half == 0 || half == cards {
		t.Fatalf("%d of %d cards were sealed anew when it was stopped", half, cards)
	}
	work(2)
	if text := run("keys", "reencrypt", "--json"); !strings.Contains(text, fmt.Sprintf(`"cards":%d`, cards)) {
		t.Errorf("it says %q", text)
	}
	if n := sealed(); n != cards {
		t.Errorf("%d of %d cards are sealed with the newest version", n, cards)
	}
	for i := range cards {
		want := "a@b.example"
		for round := 1; round <= 2; round++ {
			if i%(cards/50) == round {
				want = value(round, i)
			}
		}
		if card, err := service.Get(t.Context(), "main", fmt.Sprint(i)); err != nil || card.Contacts[0].Value != want {
			t.Fatalf("card %d: %+v, %v; want %s", i, card, err, want)
		}
	}
}
