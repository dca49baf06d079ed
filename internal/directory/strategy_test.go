package directory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// flagging lets the service account write pwdReset.
func flagging() testenv.SlapdOptions {
	return testenv.SlapdOptions{ServiceWrites: []string{"pwdReset"}, DefaultPolicy: "pwdMustChange: TRUE\n"}
}

// modifyRequest is the operation of a Modify (RFC 4511 §4.6).
const (
	modifyRequest  = 6
	modifyResponse = 7
)

// wantFlag looks whether a person has to change the password.
func wantFlag(t *testing.T, s *testenv.Slapd, uid string, want bool) {
	t.Helper()
	values, err := s.Attribute(t.Context(), testenv.PersonDN(uid), "pwdReset")
	if err != nil || slices.Contains(values, "TRUE") != want {
		t.Errorf("%s: pwdReset is %q, %v; want it set: %t", uid, values, err, want)
	}
}

func TestMustChange(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	c := configFor(s)
	c.MustChange = true
	d := open(t, c)
	result, err := d.Reset(t.Context(), find(t, d, "alice"), second)
	if err != nil || result.Incomplete != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
	wantFlag(t, s, "alice", true)
	// Once more: the write takes the flag away, and it has to come back.
	const third = "third-Password-3"
	if err := d.SetPassword(t.Context(), find(t, d, "alice"), third); err != nil {
		t.Fatal(err)
	}
	wantFlag(t, s, "alice", true)
	wantPassword(t, s, "alice", third, second)
	// A refusal writes nothing at all.
	wantRefused(t, d.SetPassword(t.Context(), find(t, d, "bob"), "short-1"), directory.TooShort)
	wantFlag(t, s, "bob", false)
}

