package resetapi

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/testenv"
)

// served is a server with a certificate that can be exchanged.
type served struct {
	certificate *Certificate
	address     string
	log         *safeLog
	cert, key   string
}

// safeLog may be read while it is written.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// pair makes a certificate and its key of an authority of its own.
func pair(t *testing.T) *testenv.Certificates {
	t.Helper()
	c, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// copyFile writes one file over another and gives it a time of its own, as an
// exchange some seconds later would.
func copyFile(t *testing.T, from, to string, age time.Duration) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-age)
	if err := os.Chtimes(to, when, when); err != nil {
		t.Fatal(err)
	}
}

func serveTLS(t *testing.T, first *testenv.Certificates) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{log: new(safeLog), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	copyFile(t, first.CertFile, s.cert, time.Hour)
	copyFile(t, first.KeyFile, s.key, time.Hour)
	var err error
	if s.certificate, err = OpenCertificate(s.cert, s.key, slog.New(slog.NewTextHandler(s.log, nil))); err != nil {
		t.Fatal(err)
	}
	s.certificate.recheck = 0
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Proto", r.Proto) })}
	go server.Serve(tls.NewListener(listener, s.certificate.Config()))
	t.Cleanup(func() { server.Close() })
	return s
}

// get makes one handshake that trusts one authority only.
func (s *served) get(t *testing.T, trusted *testenv.Certificates, config *tls.Config) (*http.Response, error) {
	t.Helper()
	pem, err := os.ReadFile(trusted.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get("https://" + s.address + "/")
	if err == nil {
		answer.Body.Close()
	}
	return answer, err
}

func (s *served) wantPair(t *testing.T, when string, want, not *testenv.Certificates) {
	t.Helper()
	if _, err := s.get(t, want, &tls.Config{}); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if _, err := s.get(t, not, &tls.Config{}); err == nil {
		t.Errorf("%s: the other certificate is in use", when)
	}
}

// TestCertificateIsExchanged: a new pair is taken up with the next handshake; a
// broken or half-written one leaves the old pair in use and is logged.
func TestCertificateIsExchanged(t *testing.T) {
	first, second := pair(t), pair(t)
	s := serveTLS(t, first)
	s.wantPair(t, "at first", first, second)
	copyFile(t, second.CertFile, s.cert, 30*time.Minute)
	s.wantPair(t, "half exchanged", first, second)
	if err := s.certificate.Reload(); err == nil {
		t.Error("half exchanged: reload succeeds")
	}
	if !strings.Contains(s.log.String(), "the old one stays in use") {
		t.Errorf("half exchanged: the log is\n%s", s.log.String())
	}
	copyFile(t, second.KeyFile, s.key, 30*time.Minute)
	s.wantPair(t, "exchanged", second, first)
	if err := os.WriteFile(s.cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.wantPair(t, "broken", second, first)
	if err := os.Remove(s.cert); err != nil {
		t.Fatal(err)
	}
	s.wantPair(t, "removed", second, first)
}

// TestReloadAtOnce: a signal does not wait for a handshake.
func TestReloadAtOnce(t *testing.T) {
	first, second := pair(t), pair(t)
	s := serveTLS(t, first)
	s.certificate.recheck = time.Hour
	s.wantPair(t, "at first", first, second)
	copyFile(t, second.CertFile, s.cert, 0)
	copyFile(t, second.KeyFile, s.key, 0)
	s.wantPair(t, "too soon to look again", first, second)
	if err := s.certificate.Reload(); err != nil {
		t.Fatal(err)
	}
	s.wantPair(t, "reloaded", second, first)
}

// TestTLSVersions: nothing below 1.2, and HTTP/2 where the client has it.
func TestTLSVersions(t *testing.T) {
	own := pair(t)
	s := serveTLS(t, own)
	old := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}
	if conn, err := tls.Dial("tcp", s.address, old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is accepted")
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		answer, err := s.get(t, own, &tls.Config{MinVersion: version, MaxVersion: version})
		if err != nil || answer.Header.Get("Proto") != "HTTP/2.0" {
			t.Errorf("%s: %v, %v", tls.VersionName(version), answer, err)
		}
	}
}

// TestLooksRarely: handshakes do not read the disk each time.
func TestLooksRarely(t *testing.T) {
	first, second := pair(t), pair(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	copyFile(t, first.CertFile, cert, time.Hour)
	copyFile(t, first.KeyFile, key, time.Hour)
	synctest.Test(t, func(t *testing.T) {
		c, err := OpenCertificate(cert, key, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		before := c.inUse.Load()
		if c.refresh(); c.inUse.Load() != before {
			t.Error("read again without a change")
		}
		copyFile(t, second.CertFile, cert, 0)
		copyFile(t, second.KeyFile, key, 0)
		time.Sleep(recheckAfter - 1)
		if c.refresh(); c.inUse.Load() != before {
			t.Error("looked again too soon")
		}
		time.Sleep(time.Nanosecond)
		if c.refresh(); c.inUse.Load() == before {
			t.Error("did not look again in time")
		}
	})
}

func TestOpenCertificateRefuses(t *testing.T) {
	first, second := pair(t), pair(t)
	for name, files := range map[string][2]string{
		"not a pair": {first.CertFile, second.KeyFile},
		"missing":    {first.CertFile, "/nowhere"},
		"no PEM":     {os.Args[0], first.KeyFile},
	} {
		if _, err := OpenCertificate(files[0], files[1], slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
