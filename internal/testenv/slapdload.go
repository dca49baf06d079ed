package testenv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// The ways in which slapd stores passwords (slapd-config(5), olcPasswordHash).
const (
	SchemeSSHA   = "{SSHA}"
	SchemeArgon2 = "{ARGON2}"
)

// StoredPassword returns a password in the form in which slapd stores it.
func StoredPassword(ctx context.Context, scheme, password string) (string, error) {
	program, err := find("slappasswd")
	if err != nil {
		return "", err
	}
	args := []string{"-n", "-h", scheme, "-T", "/dev/stdin"}
	if scheme == SchemeArgon2 {
		args = append([]string{"-o", "module-path=/usr/lib/ldap", "-o", "module-load=argon2"}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(password)
	stored, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("slappasswd: %w", err)
	}
	return strings.TrimSpace(string(stored)), nil
}

// LDAPClient is one plain connection to slapd, for load and for looking things
// up; what is under test has its own.
type LDAPClient struct{ conn *ldap.Conn }

// Connect connects over LDAPS and binds as the service account.
func (s *Slapd) Connect() (*LDAPClient, error) {
	text, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	trust := x509.NewCertPool()
	if !trust.AppendCertsFromPEM(text) {
		return nil, errors.New("the authority of slapd is no certificate")
	}
	conn, err := ldap.DialURL(s.LDAPSURL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(time.Minute)
	if err := conn.Bind(s.ServiceDN, s.ServicePassword); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &LDAPClient{conn}, nil
}

// SetPassword is one Password Modify operation (RFC 3062).
func (c *LDAPClient) SetPassword(dn, password string) error {
	_, err := c.conn.PasswordModify(ldap.NewPasswordModifyRequest(dn, "", password))
	return err
}

// Bind binds anew on the same connection, as dn.
func (c *LDAPClient) Bind(dn, password string) error { return c.conn.Bind(dn, password) }

// Values returns the values of an attribute of an entry, as far as whoever is
// bound may read them.
func (c *LDAPClient) Values(dn, attribute string) ([]string, error) {
	found, err := c.conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false,
		"(objectClass=*)", []string{attribute}, nil))
	if err != nil {
		return nil, err
	}
	return found.Entries[0].GetEqualFoldAttributeValues(attribute), nil
}

// Close ends the connection.
func (c *LDAPClient) Close() { _ = c.conn.Close() }

// Stream searches below ou=people and counts the entries as they come, with
// nothing behind it.
func (c *LDAPClient) Stream(ctx context.Context, filter string, attributes ...string) (int, error) {
	const buffer = 64
	request := ldap.NewSearchRequest("ou=people,"+BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
	n := 0
	found := c.conn.SearchAsync(ctx, request, buffer)
	for found.Next() {
		if found.Entry() != nil {
			n++
		}
	}
	return n, found.Err()
}
