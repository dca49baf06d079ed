package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/testenv"
)

func TestChange(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	ctx := t.Context()
	alice := find(t, d, "alice")
	if err := d.Change(ctx, alice, "not-her-Password-0", second); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	wantPassword(t, s, "alice", testenv.FirstPassword, second)
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, "short-1"), directory.TooShort)
	wantRefused(t, d.Change(ctx, alice, testenv.FirstPassword, testenv.FirstPassword), directory.Unchanged)
	if err := d.Change(ctx, alice, testenv.FirstPassword, second); err != nil {
		t.Fatal(err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
	wantRefused(t, d.Change(ctx, find(t, d, "alice"), second, testenv.FirstPassword), directory.InHistory)
	wantRefused(t, d.Change(ctx, find(t, d, "young"), testenv.FirstPassword, second), directory.TooYoung)
	if err := d.Change(ctx, find(t, d, "alice"), "", "third-Password-3"); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with no password: %v", err)
	}
	wantPassword(t, s, "alice", second, "third-Password-3")
}

// TestChangeWhoseOldPasswordIsNeeded: pwdSafeModify forbids resets, not changes.
func TestChangeWhoseOldPasswordIsNeeded(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{DefaultPolicy: "pwdSafeModify: TRUE\n"})
	d := open(t, configFor(s))
	if err := d.SetPassword(t.Context(), find(t, d, "alice"), second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("a reset: %v", err)
	}
	if err := d.Change(t.Context(), find(t, d, "alice"), testenv.FirstPassword, second); err != nil {
		t.Errorf("a change: %v", err)
	}
	wantPassword(t, s, "alice", second, testenv.FirstPassword)
}

func TestChangeOfOneThatMustBeChanged(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, flagging())
	c := configFor(s)
	c.MustChange = true
	d := open(t, c)
	if err := d.SetPassword(t.Context(), find(t, d, "alice"), second); err != nil {
		t.Fatal(err)
	}
	wantFlag(t, s, "alice", true)
	const third = "third-Password-3"
	if err := d.Change(t.Context(), find(t, d, "alice"), second, third); err != nil {
		t.Fatal(err)
	}
	wantFlag(t, s, "alice", false)
	wantPassword(t, s, "alice", third, second)
}

// TestChangeOfAnExpiredOne: slapd lets nobody in with it, and says so only where
// it is right.
func TestChangeOfAnExpiredOne(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{DefaultPolicy: "pwdMaxAge: 8\npwdGraceAuthNLimit: 0\n"})
	d := open(t, configFor(s))
	ctx := t.Context()
	if err := d.SetPassword(ctx, find(t, d, "alice"), second); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); s.Bind(ctx, testenv.PersonDN("alice"), second) == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the password does not expire")
		}
	}
	if err := d.Change(ctx, find(t, d, "alice"), "not-her-Password-0", "third-Password-3"); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	wantRefused(t, d.Change(ctx, find(t, d, "alice"), second, testenv.FirstPassword), directory.InHistory)
	if err := d.Change(ctx, find(t, d, "alice"), second, "third-Password-3"); err != nil {
		t.Fatal(err)
	}
	wantPassword(t, s, "alice", "third-Password-3", second)
}

// TestS37_AChangeThatWasOvertaken: another password was set after the old one was
// proved. It is not replaced, also where the service account writes because the old
// one has expired, and the directory does not compare it again.
func TestS37_AChangeThatWasOvertaken(t *testing.T) {
	t.Parallel()
	const third = "third-Password-3"
	for name, policy := range map[string]string{"in force": "", "expired": "pwdMaxAge: 3600\npwdGraceAuthNLimit: 0\n"} {
		t.Run(name, func(t *testing.T) {
			s := testenv.NewSlapd(t, testenv.SlapdOptions{DefaultPolicy: policy})
			d := open(t, configFor(s))
			err := d.ChangeProved(t.Context(), find(t, d, "alice"), testenv.FirstPassword, third, func(ctx context.Context) error {
				return d.SetPassword(ctx, find(t, d, "alice"), second)
			})
			if !errors.Is(err, directory.ErrWrongPassword) {
				t.Errorf("%v", err)
			}
			wantPassword(t, s, "alice", second, third)
		})
	}
}

func TestChangeOfALockedAccount(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	d := open(t, configFor(s))
	for _, login := range []string{"disabled", "adminlocked"} {
		if err := d.Change(t.Context(), find(t, d, login), testenv.FirstPassword, second); !errors.Is(err, directory.ErrNotAllowed) {
			t.Errorf("%s: %v", login, err)
		}
		wantPassword(t, s, "alice", testenv.FirstPassword, second)
	}
	lockOut(t, s, "bob")
	if err := d.Change(t.Context(), find(t, d, "bob"), testenv.FirstPassword, second); !errors.Is(err, directory.ErrNotAllowed) {
		t.Errorf("locked by wrong passwords: %v", err)
	}
}
