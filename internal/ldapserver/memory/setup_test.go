package memory_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"latchkey/internal/ldapserver"
	"latchkey/internal/ldapserver/memory"
	"latchkey/internal/leaktest"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// TestMain looks for connections and operations that nobody ended.
func TestMain(m *testing.M) { leaktest.Main(m) }

const (
	second       = "second-Password-2"
	third        = "third-Password-3"
	rootDN       = "cn=root," + testenv.BaseDN
	rootPassword = "root-password"
	// rounds keeps the tests short.
	rounds = 100
)

// served is a directory that listens on the loopback.
type served struct {
	*memory.Directory
	url, ldapsURL, caFile string
}

func configuration() memory.Config {
	return memory.Config{
		Suffix: testenv.BaseDN, RootDN: rootDN, RootPassword: setting.NewSecret(rootPassword),
		ServiceDN: testenv.ServiceDN, DefaultPolicyDN: testenv.DefaultPolicyDN, Rounds: rounds,
	}
}

// start serves a directory with the entries that a slapd with the same options
// has.
func start(t *testing.T, config memory.Config, options testenv.SlapdOptions) *served {
	t.Helper()
	d, err := memory.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(testenv.PeopleLDIF(options)); err != nil {
		t.Fatal(err)
	}
	s := &served{Directory: d}
	s.listen(t)
	return s
}

func (s *served) listen(t *testing.T) {
	t.Helper()
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certificates.CertFile, certificates.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	s.caFile = certificates.CAFile
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	server := ldapserver.New(ldapserver.Config{TLS: tlsConfig}, s.Directory, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	plain, secure := listener(t), listener(t)
	go func() { done <- server.Serve(ctx, plain) }()
	go func() { done <- server.ServeTLS(ctx, secure) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("serve: %v", err)
			}
		}
	})
	s.url, s.ldapsURL = "ldap://"+plain.Addr().String(), "ldaps://"+secure.Addr().String()
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client runs one of OpenLDAP's own clients and returns what it wrote and its
// exit code, which is the result code.
func client(t *testing.T, caFile, program string, args ...string) (string, int) {
	t.Helper()
	testenv.Need(t, program)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+caFile, "LDAPTLS_REQCERT=demand", "LDAPCONF=/dev/null")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", program, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func sha1Of(text string) []byte {
	sum := sha1.Sum([]byte(text))
	return sum[:]
}
