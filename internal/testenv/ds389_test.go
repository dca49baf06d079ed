package testenv

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Test389ServiceAccount: it resets and unlocks, and nothing else. Two servers at
// a time have nothing in common.
func Test389ServiceAccount(t *testing.T) {
	t.Parallel()
	for n := range 2 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			ctx, begin := t.Context(), time.Now()
			s := Start389(t)
			t.Log("started in", time.Since(begin))
			alice := PersonDN("alice")
			if err := s.Bind(ctx, alice, FirstPassword); err != nil {
				t.Fatal(err)
			}
			service, err := s.Connect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer service.Close()
			if err := service.SetPassword(alice, newPassword); err != nil {
				t.Fatal(err)
			}
			if err := s.Bind(ctx, alice, FirstPassword); !errors.Is(err, ErrInvalidCredentials) {
				t.Errorf("the old password: %v", err)
			}
			if err := s.Bind(ctx, alice, newPassword); err != nil {
				t.Errorf("the new password: %v", err)
			}
			for _, attribute := range []string{"passwordRetryCount", "retryCountResetTime", "accountUnlockTime"} {
				if err := service.Replace(alice, attribute); err != nil {
					t.Errorf("unlock: %s: %v", attribute, err)
				}
			}
			for _, attribute := range []string{"displayName", "nsAccountLock", "mail", "passwordExpirationTime"} {
				if err := service.Replace(alice, attribute, "x"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
					t.Errorf("write of %s: %v", attribute, err)
				}
			}
			if seen, err := service.Values(alice, "userPassword"); len(seen) != 0 {
				t.Errorf("it can read the stored password: %v", err)
			}
			for _, refused := range []string{"short", FirstPassword, newPassword} {
				if err := service.SetPassword(alice, refused); !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
					t.Errorf("a password against the policy: %v", err)
				}
			}
		})
	}
}

// Test389People: everyone is what the documentation says.
func Test389People(t *testing.T) {
	t.Parallel()
	s, ctx := Start389(t), t.Context()
	refusal := map[string]uint16{"disabled": ldap.LDAPResultUnwillingToPerform, "adminlocked": ldap.LDAPResultConstraintViolation}
	for _, uid := range People() {
		err := s.Bind(ctx, PersonDN(uid), FirstPassword)
		if code, shut := refusal[uid]; shut && !ldap.IsErrorWithCode(err, code) || !shut && err != nil {
			t.Errorf("bind as %s: %v", uid, err)
		}
	}
	service, err := s.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if err := service.SetPassword(PersonDN("young"), newPassword); !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
		t.Errorf("reset of a password that is too young: %v", err)
	}
	if err := service.SetPassword(PersonDN("bob"), newPassword); err != nil {
		t.Errorf("reset of another: %v", err)
	}
	if length, err := service.Values("cn=config", "passwordMinLength"); err != nil || len(length) != 1 || length[0] != "10" {
		t.Errorf("the policy's length: %q, %v", length, err)
	}
	for range 3 {
		_ = s.Bind(ctx, PersonDN("bob"), "wrong")
	}
	if err := s.Bind(ctx, PersonDN("bob"), newPassword); !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
		t.Errorf("three wrong passwords do not lock: %v", err)
	}
}

// Test389MustChange: whoever was reset is told, and the service account goes on.
func Test389MustChange(t *testing.T) {
	t.Parallel()
	s, ctx := Start389(t, DS389Options{MustChange: true}), t.Context()
	service, err := s.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if err := service.SetPassword(PersonDN("alice"), newPassword); err != nil {
		t.Fatal(err)
	}
	if reset, err := service.Values(PersonDN("alice"), "pwdReset"); err != nil || len(reset) != 1 || reset[0] != "TRUE" {
		t.Errorf("pwdReset: %q, %v", reset, err)
	}
}

// Test389Stops: whatever way it ends, no process is left, and the data are there
// afterwards.
func Test389Stops(t *testing.T) {
	t.Parallel()
	s := Start389(t, DS389Options{LDIF: PersonLDIF("dora")})
	ctx := t.Context()
	for name, end := range map[string]func(){"stop": s.Stop, "kill": s.Kill} {
		pid := s.PID()
		end()
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("after %s: %v", name, err)
		}
		if err := s.Bind(ctx, PersonDN("dora"), FirstPassword); err == nil || errors.Is(err, ErrInvalidCredentials) {
			t.Errorf("bind after %s: %v", name, err)
		}
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Bind(ctx, PersonDN("dora"), FirstPassword); err != nil {
			t.Error(err)
		}
	}
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := s.Continue(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, PersonDN("dora")); err != nil {
		t.Error(err)
	}
}

// Test389Syncs is also a restart: the plug-in is turned on by one.
func Test389Syncs(t *testing.T) {
	t.Parallel()
	s := Start389(t, DS389Options{ContentSync: true})
	controls, err := s.Attribute(t.Context(), "", "supportedControl")
	if err != nil {
		t.Fatal(err)
	}
	const syncRequest = "1.3.6.1.4.1.4203.1.9.1.1" // RFC 4533 §2.2
	if !slices.Contains(controls, syncRequest) {
		t.Errorf("no content synchronization in %q", controls)
	}
}
