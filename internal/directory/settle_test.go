package directory_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// TestF03_ReplyLost lets slapd write and keeps its answer back.
func TestF03_ReplyLost(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	for name, action := range map[string]testenv.LDAPAction{"alice": {Swallow: true}, "bob": {Drop: true}} {
		person := find(t, d, name)
		proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op == testenv.LDAPExtendedResponse && !strings.Contains(string(m.Bytes), "dn:") {
				return action
			}
			return testenv.LDAPAction{}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		err := d.SetPassword(ctx, person, second)
		cancel()
		unknown, ok := errors.AsType[*directory.UnknownError](err)
		if !ok || unknown.Server != proxy.LDAPSURL {
			t.Fatalf("%s: got %v, want unknown", name, err)
		}
		proxy.OnResponse(nil)
		for password, want := range map[string]directory.Settlement{second: directory.Written, "": directory.Changed} {
			got, err := d.Settle(t.Context(), attempt(person), password)
			if got != want || err != nil {
				t.Errorf("%s settled as %v, %v, want %v", name, got, err, want)
			}
		}
		wantPassword(t, s, name, second, testenv.FirstPassword)
	}
}

// TestF03_RequestLost never lets the request through.
func TestF03_RequestLost(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	alice := find(t, d, "alice")
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		return testenv.LDAPAction{Drop: m.Op == testenv.LDAPExtendedRequest}
	})
	err := d.SetPassword(t.Context(), alice, second)
	if _, ok := errors.AsType[*directory.UnknownError](err); !ok {
		t.Fatalf("got %v, want unknown", err)
	}
	proxy.OnRequest(nil)
	for _, password := range []string{second, ""} {
		got, err := d.Settle(t.Context(), attempt(alice), password)
		if got != directory.NotWritten || err != nil {
			t.Errorf("settled as %v, %v", got, err)
		}
	}
	wantPassword(t, s, "alice", testenv.FirstPassword)
}

// TestF03_LateWrite: the request is still on its way when settling begins, and
// is carried out after the first look.
func TestF03_LateWrite(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	alice := find(t, d, "alice")
	// How long after the first look the write goes on.
	const settling = 50 * time.Millisecond
	late := make(chan struct{})
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == testenv.LDAPExtendedRequest && strings.Contains(string(m.Bytes), "uid=alice") {
			return testenv.LDAPAction{Wait: late}
		}
		return testenv.LDAPAction{}
	})
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		const invalidCredentials = "\x0a\x01\x31"
		if m.Op == testenv.LDAPBindResponse && strings.Contains(string(m.Bytes), invalidCredentials) {
			time.AfterFunc(settling, func() { close(late) })
		}
		return testenv.LDAPAction{}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := d.SetPassword(ctx, alice, second)
	if _, ok := errors.AsType[*directory.UnknownError](err); !ok {
		t.Fatalf("got %v, want unknown", err)
	}
	if got, err := d.Settle(t.Context(), attempt(alice), second); got != directory.Undecided || err != nil {
		t.Errorf("first settled as %v, %v", got, err)
	}
	if got, err := d.Settle(t.Context(), attempt(alice), second); got != directory.Written || err != nil {
		t.Errorf("then settled as %v, %v", got, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}

func TestF08_PausedDuringTheWrite(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	alice := find(t, d, "alice")
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if m.Op == testenv.LDAPExtendedRequest {
			if err := s.Pause(); err != nil {
				t.Error(err)
			}
		}
		return testenv.LDAPAction{}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	begun := time.Now()
	err := d.SetPassword(ctx, alice, second)
	if _, ok := errors.AsType[*directory.UnknownError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want unknown for the deadline", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	proxy.OnRequest(nil)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got, err := d.Settle(short, attempt(alice), second); got != directory.Undecided || !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("settled at a paused server as %v, %v", got, err)
	}
	if err := s.Continue(); err != nil {
		t.Fatal(err)
	}
	got, err := d.Settle(t.Context(), attempt(alice), second)
	if got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}

func TestF04_TheBindTellsNothing(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice, bob := find(t, d, "alice"), find(t, d, "bob")
	if err := d.SetPassword(t.Context(), alice, second); err != nil {
		t.Fatal(err)
	}
	for range 3 { // locked: the bind tells nothing, the stamp does
		if err := s.Bind(t.Context(), alice.DN, "wrong"); err == nil {
			t.Fatal("bound with a wrong password")
		}
	}
	if got, err := d.Settle(t.Context(), attempt(alice), second); got != directory.Changed || err != nil {
		t.Errorf("a locked account settled as %v, %v", got, err)
	}
	// Nobody is bound for an empty password.
	if err := d.SetPassword(t.Context(), bob, "other-Password-3"); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Settle(t.Context(), attempt(bob), "  "); got != directory.Changed || err != nil {
		t.Errorf("by stamp settled as %v, %v", got, err)
	}
	service := attempt(alice)
	service.Server = "ldaps://elsewhere.example.test"
	if got, err := d.Settle(t.Context(), service, second); got != directory.Undecided || !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("another server: %v, %v", got, err)
	}
}

