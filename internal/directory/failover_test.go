package directory_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// pair is two servers with a proxy in front of the first. They hold the same
// people, but do not know of each other.
func pair(t *testing.T) (proxy *testenv.LDAPProxy, next *testenv.Slapd, c directory.Config) {
	t.Helper()
	first := testenv.NewSlapd(t)
	next = testenv.NewSlapd(t, testenv.SlapdOptions{Certificates: first.Certificates})
	proxy = testenv.NewLDAPProxy(t, first, nil)
	c = configFor(first)
	c.Servers = []string{proxy.LDAPSURL, next.LDAPSURL}
	return proxy, next, c
}

// TestNobodyWaitsForAProbe: a server that was away is tried again in the
// background. It takes the connection and is silent, and people are found at the
// next one meanwhile.
func TestNobodyWaitsForAProbe(t *testing.T) {
	t.Parallel()
	proxy, next, c := pair(t)
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(time.Minute), setting.Duration(time.Minute)
	d := open(t, c)
	proxy.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Drop: true} })
	if p := find(t, d, "alice"); p.Server() != next.LDAPSURL {
		t.Fatalf("found at %s", p.Server())
	}
	held := make(chan struct{})
	proxy.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction { return testenv.LDAPAction{Wait: held} })
	before := proxy.Connections()
	foundNext := func() {
		t.Helper()
		begun := time.Now()
		if p := find(t, d, "alice"); p.Server() != next.LDAPSURL {
			t.Errorf("found at %s", p.Server())
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Fatalf("somebody waited %s", took)
		}
	}
	for begun := time.Now(); proxy.Connections() == before; {
		if time.Since(begun) > time.Minute {
			t.Fatal("the first server is not tried again")
		}
		<-time.After(20 * time.Millisecond)
		foundNext()
	}
	for range 5 {
		foundNext()
	}
	if n := proxy.Connections() - before; n != 1 {
		t.Errorf("%d probes at a time", n)
	}
	proxy.OnRequest(nil)
	close(held)
	eventually(t, "the first server is used again", func() bool { return find(t, d, "alice").Server() == proxy.LDAPSURL })
}

// TestF08_OneServerHangs: the first of two servers lets everyone in and answers
// nothing more. People who come together are all found at the second, with fewer
// connections than there are people.
func TestF08_OneServerHangs(t *testing.T) {
	t.Parallel()
	proxy, next, c := pair(t)
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(3*time.Second), setting.Duration(5*time.Second)
	c.Connections = 4
	d := open(t, c)
	find(t, d, "alice")
	var unheard atomic.Int32
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		const searchRequest = 3
		if m.Op != searchRequest || !bytes.Contains(m.Bytes, []byte("alice")) {
			return testenv.LDAPAction{}
		}
		unheard.Add(1)
		return testenv.LDAPAction{Swallow: true}
	})
	const people = 12
	servers := make(chan string, people)
	for range people {
		go func() {
			p, err := d.Find(t.Context(), "alice")
			if err != nil {
				t.Errorf("somebody is not found: %v", err)
				servers <- ""
				return
			}
			servers <- p.Server()
		}()
	}
	for range people {
		if s := <-servers; s != next.LDAPSURL {
			t.Errorf("found at %q", s)
		}
	}
	before := unheard.Load()
	for range 3 {
		find(t, d, "alice")
	}
	if n := unheard.Load() - before; before == 0 || n != 0 {
		t.Errorf("the first server was asked by %d people, and by %d who came later", before, n)
	}
}
