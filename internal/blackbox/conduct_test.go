package blackbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// TestS41_LimitsAreTheSameForEveryone: addresses and typed logins have limits, and
// the first refusal comes at the same number for logins that exist and others.
func TestS41_LimitsAreTheSameForEveryone(t *testing.T) {
	s := start(t, options{limits: "[limits.starts_per_address]\nrates = [\"5/10m\"]\n[limits.starts_per_login]\nrates = [\"4/1h\"]\n"})
	for i, login := range []string{"alice", "nobody-of-that-name"} {
		c := s.caller()
		for n := range 4 {
			c.address = fmt.Sprintf("203.0.113.%d", 10*i+n)
			c.start(login)
		}
		for _, spelled := range []string{login, strings.ToUpper(login), " " + login + " "} {
			r := c.want(http.StatusTooManyRequests, c.do(http.MethodPost, "/recoveries", fields{"login": spelled}))
			if r.header.Get("Retry-After") == "" {
				t.Errorf("%q: no Retry-After", spelled)
			}
		}
	}
	c := s.caller()
	for n := range 5 {
		c.start(fmt.Sprintf("somebody-%d", n))
	}
	c.want(http.StatusTooManyRequests, c.do(http.MethodPost, "/recoveries", fields{"login": "alice"}))
	c.address = "198.51.100.8"
	c.start("somebody-else")
	// A header of the caller's own invention does not help: the address nearest
	// to the trusted proxy counts.
	c.address = "192.0.2.77, 198.51.100.7"
	c.want(http.StatusTooManyRequests, c.do(http.MethodPost, "/recoveries", fields{"login": "another"}))
	s.browser().visit("/").on("/", http.StatusOK)
}

// TestStoppingFinishesWrites: a signal in the middle of a write does not cut it
// off, and the person gets the answer.
func TestStoppingFinishesWrites(t *testing.T) {
	s := start(t, options{limits: roomy(), proxied: true, holds: true})
	c := s.caller().verified("alice")
	writing, release := make(chan struct{}), make(chan struct{})
	s.onWrite(func(int32) testenv.LDAPAction {
		close(writing)
		return testenv.LDAPAction{Wait: release}
	})
	stopped := make(chan error, 1)
	go func() {
		<-writing
		go func() { stopped <- s.stop() }()
		s.log.await(t, "shutting down", 1)
		close(release)
	}()
	if r := c.want(http.StatusOK, c.set(newPassword)); r.json["state"] != "done" {
		t.Errorf("the answer is %s", r.body)
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("serve ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("serve did not stop")
	}
	s.signsIn("alice", newPassword, testenv.FirstPassword)
}

// TestS16_NothingSecretIsAtRest: neither a code, a token, a contact, a login nor
// a password is anywhere in Redis, in clear or in another guise, while a recovery
// is open and after it. Without the keyring there is nothing to try codes on.
func TestS16_NothingSecretIsAtRest(t *testing.T) {
	s := start(t, options{}) // roomy limits would keep their keys for a moment only
	c := s.caller()
	c.start("alice")
	c.want(http.StatusAccepted, c.open())
	code, token := s.code("alice", 0), c.token
	s.noneInRedis(code, token, "alice@home.test", "alice")
	c.want(http.StatusOK, c.prove(code))
	c.want(http.StatusOK, c.set(newPassword))
	s.noneInRedis(code, token, c.token, "alice@home.test", "alice", newPassword)
}

// noneInRedis looks through everything that Redis would write to its disk, for
// all guises of some secrets.
func (s *stack) noneInRedis(secrets ...string) {
	s.t.Helper()
	if _, err := s.redis.Admin(s.t.Context(), "CONFIG", "SET", "rdbcompression", "no"); err != nil {
		s.t.Fatal(err)
	}
	keys, err := s.redis.Admin(s.t.Context(), "KEYS", "*")
	if err != nil || keys == "" {
		s.t.Fatalf("list the keys: %q, %v", keys, err)
	}
	for key := range strings.FieldsSeq(keys) {
		dump, err := s.redis.Admin(s.t.Context(), "--raw", "DUMP", key)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, secret := range secrets {
			if slices.ContainsFunc(guises(secret), func(guise string) bool { return strings.Contains(key+dump, guise) }) {
				s.t.Errorf("%q is in the key %s", secret, key)
			}
		}
	}
}
