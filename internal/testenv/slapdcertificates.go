package testenv

import (
	"net"
	"time"
)

// NewExpiredCertificates makes certificates in dir whose time is over.
func NewExpiredCertificates(dir string) (*Certificates, error) {
	return newCertificates(dir, time.Now().Add(-time.Minute), "localhost", net.IPv4(127, 0, 0, 1))
}

// NewCertificatesFor makes certificates in dir for another name than the
// loopback's.
func NewCertificatesFor(dir, name string) (*Certificates, error) {
	return newCertificates(dir, time.Now().Add(24*time.Hour), name)
}

// NewCertificatesUntil makes certificates in dir that end then.
func NewCertificatesUntil(dir string, until time.Time) (*Certificates, error) {
	return newCertificates(dir, until, "localhost", net.IPv4(127, 0, 0, 1))
}
