package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-ldap/ldap/v3"
)

// explain turns a failed connection into a sentence that says how to mend it.
// It names the server and keys of the configuration, never an account.
func explain(s *server, err error) error {
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return explainCertificate(s, certificate)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("%s does not speak TLS on this port: ldaps:// needs the directory's LDAPS port (usually 636), ldap:// the plain one (389) with StartTLS: %w", s.url, err)
	}
	if errors.Is(err, errNoStartTLS) {
		return fmt.Errorf("%s: set up TLS in the directory, or use ldaps://; Latchkey sends no password without TLS: %w", s.url, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s did not answer in time: check that it runs and that no firewall is in between (connect_timeout): %w", s.url, err)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s closed the connection before TLS was set up: check that this port speaks TLS, and the directory's own log: %w", s.url, err)
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s cannot be reached: check servers, and that the directory runs and listens there: %w", s.url, err)
	}
	return fmt.Errorf("%s: %w", s.url, err)
}

func explainCertificate(s *server, err *tls.CertificateVerificationError) error {
	if names, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Errorf("%s shows a certificate for another name: write one of its names into servers, or have it renewed with this one: %w", s.url, names)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return fmt.Errorf("%s shows a certificate that has expired or is not valid yet: renew it, and check the clocks: %w", s.url, invalid)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%s shows a certificate of an authority that is not trusted here: name that authority's PEM file in ca_file: %w", s.url, err)
	}
	return fmt.Errorf("%s shows a certificate that does not hold: %w", s.url, err)
}

// explainBind turns a refused bind of the service account into a sentence.
func explainBind(s *server, policy int, err error) error {
	a, ok := answerOf(err)
	switch {
	case err == nil:
		return fmt.Errorf("%s: the service account must change its own password first, for another account has set it: change it as the service account, or clear pwdReset, and give it a password policy of its own without must-change", s.url)
	case !ok:
		return explain(s, err)
	case policy == policyLocked:
		return fmt.Errorf("%s: the service account is locked: unlock it, and give it a password policy of its own without lockout: %s", s.url, a)
	case policy == policyExpired:
		return fmt.Errorf("%s: the password of the service account has expired: set a new one, and give it a password policy of its own without expiry: %s", s.url, a)
	case a.code == ldap.LDAPResultInvalidCredentials && stateInBind(a.text) != "":
		return fmt.Errorf("%s: the service account %s: %s", s.url, stateInBind(a.text), a)
	case a.code == ldap.LDAPResultInvalidCredentials:
		return fmt.Errorf("%s does not accept bind_dn with this password: check bind_dn and bind_password_file: %s", s.url, a)
	default:
		return fmt.Errorf("%s refuses the bind of the service account: %s", s.url, a)
	}
}