// TestOverwritten: somebody else changed the password, before the write that was
// lost or after the one that was made.
func TestOverwritten(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice := find(t, d, "alice")
	helpdesk(t, s, "alice", "helpdesk-Chose-1")
	a := alice.Attempt()
	if got, err := d.Settle(t.Context(), a, second); got != directory.Overwritten || err != nil {
		t.Errorf("with the password settled as %v, %v", got, err)
	}
	if got, err := d.Settle(t.Context(), a, ""); got != directory.Changed || err != nil {
		t.Errorf("by the stamp alone settled as %v, %v", got, err)
	}
	a.Overwritten = true
	if got, err := d.Settle(t.Context(), a, ""); got != directory.Overwritten || err != nil {
		t.Errorf("by the stamp, when more is known, settled as %v, %v", got, err)
	}
	wantPassword(t, s, "alice", "helpdesk-Chose-1", second)
}

// TestLateWriteAfterAnothers: somebody else changes the password, the first look
// finds that, and then the write is carried out after all.
func TestLateWriteAfterAnothers(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy, c := proxied(t, s)
	d := open(t, c)
	alice := find(t, d, "alice")
	helpdesk(t, s, "alice", "helpdesk-Chose-1")
	// A stamp has whole seconds, so the write must not come in the same one.
	next := time.Now().Truncate(time.Second).Add(time.Second)
	eventually(t, "the next second", func() bool { return !time.Now().Before(next) })
	var late sync.Once
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		const invalidCredentials = "\x0a\x01\x31"
		if m.Op == testenv.LDAPBindResponse && strings.Contains(string(m.Bytes), invalidCredentials) {
			late.Do(func() { helpdesk(t, s, "alice", second) })
		}
		return testenv.LDAPAction{}
	})
	if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.Undecided || err != nil {
		t.Errorf("first settled as %v, %v", got, err)
	}
	if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("then settled as %v, %v", got, err)
	}
}

// TestF04_ALockedAccountIsNotTried: the right password is refused there like a wrong
// one, and each try would count.
func TestF04_ALockedAccountIsNotTried(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	alice := find(t, d, "alice")
	for range 3 {
		_ = s.Bind(t.Context(), alice.DN, "wrong")
	}
	before := strings.Count(slapdLog(t, s), `BIND dn="`+alice.DN)
	if got, err := d.Settle(t.Context(), alice.Attempt(), second); got != directory.NotWritten || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	if after := strings.Count(slapdLog(t, s), `BIND dn="`+alice.DN); after != before || before == 0 {
		t.Errorf("%d binds, then %d", before, after)
	}
}

// helpdesk changes a password behind our back.
func helpdesk(t *testing.T, s *testenv.Slapd, uid, password string) {
	t.Helper()
	if err := s.Modify(t.Context(), "dn: "+testenv.PersonDN(uid)+"\nchangetype: modify\nreplace: userPassword\nuserPassword: "+password+"\n"); err != nil {
		t.Error(err)
	}
}
