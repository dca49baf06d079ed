package directory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/directory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	for _, server := range []string{s.LDAPSURL, s.URL, strings.Replace(s.LDAPSURL, "127.0.0.1", "localhost", 1)} {
		c := configFor(s)
		c.Servers = []string{server}
		if err := open(t, c).Check(t.Context()); err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
	c := configFor(s)
	c.Servers = []string{"ldaps://127.0.0.1:1", s.LDAPSURL}
	if err := open(t, c).Check(t.Context()); err != nil {
		t.Errorf("one of two servers away: %v", err)
	}
}

func TestCheckSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	plain := strings.Replace(s.URL, "ldap://", "ldaps://", 1)
	refusing := testenv.NewLDAPProxy(t, s, nil)
	refusing.RefuseStartTLS()
	for name, test := range map[string]struct {
		change func(*directory.Config)
		says   string
	}{
		"away":           {func(c *directory.Config) { c.Servers = []string{"ldaps://127.0.0.1:1"} }, "cannot be reached: check servers"},
		"no TLS port":    {func(c *directory.Config) { c.Servers = []string{plain} }, "TLS"},
		"no StartTLS":    {func(c *directory.Config) { c.Servers = []string{refusing.URL} }, "set up TLS in the directory"},
		"system CAs":     {func(c *directory.Config) { c.CAFile = "" }, "name that authority's PEM file in ca_file"},
		"wrong password": {func(c *directory.Config) { c.BindPassword = setting.NewSecret("wrong") }, "check bind_dn and bind_password_file"},
		"no base":        {func(c *directory.Config) { c.BaseDN = "ou=nowhere,dc=example,dc=test" }, "base_dn"},
		"no policy":      {func(c *directory.Config) { c.DefaultPolicyDN = "cn=nowhere,dc=example,dc=test" }, "default_policy_dn"},
	} {
		t.Run(name, func(t *testing.T) {
			c := configFor(s)
			test.change(&c)
			err := open(t, c).Check(t.Context())
			if !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v\nwant a sentence with %q", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "dc=") {
				t.Errorf("the error names an entry: %v", err)
			}
		})
	}
}

// TestCheckWarnsOfThePolicy where the rules make a part of Latchkey useless.
func TestCheckWarnsOfThePolicy(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t, testenv.SlapdOptions{DefaultPolicy: "pwdSafeModify: TRUE\n"})
	l := &logs{}
	c := configFor(s)
	c.MustChange = true
	d, err := directory.Open(c, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"(pwdSafeModify)", "set pwdMustChange to TRUE"} {
		if !strings.Contains(l.String(), says) {
			t.Errorf("the log does not say %q:\n%s", says, l)
		}
	}
}

// TestS27_NothingIsSentWithoutVerifiedTLS shows bad certificates and looks at
// what arrives.
func TestS27_NothingIsSentWithoutVerifiedTLS(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	for name, test := range map[string]struct {
		make func(dir string) (*testenv.Certificates, error)
		says string
	}{
		"expired": {testenv.NewExpiredCertificates, "expired"},
		"other name": {func(dir string) (*testenv.Certificates, error) {
			return testenv.NewCertificatesFor(dir, "other.example.test")
		}, "another name"},
		"unknown authority": {testenv.NewCertificates, "not trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			shown, err := test.make(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			proxy := testenv.NewLDAPProxy(t, s, shown)
			var requests atomic.Int32
			proxy.OnRequest(func(testenv.LDAPMessage) testenv.LDAPAction {
				requests.Add(1)
				return testenv.LDAPAction{}
			})
			c := configFor(s)
			if name != "unknown authority" {
				c.CAFile = shown.CAFile
			}
			for _, url := range []string{proxy.LDAPSURL, proxy.URL} {
				c.Servers = []string{url}
				_, err := open(t, c).Find(t.Context(), "alice")
				if !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: %v, want %q", url, err, test.says)
				}
			}
			if requests.Load() != 0 || holdsSecret(proxy.Clear()) {
				t.Errorf("%d requests, in clear %q", requests.Load(), proxy.Clear())
			}
		})
	}
}

func TestS27_RefusedStartTLSEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy := testenv.NewLDAPProxy(t, s, nil)
	proxy.RefuseStartTLS()
	c := configFor(s)
	c.Servers = []string{proxy.URL}
	if _, err := open(t, c).Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the connection is closed", func() bool { return proxy.Open() == 0 })
	if sent := proxy.Clear(); holdsSecret(sent) || bytes.Count(sent, []byte("1.3.6.1.4.1.1466.20037")) != 1 || len(sent) > 40 {
		t.Errorf("in clear: %q", sent)
	}
}

