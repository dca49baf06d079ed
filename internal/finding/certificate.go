package finding

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The checks of a sheet on what is encrypted.
const (
	TLS         = "tls"
	Certificate = "certificate"
)

// expiryNotice is how long before its end a certificate is spoken of.
const expiryNotice = 30 * 24 * time.Hour

// Encrypted notes what a verified handshake came to.
func (s *Sheet) Encrypted(state tls.ConnectionState, now time.Time) {
	s.Good(TLS, "%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	if len(state.VerifiedChains) == 0 {
		s.Fail(Certificate, "it was not verified", "")
		return
	}
	chain, end := longest(state.VerifiedChains)
	s.Expiry(fmt.Sprintf("for %s, signed by %q, chain of %d", strings.Join(names(chain[0]), " "), chain[len(chain)-1].Subject.CommonName, len(chain)), end, now)
}

// Expiry notes when a certificate ends.
func (s *Sheet) Expiry(what string, end, now time.Time) {
	const day = 24 * time.Hour
	date := end.UTC().Format(time.DateOnly)
	switch left := end.Sub(now); {
	case left <= 0:
		s.Fail(Certificate, fmt.Sprintf("%s; it ended on %s", what, date), s.renew())
	case left < expiryNotice:
		s.Warn(Certificate, fmt.Sprintf("%s; it ends in %d days, on %s", what, left/day, date), s.renew())
	default:
		s.Good(Certificate, "%s; good for %d days, until %s", what, left/day, date)
	}
}

// renew shows what is to be renewed; how, only the place's own authority knows.
func (s *Sheet) renew() string {
	if s.Look == "" {
		return ""
	}
	return "# have it renewed by the authority that issued it; this shows what is there now:\n" +
		s.Look + " </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -ext subjectAltName -dates"
}

// Untrusted notes why a handshake failed, and returns false where it was not
// because of a certificate.
func (s *Sheet) Untrusted(err error, now time.Time) bool {
	failure, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(failure.UnverifiedCertificates) == 0 {
		return false
	}
	leaf := failure.UnverifiedCertificates[0]
	if wrong, ok := errors.AsType[x509.HostnameError](failure.Err); ok {
		s.Fail(Certificate, fmt.Sprintf("it is for %s, and the configuration says %s", strings.Join(names(leaf), " "), wrong.Host),
			"# write one of its names into the configuration, or have it issued for this one\n"+s.renew())
		return true
	}
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		s.Fail(Certificate, fmt.Sprintf("for %s; it holds from %s to %s only", strings.Join(names(leaf), " "),
			leaf.NotBefore.UTC().Format(time.DateTime), leaf.NotAfter.UTC().Format(time.DateTime)), s.renew())
		return true
	}
	fix := "# name the PEM file of the authority in ca_file; this shows who signed it:\n" + s.Look + " -showcerts </dev/null"
	if s.Look == "" {
		fix = ""
	}
	s.Fail(Certificate, fmt.Sprintf("for %s; %v", strings.Join(names(leaf), " "), failure.Err), fix)
	return true
}

// names are those that a certificate is for.
func names(c *x509.Certificate) []string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return []string{"no name"}
	}
	return all
}

// longest returns the chain that holds for longest, and when the first of its
// certificates ends.
func longest(chains [][]*x509.Certificate) (chain []*x509.Certificate, end time.Time) {
	for _, candidate := range chains {
		first := candidate[0].NotAfter
		for _, c := range candidate {
			if c.NotAfter.Before(first) {
				first = c.NotAfter
			}
		}
		if first.After(end) {
			chain, end = candidate, first
		}
	}
	return chain, end
}
