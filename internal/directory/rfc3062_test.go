package directory_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

// TestAnyServerWithPasswordModify: slapd, which says nothing of what it is.
func TestAnyServerWithPasswordModify(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{ServiceWrites: []string{"pwdAccountLockedTime", "pwdReset"}})
	proxy := testenv.NewLDAPProxy(t, s, nil)
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		return testenv.LDAPAction{Replace: bytes.ReplaceAll(m.Bytes, []byte("OpenLDAProotDSE"), []byte("AnotherKindOfIt"))}
	})
	c := configFor(s)
	c.Servers, c.MustChange = []string{proxy.LDAPSURL}, true
	d, heard := openLogged(t, c)
	ctx := t.Context()
	if err := d.Check(ctx); err != nil || !strings.Contains(heard.String(), "of a kind that is not known") || !strings.Contains(heard.String(), "must_change has no effect") {
		t.Errorf("%v; the log is\n%s", err, heard)
	}
	alice := find(t, d, "alice")
	if alice.ID.Kind != "entryUUID" {
		t.Errorf("the id is %s", alice.ID)
	}
	if policy, err := d.Policy(ctx, alice); err != nil || policy.MinLength != 10 || policy.History != 3 {
		t.Errorf("policy: %+v, %v", policy, err)
	}
	wantRefused(t, d.SetPassword(ctx, alice, "short-1"), directory.TooShort)
	wantRefused(t, d.SetPassword(ctx, find(t, d, "young"), second), directory.TooYoung)
	result, err := d.Reset(ctx, alice, second)
	if err != nil || result.Incomplete == nil || !errors.Is(result.Incomplete, directory.ErrNotAllowed) {
		t.Errorf("%+v, %v", result, err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
	wantFlag(t, s, "alice", false)
	if err := d.Change(ctx, find(t, d, "alice"), second, third); err != nil {
		t.Error(err)
	}
	wantPassword(t, s, "alice", third, second)
	for _, uid := range []string{"disabled", "adminlocked"} {
		if err := d.SetPassword(ctx, find(t, d, uid), second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", uid, err)
		}
	}
	lockOut(t, s, "bob")
	if err := d.Unlock(ctx, find(t, d, "bob")); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("unlock: %v", err)
	}
	if log := slapdLog(t, s); strings.Contains(log, " MOD dn=") {
		t.Error("something else than a password was written")
	}
}

// TestRFC3062On389: pinned, the generic kind does there too.
func TestRFC3062On389(t *testing.T) {
	t.Parallel()
	s := start389(t, testenv.DS389Options{})
	c := configFor389(s)
	c.Flavor = "rfc3062"
	d := open(t, c)
	ctx := t.Context()
	if err := d.Check(ctx); err != nil {
		t.Error(err)
	}
	if err := d.SetPassword(ctx, find(t, d, "alice"), second); err != nil {
		t.Error(err)
	}
	want389(t, s, "alice", second, testenv.FirstPassword)
	wantRefused(t, d.SetPassword(ctx, find(t, d, "alice"), testenv.FirstPassword), directory.InHistory)
	if err := d.SetPassword(ctx, find(t, d, "disabled"), second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("disabled: %v", err)
	}
}
