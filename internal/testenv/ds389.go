package testenv

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// DS389Options change what [Start389] starts. The zero value is good.
type DS389Options struct {
	// LDIF holds changes and further entries, made once the server runs.
	LDIF string
	// MustChange has everyone whose password another account has set choose a
	// new one at the next sign-in (passwordMustChange).
	MustChange bool
	// ContentSync turns on Content Synchronization (RFC 4533) and the retro
	// changelog that it needs.
	ContentSync bool
	// Certificates are the server's; default new ones.
	Certificates *Certificates
}

// DS389 is a running 389 Directory Server with the people of [People] below
// [BaseDN]. disabled has nsAccountLock; adminlocked was locked under a policy
// that never unlocks (passwordUnlock off). The service account is [ServiceDN].
type DS389 struct {
	running

	Administrator

	options DS389Options
	owner   *syscall.Credential
}

// Start389 starts a 389 Directory Server for a test and stops it with the test,
// or skips the test where that is not possible. The first one on a machine
// takes many seconds, for the instance has to be created.
func Start389(tb TB, options ...DS389Options) *DS389 {
	tb.Helper()
	NeedRoot(tb, "389 Directory Server")
	Need(tb, "ns-slapd", "certutil", "pk12util", "openssl", "ldapmodify")
	var o DS389Options
	if len(options) > 0 {
		o = options[0]
	}
	dir := throwAway(tb, "ds389")
	s, err := Open389(context.Background(), dir, o)
	if err != nil {
		tb.Fatalf("start 389 Directory Server: %v", err)
	}
	tb.Cleanup(func() {
		s.Stop()
		logWhenFailed(tb, s.Log())
	})
	return s
}

// Open389 starts a server in dir, to which every user must be able to come.
func Open389(ctx context.Context, dir string, options DS389Options) (*DS389, error) {
	source, err := ds389Snapshot()
	if err != nil {
		return nil, err
	}
	instance := filepath.Join(dir, "instance")
	if err := source.copyTo(ctx, instance); err != nil {
		return nil, err
	}
	return start389On(ctx, instance, options)
}

// start389On starts the server on a copy of the snapshot.
func start389On(ctx context.Context, instance string, options DS389Options) (*DS389, error) {
	owner, err := ds389Owner()
	if err != nil {
		return nil, err
	}
	s := &DS389{options: options, owner: owner}
	s.dir, s.BaseDN, s.ServiceDN, s.ServicePassword = instance, BaseDN, ServiceDN, ServicePassword
	s.adminDN, s.adminPassword = ds389AdminDN, ds389AdminPassword
	if s.Certificates = options.Certificates; s.Certificates == nil {
		if s.Certificates, err = NewCertificates(instance); err != nil {
			return nil, err
		}
	}
	s.CAFile = s.Certificates.CAFile
	if err := s.installCertificates(ctx); err != nil {
		return nil, err
	}
	// A port that was free may be taken by the time the server asks for it.
	for range 3 {
		if err = s.choosePorts(); err != nil {
			return nil, err
		}
		if err = s.Start(ctx); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// prepare makes the changes that the options ask for.
func (s *DS389) prepare(ctx context.Context) error {
	if s.options.MustChange {
		if err := s.Configure(ctx, "passwordMustChange", "on"); err != nil {
			return err
		}
	}
	if s.options.LDIF == "" {
		return nil
	}
	return s.Modify(ctx, s.options.LDIF)
}

// Configure replaces a setting of cn=config, such as passwordMinLength.
func (s *DS389) Configure(ctx context.Context, attribute string, values ...string) error {
	return s.Replace(ctx, "cn=config", attribute, values...)
}

// ds389Owner is the user that Debian's package makes for the server.
func ds389Owner() (*syscall.Credential, error) {
	account, err := user.Lookup("dirsrv")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// installCertificates makes a new NSS database with the server's certificate.
func (s *DS389) installCertificates(ctx context.Context) error {
	database, bundle := s.folder("config"), filepath.Join(s.dir, "server.p12")
	pin := filepath.Join(database, "pwdfile.txt")
	for _, name := range []string{"cert9.db", "key4.db"} {
		if err := os.Remove(filepath.Join(database, name)); err != nil {
			return err
		}
	}
	for _, step := range [][]string{
		{"certutil", "-N", "-d", database, "-f", pin},
		{"openssl", "pkcs12", "-export", "-in", s.Certificates.CertFile, "-inkey", s.Certificates.KeyFile, "-name", ds389CertificateName, "-passout", "pass:p12", "-out", bundle},
		{"pk12util", "-i", bundle, "-d", database, "-k", pin, "-W", "p12"},
		{"certutil", "-A", "-d", database, "-n", "test authority", "-t", "CT,,", "-a", "-i", s.CAFile, "-f", pin},
	} {
		if _, err := command(ctx, "", nil, step[0], step[1:]...); err != nil {
			return err
		}
	}
	_, err := command(ctx, "", nil, "chown", "-R", fmt.Sprintf("%d:%d", s.owner.Uid, s.owner.Gid), s.dir)
	return err
}

func (s *DS389) folder(name string) string { return filepath.Join(s.dir, name) }

func (s *DS389) choosePorts() error {
	plain, err := FreePort()
	if err != nil {
		return err
	}
	secure, err := FreePort()
	if err != nil {
		return err
	}
	s.URL = fmt.Sprintf("ldap://127.0.0.1:%d", plain)
	s.LDAPSURL = fmt.Sprintf("ldaps://127.0.0.1:%d", secure)
	return s.configure(plain, secure)
}

// Start starts the server again on the same ports and data.
func (s *DS389) Start(ctx context.Context) error {
	// As the user from the beginning: a server that gives up root forgets that it
	// is to die with us. -d keeps it in the foreground.
	p, err := spawnWith(syscall.SysProcAttr{Credential: s.owner}, s.dir, "ns-slapd", "-d", "0", "-D", s.folder("config"), "-i", filepath.Join(s.folder("var"), "run", "ns-slapd.pid"))
	if err != nil {
		return err
	}
	err = p.await(ctx, func(ctx context.Context) error { return s.Bind(ctx, s.adminDN, s.adminPassword) })
	if err != nil {
		p.stop()
		return fmt.Errorf("%w\n%s", err, lastLines(s.Log()))
	}
	s.process = p
	return nil
}

// Restart stops the server and starts it again.
func (s *DS389) Restart(ctx context.Context) error {
	s.Stop()
	return s.Start(ctx)
}

// Log is the path of the server's error log.
func (s *DS389) Log() string { return filepath.Join(s.folder("var"), "log", "errors") }

// AccessLog is the path of the log with one line for each operation and result.
// The server writes it with a delay unless nsslapd-accesslog-logbuffering is
// off, as it is here.
func (s *DS389) AccessLog() string { return filepath.Join(s.folder("var"), "log", "access") }
