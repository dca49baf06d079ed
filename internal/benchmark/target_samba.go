package benchmark

import (
	"context"
	"fmt"
	"strings"

	"latchkey/internal/testenv"
)

// samba is a domain controller, which does one thing after the other.
type samba struct{ *testenv.Samba }

func openSamba(ctx context.Context, dir string, one, two []*person) (target, error) {
	var b strings.Builder
	for _, p := range append(append([]*person(nil), one...), two...) {
		b.WriteString(testenv.SambaPersonLDIF(p.uid))
	}
	fmt.Fprintf(&b, "\ndn: %s\nchangetype: add\nobjectClass: group\nsAMAccountName: twogates\n", sambaTwoGates)
	for _, p := range two {
		fmt.Fprintf(&b, "member: %s\n", testenv.SambaPersonDN(p.uid))
	}
	s, err := testenv.OpenSamba(ctx, dir, testenv.SambaOptions{LDIF: b.String()})
	if err != nil {
		return nil, err
	}
	return samba{s}, nil
}

const sambaTwoGates = "CN=twogates," + testenv.SambaStaffDN

func (s samba) connect(ctx context.Context) (bare, error) {
	c, err := s.Connect(ctx)
	return unicode{c}, err
}

// unicode writes passwords as Active Directory wants them.
type unicode struct{ *testenv.LDAPClient }

func (u unicode) SetPassword(dn, password string) error { return u.SetUnicodePassword(dn, password) }

func (samba) dn(uid string) string { return testenv.SambaPersonDN(uid) }

func (s samba) section() section {
	return section{
		server: s.LDAPSURL, caFile: s.CAFile, base: testenv.SambaStaffDN, groups: testenv.SambaStaffDN, service: s.ServiceDN, password: s.ServicePassword,
		twoGates: sambaTwoGates, protected: testenv.SambaStaffAdminsDN,
	}
}

// settle: a reset is not held against the history there.
func (samba) settle(context.Context, []*person) error { return nil }
