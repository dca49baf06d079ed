package store

import (
	"errors"
	"testing"

	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// TestOpenUserIsFound signs in with a wrong password, as Check does off the
// loopback.
func TestOpenUserIsFound(t *testing.T) {
	r := testenv.NewRedis(t, testenv.RedisOptions{})
	c := Defaults()
	c.Addresses, c.Username, c.Password = []string{r.Addr}, r.Username, setting.NewSecret(r.Password)
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.tryWrongPassword(t.Context()); err != nil {
		t.Errorf("a user with a password: %v", err)
	}
	if _, err := r.Admin(t.Context(), "ACL", "SETUSER", r.Username, "nopass"); err != nil {
		t.Fatal(err)
	}
	if err := s.tryWrongPassword(t.Context()); !errors.Is(err, ErrOpenUser) {
		t.Errorf("a user without one: %v", err)
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]bool{"6.0.16": false, "6.2.0": true, "7.0.15": true, "10.0.1": true, "5.9": false, "": false, "x.y": false} {
		if got := atLeast(version, 6, 2); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
