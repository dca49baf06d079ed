package directory

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// watchedFile is a file that an operator replaces while we run.
type watchedFile struct {
	path string
	seen os.FileInfo
}

// changed reports whether the file is there and is not the one of last time.
func (f *watchedFile) changed() bool {
	if f.path == "" {
		return false
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return false
	}
	same := f.seen != nil && os.SameFile(f.seen, info) && f.seen.ModTime().Equal(info.ModTime()) && f.seen.Size() == info.Size()
	f.seen = info
	return !same
}

// trust holds the certificate authorities of ca_file.
type trust struct {
	logger *slog.Logger

	mu   sync.Mutex
	file watchedFile
	tls  *tls.Config
}

func newTrust(caFile string, logger *slog.Logger) (*trust, error) {
	t := &trust{logger: logger, file: watchedFile{path: caFile}}
	t.file.changed()
	var err error
	t.tls, err = tlsConfig(caFile)
	return t, err
}

// config returns what is trusted now. A new file that does not hold changes
// nothing.
func (t *trust) config() *tls.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.file.changed() {
		return t.tls
	}
	renewed, err := tlsConfig(t.file.path)
	if err != nil {
		t.logger.Error("ca_file changed and cannot be used; the authorities from before stay trusted", "error", err)
		return t.tls
	}
	t.logger.Info("ca_file was read again")
	t.tls = renewed
	return t.tls
}

// tlsConfig verifies always; there is no way to switch that off.
func tlsConfig(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(text) {
		return nil, errors.New("ca_file: holds no certificate in PEM form")
	}
	return config, nil
}

const (
	// expiryNotice is how long before its end a certificate is complained about.
	expiryNotice = 30 * 24 * time.Hour
	// expiryEvery is how often.
	expiryEvery = 24 * time.Hour
)

// validUntil returns when the last of the verified chains ends.
func validUntil(state tls.ConnectionState) time.Time {
	var last time.Time
	for _, chain := range state.VerifiedChains {
		var end time.Time
		for _, certificate := range chain {
			if end.IsZero() || certificate.NotAfter.Before(end) {
				end = certificate.NotAfter
			}
		}
		if end.After(last) {
			last = end
		}
	}
	return last
}

// watchExpiry warns of a certificate that ends soon, once a day and server.
func (d *Directory) watchExpiry(s *server, until time.Time) {
	now := time.Now()
	if until.Sub(now) > expiryNotice || !s.dueToWarn(now) {
		return
	}
	d.logger.Warn("the certificate of the directory, or of its authority, expires soon: renew it, and ca_file where the authority changes; after that day nobody can be reset",
		"server", s.url, "expires", until.UTC().Format(time.RFC3339))
}
