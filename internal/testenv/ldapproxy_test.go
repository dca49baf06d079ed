package testenv

import (
	"bytes"
	"errors"
	"testing"
)

func TestLDAPProxy(t *testing.T) {
	t.Parallel()
	s := NewSlapd(t)
	p := NewLDAPProxy(t, s, nil)
	ctx := t.Context()
	through := *s
	through.LDAPSURL = p.LDAPSURL
	if err := through.Bind(ctx, PersonDN("alice"), FirstPassword); err != nil {
		t.Errorf("bind through the proxy: %v", err)
	}
	if _, err := through.Tools().run(ctx, FirstPassword, "ldapwhoami", "-ZZ", "-x", "-H", p.URL, "-D", PersonDN("alice"), "-y", "/dev/stdin"); err != nil {
		t.Errorf("StartTLS through the proxy: %v", err)
	}
	if bytes.Contains(p.Clear(), []byte(FirstPassword)) {
		t.Error("the password passed in clear")
	}

	p.OnResponse(func(m LDAPMessage) LDAPAction {
		if m.Op == LDAPBindResponse {
			return LDAPAction{Replace: m.Result(LDAPBindResponse, 49, "made up")}
		}
		return LDAPAction{}
	})
	if err := through.Bind(ctx, PersonDN("alice"), FirstPassword); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("bind with a replaced answer: %v", err)
	}
	p.OnResponse(func(LDAPMessage) LDAPAction { return LDAPAction{Drop: true} })
	if err := through.Bind(ctx, PersonDN("alice"), FirstPassword); err == nil || errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("bind with a dropped connection: %v", err)
	}
}
