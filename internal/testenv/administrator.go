package testenv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Administrator does to a directory what its administrator may, over LDAPS. It
// is how tests arrange things and look at what came of them.
type Administrator struct {
	// LDAPSURL is the address for LDAPS, URL the one for StartTLS.
	LDAPSURL, URL string
	// BaseDN is the suffix.
	BaseDN string
	// ServiceDN and ServicePassword are the service account that Latchkey gets.
	ServiceDN, ServicePassword string
	// CAFile is the authority that signed the server's certificate.
	CAFile string
	// Certificates are the server's own, for a proxy in front of it.
	Certificates *Certificates

	dir, adminDN, adminPassword string
}

// Dial connects over LDAPS and binds as dn. A refused password wraps
// [ErrInvalidCredentials] and the *ldap.Error, which says why.
func (a *Administrator) Dial(ctx context.Context, dn, password string) (*LDAPClient, error) {
	text, err := os.ReadFile(a.CAFile)
	if err != nil {
		return nil, err
	}
	trust := x509.NewCertPool()
	if !trust.AppendCertsFromPEM(text) {
		return nil, errors.New("the authority of the directory is no certificate")
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if until, ok := ctx.Deadline(); ok {
		dialer.Deadline = until
	}
	conn, err := ldap.DialURL(a.LDAPSURL, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(&tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(20 * time.Second)
	if err := conn.Bind(dn, password); err != nil {
		_ = conn.Close()
		if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return nil, fmt.Errorf("%w: %w", ErrInvalidCredentials, err)
		}
		return nil, err
	}
	return &LDAPClient{conn}, nil
}

// Connect connects over LDAPS and binds as the service account.
func (a *Administrator) Connect(ctx context.Context) (*LDAPClient, error) {
	return a.Dial(ctx, a.ServiceDN, a.ServicePassword)
}

// Bind reports whether the directory lets dn in with a password, as
// [Administrator.Dial] does.
func (a *Administrator) Bind(ctx context.Context, dn, password string) error {
	c, err := a.Dial(ctx, dn, password)
	if err == nil {
		c.Close()
	}
	return err
}

// Modify applies LDIF changes with OpenLDAP's own client. Entries without a
// changetype are added.
func (a *Administrator) Modify(ctx context.Context, ldif string) error {
	return LDAPTools{URL: a.LDAPSURL, CAFile: a.CAFile}.modify(ctx, a.adminDN, a.adminPassword, ldif)
}

func (a *Administrator) overTLS() (string, *Certificates) { return a.LDAPSURL, a.Certificates }

// Replace replaces the values of one attribute of an entry; without values it
// is removed.
func (a *Administrator) Replace(ctx context.Context, dn, attribute string, values ...string) error {
	return a.asAdministrator(ctx, func(c *LDAPClient) error { return c.Replace(dn, attribute, values...) })
}

// Delete removes an entry that has none below it.
func (a *Administrator) Delete(ctx context.Context, dn string) error {
	return a.asAdministrator(ctx, func(c *LDAPClient) error { return c.conn.Del(ldap.NewDelRequest(dn, nil)) })
}

// Attribute returns the values of one attribute of an entry.
func (a *Administrator) Attribute(ctx context.Context, dn, name string) (values []string, err error) {
	err = a.asAdministrator(ctx, func(c *LDAPClient) error {
		values, err = c.Values(dn, name)
		return err
	})
	return values, err
}

func (a *Administrator) asAdministrator(ctx context.Context, do func(*LDAPClient) error) error {
	c, err := a.Dial(ctx, a.adminDN, a.adminPassword)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// Replace replaces the values of one attribute of an entry.
func (c *LDAPClient) Replace(dn, attribute string, values ...string) error {
	change := ldap.NewModifyRequest(dn, nil)
	change.Replace(attribute, values)
	return c.conn.Modify(change)
}

// SetUnicodePassword is the reset of a password in Active Directory, which has
// no Password Modify operation ([MS-ADTS] 3.1.1.3.1.5.1).
func (c *LDAPClient) SetUnicodePassword(dn, password string) error {
	return c.Replace(dn, "unicodePwd", UnicodePassword(password))
}
