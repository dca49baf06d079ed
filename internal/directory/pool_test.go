package directory_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

func TestF01_ServerAwayBeforeTheWrite(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice := find(t, d, "alice")
	s.Stop()
	if err := d.SetPassword(t.Context(), alice, second); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("write: %v", err)
	}
	if _, err := d.Read(t.Context(), alice.ID); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if got, err := d.Settle(t.Context(), attempt(alice), second); got != directory.Undecided || !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("settle: %v, %v", got, err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantPassword(t, s, "alice", testenv.FirstPassword, second)
	if err := d.SetPassword(t.Context(), alice, second); err != nil {
		t.Errorf("write after the restart: %v", err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}

// TestF09_RestartIsNotNoticed restarts slapd under a pool of connections.
func TestF09_RestartIsNotNoticed(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	var people sync.WaitGroup
	for range 8 {
		people.Go(func() { find(t, d, "alice") })
	}
	people.Wait()
	s.Kill()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		people.Go(func() { find(t, d, "alice") })
	}
	people.Wait()
	if err := d.SetPassword(t.Context(), find(t, d, "bob"), second); err != nil {
		t.Errorf("write after the restart: %v", err)
	}
}

// TestF09_HalfOpenConnection: the pooled connection takes bytes and never
// answers; the read is made again on a new one.
func TestF09_HalfOpenConnection(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	c.OperationTimeout = setting.Duration(2 * time.Second)
	d := open(t, c)
	alice := find(t, d, "alice")
	for name, call := range map[string]func() error{
		"read":  func() error { _, err := d.Read(t.Context(), alice.ID); return err },
		"write": func() error { return d.SetPassword(t.Context(), alice, second) },
	} {
		before := proxy.Connections()
		proxy.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction {
			return testenv.LDAPAction{Swallow: proxy.Connections() == before}
		})
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := proxy.Connections() - before; n != 1 {
			t.Errorf("%s: %d new connections", name, n)
		}
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}

func TestF08_ThePoolIsBounded(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	c.Connections = 2
	c.OperationTimeout = setting.Duration(20 * time.Second)
	d := open(t, c)
	find(t, d, "alice")
	hold := make(chan struct{})
	var held atomic.Int32
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op != testenv.LDAPSearchDone {
			return testenv.LDAPAction{}
		}
		held.Add(1)
		return testenv.LDAPAction{Wait: hold}
	})
	var people sync.WaitGroup
	for range 6 {
		people.Go(func() { find(t, d, "alice") })
	}
	eventually(t, "two searches are held", func() bool { return held.Load() == 2 })
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Find(short, "bob"); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "busy") {
		t.Errorf("with all connections in use: %v", err)
	}
	if n := proxy.Open(); n != 2 {
		t.Errorf("%d connections are open, want 2", n)
	}
	close(hold)
	people.Wait()
	if n := proxy.Connections(); n != 2 {
		t.Errorf("%d connections were made, want 2", n)
	}
	d.Close()
	eventually(t, "all connections are closed", func() bool { return proxy.Open() == 0 })
	if _, err := d.Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
}

func TestServersInOrderOfPreference(t *testing.T) {
	t.Parallel()
	first, next := testenv.NewSlapd(t), testenv.NewSlapd(t)
	c := configFor(first)
	c.Servers = []string{first.LDAPSURL, next.LDAPSURL}
	authorities := filepath.Join(t.TempDir(), "both.pem")
	writeBoth(t, authorities, first.CAFile, next.CAFile)
	c.CAFile = authorities
	d := open(t, c)
	if p := find(t, d, "alice"); p.Server() != first.LDAPSURL {
		t.Errorf("answered by %s", p.Server())
	}
	first.Stop()
	p := find(t, d, "alice")
	if p.Server() != next.LDAPSURL {
		t.Errorf("answered by %s", p.Server())
	}
	if err := d.SetPassword(t.Context(), p, second); err != nil {
		t.Error(err)
	}
	wantPassword(t, next, "alice", second, testenv.FirstPassword)
}

// TestF08_ADirectoryThatHangs takes connections and answers nothing; whoever waits is
// told long before operation_timeout.
func TestF08_ADirectoryThatHangs(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(1500*time.Millisecond), setting.Duration(30*time.Second)
	d := open(t, c)
	alice := find(t, d, "alice")
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if _, err := d.Read(t.Context(), alice.ID); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	if err := s.Continue(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(t.Context(), alice.ID); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestF08_ASlowDirectory answers later than connect_timeout and is not given up.
func TestF08_ASlowDirectory(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(2*time.Second), setting.Duration(30*time.Second)
	d := open(t, c)
	alice := find(t, d, "alice")
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		const searchRequest = 3
		if m.Op != searchRequest {
			return testenv.LDAPAction{}
		}
		late := make(chan struct{})
		time.AfterFunc(3*time.Second, func() { close(late) })
		return testenv.LDAPAction{Wait: late}
	})
	if p, err := d.Read(t.Context(), alice.ID); err != nil || p.ID != alice.ID {
		t.Errorf("a person: %v", err)
	}
	before := proxy.Connections()
	if _, err := d.Groups(t.Context(), alice); err != nil || proxy.Connections() != before {
		t.Errorf("groups: %v, %d more connections", err, proxy.Connections()-before)
	}
}

func writeBoth(t *testing.T, to string, from ...string) {
	t.Helper()
	var all []byte
	for _, path := range from {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}
