package writeback_test

import (
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/finding"
)

// The rights of docs/sync.md are enough, and give no password; doctor sees both, and
// sees what is missing or too much. On each kind of server.
func (s *site) examined(t *testing.T, alice string) {
	t.Helper()
	examine := func(c directory.Config, account directory.WriteBackAccount) map[string]finding.Finding {
		w, err := directory.OpenWriteBack(c, account, s.logger())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		found := make(map[string]finding.Finding)
		for _, f := range w.Examine(t.Context(), s.people, "alice") {
			found[f.Check] = f
		}
		return found
	}
	want := func(found map[string]finding.Finding, states ...finding.State) {
		t.Helper()
		for i, check := range []string{"write_back account", "sees entries", "writes contacts", "writes no password"} {
			if found[check].State != states[i] {
				t.Errorf("%s: %+v, want %v", check, found[check], states[i])
			}
		}
	}
	before := s.values(t, "alice", s.email)
	account := s.Account()
	account.Attributes = []string{s.email, s.mobile, s.single}
	want(examine(s.ground.config, account), finding.Good, finding.Good, finding.Good, finding.Good)
	account.Attributes = []string{s.email, s.forbidden}
	want(examine(s.ground.config, account), finding.Good, finding.Good, finding.Failed, finding.Good)
	// The account that writes passwords, in the place of the other one.
	swapped := s.ground.config
	swapped.BindDN, swapped.BindPassword = account.BindDN, account.BindPassword
	account.BindDN, account.BindPassword = s.ground.config.BindDN, s.ground.config.BindPassword
	want(examine(swapped, account), finding.Good, finding.Good, finding.Failed, finding.Failed)
	account.BindPassword = s.BindPassword
	want(examine(swapped, account), finding.Failed, finding.Skipped, finding.Skipped, finding.Skipped)
	s.want(t, "nothing changed", "alice", s.email, before...)
	if _, err := s.people.Find(t.Context(), "alice"); err != nil || s.id(t, "alice") != alice {
		t.Errorf("alice: %v", err)
	}
}