func holdsSecret(sent []byte) bool {
	return bytes.Contains(sent, []byte(testenv.ServicePassword)) || bytes.Contains(sent, []byte("latchkey"))
}

// TestF08_SilentServers connects to servers that accept and say nothing: no step
// may wait longer than connect_timeout.
func TestF08_SilentServers(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	silent := listen(t, func(net.Conn) {})
	handshakeOnly := listen(t, func(c net.Conn) {
		// Says yes to StartTLS and then nothing.
		buffer := make([]byte, 64)
		if _, err := c.Read(buffer); err == nil {
			_, _ = c.Write([]byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"))
		}
	})
	for name, url := range map[string]string{"ldaps": "ldaps://" + silent, "ldap": "ldap://" + silent, "handshake": "ldap://" + handshakeOnly} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := configFor(s)
			c.Servers = []string{url}
			c.ConnectTimeout = setting.Duration(150 * time.Millisecond)
			begun := time.Now()
			_, err := open(t, c).Find(context.Background(), "alice")
			if !errors.Is(err, directory.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "in time") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go serve(c)
		}
	}()
	return l.Addr().String()
}

// TestServiceAccountIsNotHammered: a wrong password is tried once, not with
// every call, so that the directory does not lock the service account.
func TestServiceAccountIsNotHammered(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	c := configFor(s)
	c.BindPassword = setting.NewSecret("wrong")
	d := open(t, c)
	for range 5 {
		if _, err := d.Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	if n := strings.Count(slapdLog(t, s), `BIND dn="`+s.ServiceDN+`" method`); n != 1 {
		t.Errorf("%d binds with a wrong password", n)
	}
}

// TestS29_ReferralsAreNotFollowed answers with a referral to a listener.
func TestS29_ReferralsAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	var visits atomic.Int32
	address := listen(t, func(net.Conn) { visits.Add(1) })
	referral := fmt.Sprintf("dn: ou=elsewhere,%s\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\nref: ldap://%s/%s\n", s.BaseDN, address, s.BaseDN)
	d := open(t, configFor(s))
	if err := s.Modify(t.Context(), referral); err != nil {
		t.Fatal(err)
	}
	find(t, d, "alice")
	if visits.Load() != 0 {
		t.Error("the referral was followed")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := directory.Defaults()
	good.Name, good.Servers, good.BaseDN = "staff", []string{"ldaps://ldap.example.org"}, "dc=example,dc=org"
	good.BindDN, good.BindPassword = "cn=latchkey,dc=example,dc=org", setting.NewSecret("x")
	l := &logs{}
	if _, err := directory.Open(good, l.logger()); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*directory.Config){
		"no password":      func(c *directory.Config) { c.BindPassword = setting.Secret{} },
		"blank password":   func(c *directory.Config) { c.BindPassword = setting.NewSecret(" \n\t") },
		"blank bind_dn":    func(c *directory.Config) { c.BindDN = " " },
		"http":             func(c *directory.Config) { c.Servers = []string{"http://ldap.example.org"} },
		"unknown flavor":   func(c *directory.Config) { c.Flavor = "edirectory" },
		"CA without certs": func(c *directory.Config) { c.CAFile = empty },
		"no attribute":     func(c *directory.Config) { c.LoginAttribute = "uid)" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := directory.Open(c, l.logger()); err == nil {
				t.Error("opened")
			}
		})
	}
}

func TestUnknownFlavorNamesTheSupportedOnes(t *testing.T) {
	t.Parallel()
	s := testenv.NewSlapd(t)
	proxy := testenv.NewLDAPProxy(t, s, nil)
	proxy.OnResponse(func(m testenv.LDAPMessage) testenv.LDAPAction {
		text := bytes.ReplaceAll(m.Bytes, []byte("OpenLDAProotDSE"), []byte("AnotherKindOfIt"))
		return testenv.LDAPAction{Replace: bytes.ReplaceAll(text, []byte("1.3.6.1.4.1.4203.1.11.1"), []byte("1.3.6.1.4.1.4203.9.99.9"))}
	})
	c := configFor(s)
	c.Servers = []string{proxy.LDAPSURL}
	_, err := open(t, c).Find(t.Context(), "alice")
	if !errors.Is(err, directory.ErrFlavor) || !strings.Contains(err.Error(), "supported: openldap") {
		t.Errorf("got %v", err)
	}
	c.Flavor = "openldap"
	find(t, open(t, c), "alice")
}
