package testenv

import (
	"errors"
	"testing"
)

func TestApache(t *testing.T) {
	t.Parallel()
	s := NewSlapd(t)
	a := StartApache(t, ApacheOptions{
		LDAPSURL: s.LDAPSURL, CAFile: s.CAFile, BaseDN: "ou=people," + s.BaseDN, Attribute: "uid", BindDN: s.ServiceDN, BindPassword: s.ServicePassword,
	})
	if err := a.SignIn(t.Context(), "alice", FirstPassword); err != nil {
		t.Error(err)
	}
	if err := a.SignIn(t.Context(), "alice", "wrong"); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("with a wrong password: %v", err)
	}
}