// TestMustChangeIsMissing: the password is written all the same.
func TestMustChangeIsMissing(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.MustChange = true
	l := &logs{}
	d, err := directory.Open(c, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	result, err := d.Reset(t.Context(), find(t, d, "alice"), second)
	if err != nil || result.Incomplete == nil || result.Incomplete.Operation != directory.MustChange || !errors.Is(result.Incomplete, directory.ErrNotAllowed) {
		t.Errorf("%+v, %v", result, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
	if !strings.Contains(l.String(), "does not have to change it") || strings.Contains(l.String(), "uid=") {
		t.Errorf("the log says:\n%s", l)
	}
}

// TestMustChangeAfterALostAnswer loses the answer to the second write, and then
// to the first.
func TestMustChangeAfterALostAnswer(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	proxy := testenv.NewLDAPProxy(t, s, nil)
	c := configFor(s)
	c.Servers, c.MustChange = []string{proxy.LDAPSURL}, true
	d := open(t, c)
	alice := find(t, d, "alice")
	dropOnce(proxy, modifyRequest, "pwdReset")
	if result, err := d.Reset(t.Context(), alice, second); err != nil || result.Incomplete != nil {
		t.Errorf("%+v, %v", result, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
	wantFlag(t, s, "alice", true)

	bob := find(t, d, "bob")
	proxy.OnRequest(nil)
	dropAnswer(proxy)
	err := d.SetPassword(t.Context(), bob, second)
	if _, ok := errors.AsType[*directory.UnknownError](err); !ok {
		t.Fatalf("got %v, want unknown", err)
	}
	proxy.OnResponse(nil)
	wantFlag(t, s, "bob", false)
	if got, err := d.Settle(t.Context(), bob.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	wantPassword(t, s, "bob", second, testenv.FirstPassword)
	wantFlag(t, s, "bob", true)
}

// dropOnce loses the first request of a kind that holds a text.
func dropOnce(proxy *testenv.LDAPProxy, op int, text string) {
	done := false
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if done || m.Op != op || !strings.Contains(string(m.Bytes), text) {
			return testenv.LDAPAction{}
		}
		done = true
		return testenv.LDAPAction{Drop: true}
	})
}

// dropAnswer loses each answer to a password write that is a success.
func dropAnswer(proxy *testenv.LDAPProxy) {
	const success = "\x0a\x01\x00"
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		text := string(m.Bytes)
		return testenv.LDAPAction{Drop: m.Op == testenv.LDAPExtendedResponse && !strings.Contains(text, "dn:") && strings.Contains(text, success)}
	})
}

func TestMustChangeFirst(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	c := configFor(s)
	c.WriteStrategy = string(directory.FlagFirst)
	d := open(t, c)
	young := find(t, d, "young")
	if policy, err := d.Policy(t.Context(), young); err != nil || !policy.ChangeableAt.IsZero() || policy.MinAge == 0 {
		t.Errorf("the minimum age is shown to be in the way: %+v, %v", policy, err)
	}
	// Length and history hold, and after a refusal all is as before.
	for password, reason := range map[string]directory.Reason{"short-1": directory.TooShort, testenv.FirstPassword: directory.Unchanged} {
		wantRefused(t, d.SetPassword(t.Context(), young, password), reason)
		wantPassword(t, s, "young", testenv.FirstPassword)
		wantFlag(t, s, "young", false)
	}
	result, err := d.Reset(t.Context(), young, second)
	if err != nil || !result.AgeWaived {
		t.Fatalf("%+v, %v", result, err)
	}
	wantPassword(t, s, "young", second, testenv.FirstPassword)
	wantFlag(t, s, "young", false)
	wantRefused(t, d.SetPassword(t.Context(), find(t, d, "young"), testenv.FirstPassword), directory.InHistory)
	wantFlag(t, s, "young", false)
	// Whom no minimum age hinders gets one write and no flag.
	before := strings.Count(slapdLog(t, s), "MOD attr=pwdReset")
	if result, err := d.Reset(t.Context(), find(t, d, "alice"), second); err != nil || result.AgeWaived {
		t.Errorf("%+v, %v", result, err)
	}
	if after := strings.Count(slapdLog(t, s), "MOD attr=pwdReset"); after != before {
		t.Errorf("%d flags were written for an ordinary person", after-before)
	}
}

// TestMustChangeFirstLeavesTheFlagOfOthers: an administrator's flag waives the
// age already, and a refusal must not take it away.
func TestMustChangeFirstLeavesTheFlagOfOthers(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	c := configFor(s)
	c.WriteStrategy = string(directory.FlagFirst)
	d := open(t, c)
	if err := s.Modify(t.Context(), "dn: "+testenv.PersonDN("young")+"\nchangetype: modify\nreplace: pwdReset\npwdReset: TRUE\n"); err != nil {
		t.Fatal(err)
	}
	young := find(t, d, "young")
	wantRefused(t, d.SetPassword(t.Context(), young, "short-1"), directory.TooShort)
	wantFlag(t, s, "young", true)
	if got, err := d.Settle(t.Context(), young.Attempt(), ""); got != directory.NotWritten || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	wantFlag(t, s, "young", true)
	wantPassword(t, s, "young", testenv.FirstPassword)
}

func TestMustChangeFirstWithoutTheRight(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.WriteStrategy = string(directory.FlagFirst)
	d := open(t, c)
	wantRefused(t, d.SetPassword(t.Context(), find(t, d, "young"), second), directory.TooYoung)
	wantPassword(t, s, "young", testenv.FirstPassword, second)
}

// TestMustChangeFirstUnknown loses the answer, and then the request, of the
// write under the flag.
func TestMustChangeFirstUnknown(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	proxy := testenv.NewLDAPProxy(t, s, nil)
	c := configFor(s)
	c.Servers, c.WriteStrategy = []string{proxy.LDAPSURL}, string(directory.FlagFirst)
	d := open(t, c)
	young := find(t, d, "young")

	flagged := false
	proxy.OnRequest(func(m testenv.LDAPMessage) testenv.LDAPAction {
		flagged = flagged || m.Op == modifyRequest
		return testenv.LDAPAction{Drop: flagged && m.Op == testenv.LDAPExtendedRequest && strings.Contains(string(m.Bytes), second)}
	})
	wantUnknown(t, d.SetPassword(t.Context(), young, second))
	wantFlag(t, s, "young", true)
	proxy.OnRequest(nil)
	for _, password := range []string{second, ""} {
		if got, err := d.Settle(t.Context(), young.Attempt(), password); got != directory.NotWritten || err != nil {
			t.Errorf("settled as %v, %v", got, err)
		}
		wantFlag(t, s, "young", false)
	}
	wantPassword(t, s, "young", testenv.FirstPassword, second)

	dropAnswer(proxy)
	young = find(t, d, "young")
	wantUnknown(t, d.SetPassword(t.Context(), young, second))
	proxy.OnResponse(nil)
	if got, err := d.Settle(t.Context(), young.Attempt(), second); got != directory.Written || err != nil {
		t.Errorf("settled as %v, %v", got, err)
	}
	wantFlag(t, s, "young", false)
	wantPassword(t, s, "young", second, testenv.FirstPassword)
}

func wantUnknown(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*directory.UnknownError](err); !ok {
		t.Fatalf("got %v, want unknown", err)
	}
}

// TestTheFlagIsTakenBackWhenItsOwnAnswerIsLost: the password was not sent, so
// nothing is unknown.
func TestTheFlagIsTakenBackWhenItsOwnAnswerIsLost(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	proxy := testenv.NewLDAPProxy(t, s, nil)
	c := configFor(s)
	c.Servers, c.WriteStrategy = []string{proxy.LDAPSURL}, string(directory.FlagFirst)
	d := open(t, c)
	young := find(t, d, "young")
	lost := false
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		if lost || m.Op != modifyResponse {
			return testenv.LDAPAction{}
		}
		lost = true
		return testenv.LDAPAction{Swallow: true}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := d.SetPassword(ctx, young, second); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if !lost {
		t.Fatal("no answer was lost")
	}
	wantFlag(t, s, "young", false)
	wantPassword(t, s, "young", testenv.FirstPassword, second)
}
