package blackbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/testenv"
)

// TestS33_ProtectedMeanwhile: who gets into what the domain protects, or the
// configuration, after the gates is not reset, which the audit tells, and the
// password stays.
func TestS33_ProtectedMeanwhile(t *testing.T) {
	t.Parallel()
	d := testenv.StartSamba(t, testenv.SambaOptions{LDIF: domainGroups + testenv.SambaPersonLDIF("counted")})
	h := homeSamba(t, d)
	h.people = append(h.people, "counted")
	s := start(t, options{limits: roomy(), home: h})
	joins := func(group string) func(dn string) string {
		return func(dn string) string {
			return "dn: " + group + "\nchangetype: modify\nadd: member\nmember: " + dn + "\n"
		}
	}
	for login, change := range map[string]func(dn string) string{
		"alice":     joins(testenv.SambaDomainAdminsDN),
		"bob":       joins(testenv.SambaStaffAdminsDN), // a group in it
		"carol":     joins("CN=Account Operators,CN=Builtin," + testenv.SambaBaseDN),
		"overlimit": joins(domainKeptDN),
		"counted":   func(dn string) string { return "dn: " + dn + "\nchangetype: modify\nadd: adminCount\nadminCount: 1\n" },
	} {
		c, other := s.caller().verified(login), s.caller().verified(login)
		if err := d.Modify(t.Context(), change(testenv.SambaPersonDN(login))); err != nil {
			t.Fatalf("%s: %v", login, err)
		}
		c.want(http.StatusGone, c.set(newPassword))
		if r := other.unlock(); r.status < http.StatusBadRequest {
			t.Errorf("unlock of %s: %d %s", login, r.status, r.body)
		}
		s.signsIn(login, testenv.FirstPassword, newPassword)
		story := s.run("audit", "search", "--recovery", c.id, "--json")
		if strings.Count(story, `"write_ended"`) != 1 || !strings.Contains(story, `"outcome":"superseded"`) || strings.Contains(story, `"write_intended"`) {
			t.Errorf("the audit of %s:\n%s", login, story)
		}
	}
	s.delivered()
	for _, login := range h.people {
		if s.notices(login+"@home.test") != 0 {
			t.Errorf("%s is told of a change", login)
		}
	}
}

// TestS34_SwitchedOffMeanwhile: an account that is switched off or expires after
// the gates is not reset, and what switched it off stays.
func TestS34_SwitchedOffMeanwhile(t *testing.T) {
	t.Parallel()
	t.Run("Active Directory", func(t *testing.T) {
		d := testenv.StartSamba(t, testenv.SambaOptions{LDIF: domainGroups})
		s := start(t, options{limits: roomy(), home: homeSamba(t, d)})
		s.switchedOff(d.Administrator, testenv.SambaPersonDN, map[string][3]string{
			"alice": {"userAccountControl", "514", "512"},
			"bob":   {"accountExpires", "116444736000000000", "0"},
		})
	})
	t.Run("389 Directory Server", func(t *testing.T) {
		d := testenv.Start389(t)
		s := start(t, options{limits: roomy(), home: home389(d)})
		s.switchedOff(d.Administrator, testenv.PersonDN, map[string][3]string{"alice": {"nsAccountLock", "true", "false"}})
	})
}

// switchedOff changes an attribute of each person after the gates; the second
// value switches the account on again.
func (s *stack) switchedOff(d testenv.Administrator, dn func(string) string, people map[string][3]string) {
	s.t.Helper()
	ctx := s.t.Context()
	for login, change := range people {
		c, other := s.caller().verified(login), s.caller().verified(login)
		if err := d.Replace(ctx, dn(login), change[0], change[1]); err != nil {
			s.t.Fatal(err)
		}
		if r := other.unlock(); r.status < http.StatusBadRequest {
			s.t.Errorf("unlock of %s: %d %s", login, r.status, r.body)
		}
		c.want(http.StatusGone, c.set(newPassword))
		if values, err := d.Attribute(ctx, dn(login), change[0]); err != nil || !slices.Equal(values, change[1:2]) {
			s.t.Errorf("%s of %s is %q, %v", change[0], login, values, err)
		}
		if err := d.Replace(ctx, dn(login), change[0], change[2]); err != nil {
			s.t.Fatal(err)
		}
		s.signsIn(login, testenv.FirstPassword, newPassword)
	}
}
