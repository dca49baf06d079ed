package recovery

import (
	"testing"

	"latchkey/resetapi/policy"
)

// TestStricterRulesHoldAtTheWrite: who must prove more by the time of the write,
// an administrator since then, is not written with what was enough before.
func TestStricterRulesHoldAtTheWrite(t *testing.T) {
	h := newHarness(t, nil)
	h.add("alice")
	ticket := h.prove(t, h.begin(t, "alice"), EmailCode)
	rule := policy.Rule{Enabled: true, Gates: 2, Methods: []string{"email", "sms"}}
	h.Policy = policy.New([]policy.Rule{rule}, policy.Protected{}, policy.Administrators{})
	if _, err := h.SetPassword(t.Context(), ticket, newPassword); end(err) != Superseded || h.dir.writes != 0 {
		t.Errorf("%v, %d writes", err, h.dir.writes)
	}
}
