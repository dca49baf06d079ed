package resetapi

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// recheckAfter is how often a handshake may look whether the files changed.
const recheckAfter = 5 * time.Second

// Certificate is the server's own, read from two files and read again when
// they change. Files that do not go together are logged, and the pair that was
// in use stays in use. The minimum is TLS 1.2 with Go's choice of ciphers
// (RFC 9325).
type Certificate struct {
	certFile, keyFile string
	logger            *slog.Logger
	inUse             atomic.Pointer[tls.Certificate]

	mu      sync.Mutex
	read    [2]stamp
	looked  time.Time
	recheck time.Duration
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

// OpenCertificate reads a certificate chain and its key.
func OpenCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, logger: logger, recheck: recheckAfter}
	return c, c.Reload()
}

// Reload reads both files. When they cannot be used, the error says why and the
// old pair stays.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.stamps()
	if err != nil {
		return err
	}
	return c.load(now)
}

func (c *Certificate) load(now [2]stamp) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load the certificate %s: %w", c.certFile, err)
	}
	if pair.Leaf != nil && time.Now().After(pair.Leaf.NotAfter) {
		c.logger.Warn("the certificate has expired", "file", c.certFile, "expired", pair.Leaf.NotAfter)
	}
	c.inUse.Store(&pair)
	c.read = now
	return nil
}

func (c *Certificate) stamps() ([2]stamp, error) {
	cert, certErr := os.Stat(c.certFile)
	key, keyErr := os.Stat(c.keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		return [2]stamp{}, fmt.Errorf("load the certificate: %w", err)
	}
	of := func(info fs.FileInfo) stamp { return stamp{info.ModTime(), info.Size()} }
	return [2]stamp{of(cert), of(key)}, nil
}

// Config is how the public listener speaks TLS.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.refresh()
			return c.inUse.Load(), nil
		},
	}
}

// refresh takes up changed files, looking at most once every few seconds; other
// handshakes do not wait for it. A pair that cannot be used may be half written
// and is tried again.
func (c *Certificate) refresh() {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	if time.Since(c.looked) < c.recheck {
		return
	}
	c.looked = time.Now()
	now, err := c.stamps()
	if err == nil && now == c.read {
		return
	}
	if err == nil {
		err = c.load(now)
	}
	if err != nil {
		c.logger.Error("the changed certificate cannot be used; the old one stays in use", "error", err)
		return
	}
	c.logger.Info("the certificate changed and is in use", "expires", c.Expires())
}

// Expires is when the certificate in use ends.
func (c *Certificate) Expires() time.Time {
	if pair := c.inUse.Load(); pair != nil && pair.Leaf != nil {
		return pair.Leaf.NotAfter
	}
	return time.Time{}
}
