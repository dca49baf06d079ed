package directory_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/leaktest"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// TestMain looks for connections that nobody ended.
func TestMain(m *testing.M) { leaktest.Main(m) }

const second = "second-Password-2"

// logs collects what was logged at any level above Debug.
type logs struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func configFor(s *testenv.Slapd) directory.Config {
	c := directory.Defaults()
	// A machine that stands still for a moment is no directory that hangs.
	c.ConnectTimeout, c.OperationTimeout = setting.Duration(20*time.Second), setting.Duration(30*time.Second)
	c.Name = "staff"
	c.Servers = []string{s.LDAPSURL}
	c.CAFile = s.CAFile
	c.BaseDN = s.BaseDN
	c.BindDN = s.ServiceDN
	c.BindPassword = setting.NewSecret(s.ServicePassword)
	c.DefaultPolicyDN = testenv.DefaultPolicyDN
	return c
}

// proxied is a proxy in front of a slapd, and the configuration that leads through it.
func proxied(t *testing.T, s *testenv.Slapd) (*testenv.LDAPProxy, directory.Config) {
	t.Helper()
	proxy := testenv.NewLDAPProxy(t, s, nil)
	c := configFor(s)
	c.Servers = []string{proxy.LDAPSURL}
	return proxy, c
}

// open opens a directory and checks at the end that no secret and no name was
// logged.
func open(t *testing.T, c directory.Config) *directory.Directory {
	t.Helper()
	l := &logs{}
	d, err := directory.Open(c, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Close()
		for _, secret := range []string{testenv.FirstPassword, second, testenv.ServicePassword, "uid=", "cn=", "alice", "bob"} {
			if strings.Contains(l.String(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, l)
			}
		}
	})
	return d
}

func find(t *testing.T, d *directory.Directory, login string) *directory.Person {
	t.Helper()
	p, err := d.Find(t.Context(), login)
	if err != nil {
		t.Fatalf("find %s: %v", login, err)
	}
	return p
}

// wantPassword asks slapd itself which of the passwords is the person's.
func wantPassword(t *testing.T, s *testenv.Slapd, uid, right string, wrong ...string) {
	t.Helper()
	if err := s.Bind(t.Context(), testenv.PersonDN(uid), right); err != nil {
		t.Errorf("%s cannot bind with the password that should hold: %v", uid, err)
	}
	for _, password := range wrong {
		if err := s.Bind(t.Context(), testenv.PersonDN(uid), password); !errors.Is(err, testenv.ErrInvalidCredentials) {
			t.Errorf("%s binds with a password that should not hold: %v", uid, err)
		}
	}
}

func attempt(p *directory.Person) directory.Attempt {
	return directory.Attempt{Server: p.Server(), ID: p.ID, DN: p.DN, ChangeStamp: p.ChangeStamp}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("did not come to pass: %s", what)
		case <-tick.C:
		}
	}
}

func slapdLog(t *testing.T, s *testenv.Slapd) string {
	t.Helper()
	text, err := os.ReadFile(s.Log())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
