package directory_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"

	"latchkey/internal/directory"
	"latchkey/internal/directory/directorytest"
	"latchkey/internal/ldapserver"
	"latchkey/internal/ldapserver/memory"
	"latchkey/internal/setting"
	"latchkey/internal/testenv"
)

// conformancePolicy lets passwords grow too old, and be told to be changed.
const conformancePolicy = "pwdMaxAge: 315360000\npwdGraceAuthNLimit: 0\npwdMustChange: TRUE\n"

// TestConformance runs one suite against every kind of directory, and prints
// what came out.
func TestConformance(t *testing.T) {
	t.Parallel()
	var table directorytest.Table
	t.Cleanup(func() { t.Log("\n" + table.String()) })
	for name, fixture := range map[string]func(*testing.T) directorytest.Fixture{
		"OpenLDAP": conformOpenLDAP, "389 DS": conform389, "Samba": conformSamba, "in memory": conformMemory,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fixture(t)
			f.Name = name
			table.Run(t, f)
		})
	}
}

// ppolicyChanges are those of OpenLDAP.
func ppolicyChanges() directorytest.Changes {
	set := func(attribute, value string) func(dn string) string {
		return func(dn string) string {
			return "dn: " + dn + "\nchangetype: modify\nreplace: " + attribute + "\n" + attribute + ": " + value + "\n"
		}
	}
	return directorytest.Changes{
		Disable:     set("pwdStartTime", "20990101000000Z"),
		End:         set("shadowExpire", "1"),
		LockForGood: set("pwdAccountLockedTime", permanentLock),
		Flag:        set("pwdReset", "TRUE"),
		Age:         set("pwdChangedTime", "20000101000000Z"),
		Rejuvenate:  set("pwdPolicySubentry", testenv.YoungPolicyDN),
	}
}

func conformOpenLDAP(t *testing.T) directorytest.Fixture {
	options := testenv.SlapdOptions{DefaultPolicy: conformancePolicy, ServiceWrites: []string{"pwdReset", "pwdAccountLockedTime"}}
	s := testenv.NewSlapd(t, options)
	return directorytest.Fixture{
		Config: configFor(s), DN: testenv.PersonDN,
		Entry:  func(login, password string) string { return entryOf(login, password) },
		Modify: s.Modify, SignIn: s.Bind, Lacks: lacksOfPPolicy(),
		Proxy:   func(tb testenv.TB) *testenv.LDAPProxy { return testenv.NewLDAPProxy(tb, s, nil) },
		Changes: ppolicyChanges(),
	}
}

func lacksOfPPolicy() map[string]string {
	lacks := protectsNobody()
	lacks["refused: too simple"] = "the policy counts characters"
	return lacks
}

// protectsNobody is said of all but domains.
func protectsNobody() map[string]string {
	return map[string]string{"protected by the directory": "[protected] names such accounts"}
}

// entryOf is an ordinary person with a password of their own.
func entryOf(login, password string) string {
	return strings.Replace(testenv.PersonLDIF(login), "userPassword: "+testenv.FirstPassword, "userPassword: "+password, 1)
}

// conformMemory is the directory of the demonstration.
func conformMemory(t *testing.T) directorytest.Fixture {
	const rootDN, rootPassword = "cn=root," + testenv.BaseDN, "root-password"
	d, err := memory.New(memory.Config{
		Suffix: testenv.BaseDN, RootDN: rootDN, RootPassword: setting.NewSecret(rootPassword), ServiceDN: testenv.ServiceDN,
		DefaultPolicyDN: testenv.DefaultPolicyDN, ServiceWrites: []string{"pwdReset", "pwdAccountLockedTime"}, Rounds: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(testenv.PeopleLDIF(testenv.SlapdOptions{DefaultPolicy: conformancePolicy})); err != nil {
		t.Fatal(err)
	}
	certificates, url := serveMemory(t, d)
	client := testenv.LDAPTools{URL: url, CAFile: certificates.CAFile}
	c := directory.Defaults()
	c.Name, c.Servers, c.CAFile, c.BaseDN, c.BindDN = "memory", []string{url}, certificates.CAFile, testenv.BaseDN, testenv.ServiceDN
	c.BindPassword, c.DefaultPolicyDN = setting.NewSecret(testenv.ServicePassword), testenv.DefaultPolicyDN
	return directorytest.Fixture{
		Config: c, DN: testenv.PersonDN, Entry: entryOf,
		Modify: func(ctx context.Context, ldif string) error { return client.Modify(ctx, rootDN, rootPassword, ldif) },
		SignIn: client.Bind, Lacks: lacksOfPPolicy(),
		Proxy: func(tb testenv.TB) *testenv.LDAPProxy {
			return testenv.NewLDAPProxy(tb, testenv.ServedLDAP{LDAPSURL: url, Certificates: certificates}, nil)
		},
		Changes: ppolicyChanges(),
	}
}

// serveMemory serves a directory in memory over LDAPS until the test ends.
func serveMemory(t *testing.T, d *memory.Directory) (*testenv.Certificates, string) {
	t.Helper()
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certificates.CertFile, certificates.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := ldapserver.New(ldapserver.Config{TLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}}, d, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return certificates, "ldaps://" + listener.Addr().String()
}
