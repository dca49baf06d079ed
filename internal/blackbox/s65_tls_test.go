package blackbox

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"latchkey/internal/testenv"
)

// certified starts the server again with certificates of its own.
func (s *stack) certified() (*testenv.Certificates, string) {
	s.t.Helper()
	dir := filepath.Join(s.dir, "public")
	if err := os.Mkdir(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	shown, err := testenv.NewCertificates(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		s.t.Fatal(err)
	}
	address := strings.TrimPrefix(s.base, "http://")
	s.env = []string{
		"LATCHKEY_SERVER__PUBLIC_URL=https://" + address, "LATCHKEY_SERVER__CERT_FILE=" + shown.CertFile, "LATCHKEY_SERVER__KEY_FILE=" + shown.KeyFile,
	}
	s.serve()
	return shown, address
}

// trusting returns how a client connects that trusts an authority.
func trusting(t *testing.T, caFile string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate in the file")
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS10}
}

// certificateAt is the fingerprint of the certificate that a new connection sees.
func certificateAt(address string, config *tls.Config) (string, error) {
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, config)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	return fmt.Sprintf("%x", sha256.Sum256(connection.ConnectionState().PeerCertificates[0].Raw)), nil
}

// TestS65_TLS: TLS 1.2 and 1.3 and nothing older, nothing served in clear; a
// changed certificate is taken up without a restart, a broken one is not, and
// connections live through both.
func TestS65_TLS(t *testing.T) {
	s := start(t, options{limits: roomy()})
	shown, address := s.certified()
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := trusting(t, shown.CAFile)
		config.MinVersion, config.MaxVersion = version, version
		if _, err := certificateAt(address, config); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	weak := trusting(t, shown.CAFile)
	weak.MaxVersion, weak.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA}
	if _, err := certificateAt(address, weak); err == nil {
		t.Error("a weak cipher is taken")
	}
	if answer, body := s.raw("GET / HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n"); answer.StatusCode != http.StatusBadRequest || strings.Contains(body, "<form") {
		t.Errorf("in clear: %d %s", answer.StatusCode, body)
	}

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(t, shown.CAFile), ForceAttemptHTTP2: true}}
	answer := s.over(client, address, "/")
	if answer.Proto != "HTTP/2.0" || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s, Strict-Transport-Security %q", answer.Proto, answer.Header.Get("Strict-Transport-Security"))
	}
	old, err := certificateAt(address, trusting(t, shown.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shown.CertFile, []byte("half of a cert"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.log.await(t, "the certificate cannot be taken up; the old one stays in use", 1)
	if now, err := certificateAt(address, trusting(t, shown.CAFile)); now != old {
		t.Errorf("with a broken file: %v", err)
	}
	renewed, err := testenv.NewCertificates(filepath.Dir(shown.CertFile))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate is shown", func() bool {
		now, err := certificateAt(address, trusting(t, renewed.CAFile))
		return err == nil && now != old
	})
	s.over(client, address, "/verify") // on the connection from before
}

// over asks for a page over TLS.
func (s *stack) over(client *http.Client, address, path string) *http.Response {
	s.t.Helper()
	answer, err := client.Get("https://" + address + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Errorf("%s: %d, %v", path, answer.StatusCode, err)
	}
	return answer
}

// TestS65_NothingInternalInPublic: neither health nor metrics, no profiles, no
// files; and the private listener has no profiles either.
func TestS65_NothingInternalInPublic(t *testing.T) {
	s := start(t, options{limits: roomy(), observed: true})
	paths := []string{
		"/livez", "/readyz", "/healthz", "/metrics", "/debug", "/debug/", "/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline",
		"/debug/vars", "/latchkey.toml", "/keys", "/.git/config", "/.env", "/server-status", "/templates/layout.html", "/static/", "/static/..%2flatchkey.toml",
		"/api/", "/api/v1", "/api/v1/", "/api/v1/metrics", "/api/v1/debug/pprof/", "/api/v2/recoveries", "/admin", "/actuator",
	}
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request, _ := http.NewRequestWithContext(t.Context(), method, s.base+path, nil)
			if b := s.browser().show(request); b.status != http.StatusNotFound && b.status != http.StatusMethodNotAllowed || strings.Contains(b.body, "goroutine") {
				t.Errorf("%s %s: %d", method, path, b.status)
			}
		}
		if strings.Contains(path, "debug") {
			if status, _ := s.ask(path); status != http.StatusNotFound {
				t.Errorf("%s on the private listener: %d", path, status)
			}
		}
	}
	if status, _ := s.ask("/metrics"); status != http.StatusOK {
		t.Errorf("the metrics: %d", status)
	}
}
