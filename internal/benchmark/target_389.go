package benchmark

import (
	"context"
	"fmt"
	"strings"

	"latchkey/internal/testenv"
)

// ds389 is 389 Directory Server, with PBKDF2-SHA512 as by default.
type ds389 struct{ *testenv.DS389 }

func open389(ctx context.Context, dir string, one, two []*person) (target, error) {
	var b strings.Builder
	for _, p := range append(append([]*person(nil), one...), two...) {
		b.WriteString(testenv.PersonLDIF(p.uid))
	}
	fmt.Fprintf(&b, "\ndn: %s\nobjectClass: groupOfNames\ncn: twogates\n", twoGatesGroup)
	for _, p := range two {
		fmt.Fprintf(&b, "member: %s\n", testenv.PersonDN(p.uid))
	}
	s, err := testenv.Open389(ctx, dir, testenv.DS389Options{LDIF: b.String()})
	if err != nil {
		return nil, err
	}
	return ds389{s}, nil
}

func (d ds389) connect(ctx context.Context) (bare, error) { return d.Connect(ctx) }

func (ds389) dn(uid string) string { return testenv.PersonDN(uid) }

func (d ds389) section() section {
	return section{
		server: d.LDAPSURL, caFile: d.CAFile, base: "ou=people," + d.BaseDN, groups: "ou=groups," + d.BaseDN, service: d.ServiceDN, password: d.ServicePassword,
		policy: "cn=config", twoGates: twoGatesGroup, protected: testenv.ProtectedGroupDN,
	}
}

func (d ds389) settle(ctx context.Context, people []*person) error { return fill(ctx, d, people) }
