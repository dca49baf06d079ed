package blackbox

import (
	"errors"
	"net/http"
	"testing"

	"latchkey/internal/testenv"
)

// TestMustFinishOnADomain: with temporary-then-change the history of a domain holds
// for a reset, at the price that a refusal leaves the person without the old
// password. They are told so, everywhere, and led on to another.
func TestMustFinishOnADomain(t *testing.T) {
	t.Parallel()
	h := homeSamba(t, testenv.StartSamba(t, testenv.SambaOptions{LDIF: domainGroups})).with("write_strategy = \"temporary-then-change\"\n")
	s := start(t, options{limits: roomy(), home: h})
	c := s.caller().verified("alice")
	if r := c.want(http.StatusUnprocessableEntity, c.set(testenv.FirstPassword)); reasons(r) != "in_history" {
		t.Errorf("the present password again: %s", r.body)
	}
	for _, client := range h.clients {
		if err := client.signIn(t.Context(), "alice", testenv.FirstPassword); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Errorf("%s: the old password is not dead: %v", client.name, err)
		}
	}
	if r := c.want(http.StatusOK, c.do(http.MethodGet, "/recoveries/"+c.id, nil)); r.json["must_finish"] != true || r.json["state"] != "set_password" {
		t.Errorf("the recovery: %s", r.body)
	}
	s.mailWith("alice@home.test", "a new one is not set yet")
	c.want(http.StatusOK, c.set(newPassword))
	s.signsIn("alice", newPassword, testenv.FirstPassword)
	s.mailWith("alice@home.test", "A new password was set")
}
