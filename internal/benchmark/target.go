package benchmark

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"latchkey/internal/testenv"
)

// target is the directory of a run. Each stores passwords as it does by default,
// or by the scheme that names the row.
type target interface {
	PID() int
	// connect returns a connection for bare password writes, bound as the service
	// account.
	connect(ctx context.Context) (bare, error)
	// section is how Latchkey is told of the directory.
	section() section
	// dn is the name of a person.
	dn(uid string) string
	// settle brings the passwords into the state that is promised, such as a full
	// history, and looks at it.
	settle(ctx context.Context, people []*person) error
	Stop()
}

// bare is a connection for what is compared with.
type bare interface {
	SetPassword(dn, password string) error
	// Bind signs a person in, on the same connection.
	Bind(dn, password string) error
	Close()
}

// section is the part of [[directory]] that differs.
type section struct {
	server, caFile, base, groups, service, password, policy string
	twoGates, protected                                     string
}

// The rows beside the schemes of slapd.
const (
	DS389 = "389 DS"
	Samba = "Samba AD"
)

// openTarget starts a directory with the people of a run.
func openTarget(ctx context.Context, dir, scheme string, one, two []*person) (target, error) {
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o711); err != nil {
		return nil, err
	}
	switch dir := filepath.Join(dir, "directory"); scheme {
	case DS389:
		return open389(ctx, dir, one, two)
	case Samba:
		return openSamba(ctx, dir, one, two)
	default:
		return openSlapd(ctx, dir, scheme, one, two)
	}
}

// slapd is OpenLDAP.
type slapd struct {
	*testenv.Slapd
	scheme string
}

func openSlapd(ctx context.Context, dir, scheme string, one, two []*person) (target, error) {
	ldif, err := entries(ctx, scheme, one, two)
	if err != nil {
		return nil, err
	}
	s, err := testenv.StartSlapd(ctx, dir, testenv.SlapdOptions{LDIF: ldif, PasswordScheme: scheme, Durable: true, Quiet: true})
	if err != nil {
		return nil, err
	}
	return slapd{s, scheme}, nil
}

func (s slapd) connect(context.Context) (bare, error) { return s.Connect() }

func (slapd) dn(uid string) string { return testenv.PersonDN(uid) }

func (s slapd) section() section {
	return section{
		server: s.LDAPSURL, caFile: s.CAFile, base: "ou=people," + s.BaseDN, groups: "ou=groups," + s.BaseDN, service: s.ServiceDN, password: s.ServicePassword,
		policy: testenv.DefaultPolicyDN, twoGates: twoGatesGroup, protected: testenv.ProtectedGroupDN,
	}
}

// settle: the history is full by the entries; this looks at some as the root DN.
func (s slapd) settle(ctx context.Context, people []*person) error {
	for _, p := range []*person{people[0], people[len(people)-1]} {
		past, err := s.Attribute(ctx, s.dn(p.uid), "pwdHistory")
		if err != nil {
			return err
		}
		if len(past) != history {
			return fmt.Errorf("%w: %d of %d of %s passwords", errNotFull, len(past), history, s.scheme)
		}
	}
	return nil
}

// fill sets passwords until every history is full.
func fill(ctx context.Context, t target, people []*person) error {
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for range history + 1 {
		for _, p := range people {
			if err := c.SetPassword(p.dn, freshPassword()); err != nil {
				return fmt.Errorf("fill the history of %s: %w", p.uid, err)
			}
		}
	}
	return nil
}
