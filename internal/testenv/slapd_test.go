package testenv

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlapd(t *testing.T) {
	t.Parallel()
	s := NewSlapd(t)
	ctx := t.Context()
	for _, uid := range People() {
		err := s.Bind(ctx, PersonDN(uid), FirstPassword)
		if uid == "adminlocked" {
			if !errors.Is(err, ErrInvalidCredentials) {
				t.Errorf("bind as a locked account: %v, want ErrInvalidCredentials", err)
			}
			continue
		}
		if err != nil {
			t.Errorf("bind as %s: %v", uid, err)
		}
	}
	who, err := s.Whoami(ctx, ServiceDN, ServicePassword)
	if err != nil || who != "dn:"+ServiceDN {
		t.Errorf("the service account is %q, %v", who, err)
	}
	if err := s.Bind(ctx, PersonDN("alice"), "wrong"); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("bind with a wrong password: %v", err)
	}
}

func TestSlapdKeepsItsDataOverARestart(t *testing.T) {
	t.Parallel()
	s := NewSlapd(t)
	ctx := t.Context()
	change := "dn: " + PersonDN("alice") + "\nchangetype: modify\nreplace: displayName\ndisplayName: Changed\n\n" + PersonLDIF("carol", "shadowExpire: 2")
	if err := s.Modify(ctx, change); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := s.Bind(ctx, PersonDN("alice"), FirstPassword); err == nil || errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("bind at a stopped server: %v", err)
	}
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := s.Attribute(ctx, PersonDN("alice"), "displayName")
	if diff := cmp.Diff([]string{"Changed"}, got); diff != "" || err != nil {
		t.Errorf("after the restart: %s %v", diff, err)
	}
	if err := s.Bind(ctx, PersonDN("carol"), FirstPassword); err != nil {
		t.Error(err)
	}
	log, err := os.ReadFile(s.Log())
	if err != nil || !strings.Contains(string(log), `BIND dn="`+PersonDN("carol")+`"`) {
		t.Errorf("the log has no bind of carol (%v)", err)
	}
}
