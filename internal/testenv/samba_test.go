package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

const newPassword = "Another-secret-2027"

// TestSambaServiceAccount: it resets passwords and nothing else. Two domain
// controllers at a time have nothing in common.
func TestSambaServiceAccount(t *testing.T) {
	t.Parallel()
	for n := range 2 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			ctx, begin := t.Context(), time.Now()
			s := StartSamba(t)
			t.Log("started in", time.Since(begin))
			alice := SambaPersonDN("alice")
			if err := s.Bind(ctx, alice, FirstPassword); err != nil {
				t.Fatal(err)
			}
			service, err := s.Connect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer service.Close()
			if err := service.SetUnicodePassword(alice, newPassword); err != nil {
				t.Fatal(err)
			}
			if err := s.Bind(ctx, alice, FirstPassword); !errors.Is(err, ErrInvalidCredentials) {
				t.Errorf("the old password: %v", err)
			}
			if err := s.Bind(ctx, "alice@corp.example.test", newPassword); err != nil {
				t.Errorf("the new password: %v", err)
			}
			if err := service.Replace(alice, "lockoutTime", "0"); err != nil {
				t.Errorf("unlock: %v", err)
			}
			if err := service.Replace(alice, "pwdLastSet", "0"); err != nil {
				t.Errorf("must change: %v", err)
			}
			for _, attribute := range []string{"displayName", "userAccountControl", "mail"} {
				if err := service.Replace(alice, attribute, "512"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
					t.Errorf("write of %s: %v", attribute, err)
				}
			}
			if err := service.SetUnicodePassword(sambaAdminDN, newPassword); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
				t.Errorf("reset outside of OU=Staff: %v", err)
			}
		})
	}
}

// TestSambaPeople: everyone is what the documentation says.
func TestSambaPeople(t *testing.T) {
	t.Parallel()
	s, ctx := StartSamba(t), t.Context()
	for _, account := range SambaPeople() {
		err := s.Bind(ctx, SambaPersonDN(account), FirstPassword)
		if shut := account == "disabled" || account == "expired"; shut != errors.Is(err, ErrInvalidCredentials) || !shut && err != nil {
			t.Errorf("bind as %s: %v", account, err)
		}
	}
	service, err := s.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if policy, err := service.Values(SambaPersonDN("carol"), "msDS-ResultantPSO"); err != nil || !cmp.Equal(policy, []string{SambaStrictPolicyDN}) {
		t.Errorf("the policy of carol: %q, %v", policy, err)
	}
	for account, limit := range map[string]string{"alice": "short-A1x", "carol": "fifteen-A1xxxxx"} {
		if err := service.SetUnicodePassword(SambaPersonDN(account), limit); !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
			t.Errorf("a short password of %s: %v", account, err)
		}
		if err := service.SetUnicodePassword(SambaPersonDN(account), limit+"x"); err != nil {
			t.Errorf("a password of %s that is just long enough: %v", account, err)
		}
	}
	admins, err := s.Attribute(ctx, SambaStaffAdminsDN, "memberOf")
	if err != nil || !cmp.Equal(admins, []string{SambaDomainAdminsDN}) {
		t.Errorf("the group of nestedadmin is in %q, %v", admins, err)
	}
	for range 3 {
		_ = s.Bind(ctx, SambaPersonDN("bob"), "wrong")
	}
	if err := s.Bind(ctx, SambaPersonDN("bob"), FirstPassword); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("three wrong passwords do not lock: %v", err)
	}
}

// TestSambaStops: whatever way it ends, no process is left, and the data are
// there afterwards.
func TestSambaStops(t *testing.T) {
	t.Parallel()
	s := StartSamba(t, SambaOptions{LDIF: SambaPersonLDIF("dora", "description: new")})
	ctx := t.Context()
	for name, end := range map[string]func(){"stop": s.Stop, "kill": s.Kill} {
		pid := s.PID()
		end()
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("after %s: %v", name, err)
		}
		if err := s.Bind(ctx, SambaPersonDN("dora"), FirstPassword); err == nil || errors.Is(err, ErrInvalidCredentials) {
			t.Errorf("bind after %s: %v", name, err)
		}
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Bind(ctx, SambaPersonDN("dora"), FirstPassword); err != nil {
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
	if err := s.Replace(ctx, SambaPersonDN("dora"), "unicodePwd", UnicodePassword(newPassword)); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, SambaPersonDN("dora")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(s.Log()); err != nil || info.Size() == 0 {
		t.Errorf("the log: %v", err)
	}
}

// TestSambaKerberos: a ticket needs the right password.
func TestSambaKerberos(t *testing.T) {
	t.Parallel()
	s, ctx := StartSamba(t, SambaOptions{Kerberos: true}), t.Context()
	if err := s.Kinit(ctx, "alice", FirstPassword); err != nil {
		t.Error(err)
	}
	if err := s.Kinit(ctx, "alice", "wrong"); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("a ticket for a wrong password: %v", err)
	}
}

// TestSambaFileServer: the file server takes the same password, and none of its
// processes is left.
func TestSambaFileServer(t *testing.T) {
	t.Parallel()
	s, ctx := StartSamba(t, SambaOptions{SMB: true}), t.Context()
	if err := s.OpenShare(ctx, "alice", FirstPassword); err != nil {
		t.Errorf("a share: %v", err)
	}
	if err := s.OpenShare(ctx, "alice", "wrong"); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("a share with a wrong password: %v", err)
	}
	// The list of shares is asked by RPC, whose processes leave the family.
	config := s.configFile()
	if _, err := command(ctx, "", []string{"USER=alice", "PASSWD=" + FirstPassword}, "smbclient", "-s", config, "-W", sambaDomain, "-L", s.Address); err != nil {
		t.Error(err)
	}
	if left := processesWith(t, config); left < 3 {
		t.Errorf("%d processes, want a file server and winbindd too", left)
	}
	s.Stop()
	if left := processesWith(t, config); left != 0 {
		t.Errorf("%d processes are left", left)
	}
}

// processesWith counts the processes that have a text in their command line.
func processesWith(t *testing.T, text string) (count int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		// One that ended in the meantime does not count.
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), text) {
			count++
		}
	}
	return count
}
