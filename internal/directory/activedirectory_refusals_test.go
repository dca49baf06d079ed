package directory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

func TestActiveDirectoryRefusals(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	d := open(t, domainConfig(s))
	alice := find(t, d, "alice")
	wantRefused(t, d.SetPassword(ctx, alice, "short-A1"), directory.TooShort)
	wantRefused(t, d.SetPassword(ctx, alice, "all-in-small-letters"), directory.NotComplex)
	wantRefused(t, d.SetPassword(ctx, find(t, d, "carol"), "fifteen-A1xxxxx"), directory.TooShort)
	wantRefused(t, d.SetPassword(ctx, alice, "not-\xff-Unicode-1"), directory.NotComplex)
	wantDomainPassword(t, s, "alice", testenv.FirstPassword, "short-A1")
	// The change flow: history, a wrong password, the same once more.
	if err := d.Change(ctx, alice, "not-her-Password-0", second); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, "short-A1"), directory.TooShort)
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, testenv.FirstPassword), directory.InHistory)
	if err := d.Change(ctx, alice, testenv.FirstPassword, second); err != nil {
		t.Fatal(err)
	}
	wantDomainPassword(t, s, "alice", second, testenv.FirstPassword)
	wantRefused(t, d.Change(ctx, find(t, d, "alice"), second, testenv.FirstPassword), directory.InHistory)
	wantDomainPassword(t, s, "alice", second, testenv.FirstPassword)
}

// TestActiveDirectoryChangeOfAnExpiredOne: the domain lets nobody in with it.
func TestActiveDirectoryChangeOfAnExpiredOne(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	d := open(t, domainConfig(s))
	if err := s.Replace(ctx, s.BaseDN, "maxPwdAge", "-8640000000000"); err != nil { // ten days
		t.Fatal(err)
	}
	if err := s.SetPasswordAge(ctx, "alice", 11*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind(ctx, testenv.SambaPersonDN("alice"), testenv.FirstPassword); !errors.Is(err, testenv.ErrInvalidCredentials) {
		t.Fatalf("the password does not expire: %v", err)
	}
	alice := find(t, d, "alice")
	if alice.State != directory.Active {
		t.Errorf("alice is %s", alice.State)
	}
	if err := d.Change(ctx, alice, "not-her-Password-0", second); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, testenv.FirstPassword), directory.InHistory)
	if err := d.Change(ctx, alice, testenv.FirstPassword, second); err != nil {
		t.Fatal(err)
	}
	wantDomainPassword(t, s, "alice", second, testenv.FirstPassword)
}

// inTwo has the history held by temporary-then-change.
func inTwo(s *testenv.Samba) directory.Config {
	c := domainConfig(s)
	c.WriteStrategy, c.RequirePolicyHints = string(directory.TemporaryFirst), true
	return c
}

func wantUnfinished(t *testing.T, err error, reason directory.Reason) {
	t.Helper()
	wantRefused(t, err, reason)
	if unfinished, ok := errors.AsType[*directory.UnfinishedError](err); !ok || unfinished.ChangeStamp != "0" {
		t.Errorf("got %v, want it unfinished", err)
	}
}

func TestTemporaryThenChange(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	if err := s.Replace(ctx, s.BaseDN, "minPwdAge", "-864000000000"); err != nil {
		t.Fatal(err)
	}
	setJustNow(t, s, "alice")
	d := open(t, inTwo(s))
	if err := d.Check(ctx); err != nil {
		t.Fatal(err)
	}
	alice := find(t, d, "alice")
	// What can be seen beforehand costs nothing.
	for password, reason := range map[string]directory.Reason{"short-A1": directory.TooShort, "all-in-small-letters": directory.NotComplex} {
		err := d.SetPassword(ctx, alice, password)
		wantRefused(t, err, reason)
		if _, ok := errors.AsType[*directory.UnfinishedError](err); ok {
			t.Errorf("%s was begun", reason)
		}
	}
	wantDomainPassword(t, s, "alice", testenv.FirstPassword)
	if result, err := d.Reset(ctx, alice, second); err != nil || result != (directory.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
	wantDomainPassword(t, s, "alice", second, testenv.FirstPassword)
	// The history holds, and what was begun can be finished.
	wantUnfinished(t, d.SetPassword(ctx, find(t, d, "alice"), second), directory.InHistory)
	if err := s.Bind(ctx, testenv.SambaPersonDN("alice"), second); !errors.Is(err, testenv.ErrInvalidCredentials) {
		t.Errorf("the password before: %v", err)
	}
	wantAttribute(t, s, "alice", "pwdLastSet", "0")
	const third = "third-Password-3"
	if err := d.SetPassword(ctx, find(t, d, "alice"), third); err != nil {
		t.Fatal(err)
	}
	wantDomainPassword(t, s, "alice", third, second)
	// A locked one, who has to change it afterwards.
	c := inTwo(s)
	c.MustChange = true
	d = open(t, c)
	lockDomainAccount(t, s, "bob")
	if result, err := d.Reset(ctx, find(t, d, "bob"), second); err != nil || !result.Unlocked || result.Incomplete != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	wantAttribute(t, s, "bob", "pwdLastSet", "0")
	if got, err := d.Settle(ctx, find(t, d, "bob").Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("bob's password settles as %v, %v", got, err)
	}
}

// TestTemporaryThenChangeBroken loses the second half: the request, and then the
// answer.
func TestTemporaryThenChangeBroken(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := testenv.StartSamba(t)
	proxy, authority := domainProxy(t, s)
	c := inTwo(s)
	c.Servers, c.CAFile = []string{proxy.LDAPSURL}, authority
	d := open(t, c)
	for account, lose := range map[string]struct {
		request, answer bool
		want            directory.Settlement
	}{"alice": {request: true, want: directory.NotWritten}, "bob": {answer: true, want: directory.Written}} {
		person, modifies := find(t, d, account), 0
		proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
			if m.Op == modifyRequest {
				modifies++
			}
			return testenv.LDAPAction{Drop: lose.request && modifies == 2}
		})
		proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
			return testenv.LDAPAction{Drop: lose.answer && modifies == 2 && m.Op == modifyResponse}
		})
		err := d.SetPassword(ctx, person, second)
		proxy.OnRequest(nil)
		proxy.OnResponse(nil)
		unfinished, ok := errors.AsType[*directory.UnfinishedError](err)
		if !ok {
			t.Fatalf("%s: %v", account, err)
		}
		wantUnknown(t, err)
		a := person.Attempt()
		a.ChangeStamp = unfinished.ChangeStamp
		if got, err := d.Settle(ctx, a, second); got != lose.want || err != nil {
			t.Errorf("%s settles as %v, %v; want %v", account, got, err, lose.want)
		}
	}
	wantDomainPassword(t, s, "bob", second, testenv.FirstPassword)
	if err := d.SetPassword(ctx, find(t, d, "alice"), second); err != nil {
		t.Errorf("the next try: %v", err)
	}
	wantDomainPassword(t, s, "alice", second, testenv.FirstPassword)
}

// TestRequirePolicyHints: Samba has none.
func TestRequirePolicyHints(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t)
	c := domainConfig(s)
	c.RequirePolicyHints = true
	d := open(t, c)
	if err := d.Check(t.Context()); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "require_policy_hints") {
		t.Errorf("the check: %v", err)
	}
	if err := d.SetPassword(t.Context(), find(t, d, "alice"), second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("a reset: %v", err)
	}
	wantDomainPassword(t, s, "alice", testenv.FirstPassword, second)
	for strategy, fits := range map[directory.Strategy]bool{directory.Direct: true, directory.TemporaryFirst: true, directory.FlagFirst: false} {
		c, l := domainConfig(s), &logs{}
		c.WriteStrategy = string(strategy)
		d, err := directory.Open(c, l.logger())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		if err := d.Check(t.Context()); (err == nil) != fits || err != nil && !strings.Contains(err.Error(), "write_strategy") {
			t.Errorf("%s: %v", strategy, err)
		}
		if strings.Contains(l.String(), "may bring back an earlier password") != (strategy == directory.Direct) {
			t.Errorf("%s: the operator reads\n%s", strategy, l)
		}
	}
}
