package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What every slapd of this package has.
const (
	// BaseDN is the suffix; people are below ou=people, groups below ou=groups.
	BaseDN = "dc=example,dc=test"
	// ServiceDN may read people and write userPassword, nothing else (=w, not
	// manage: with manage slapd would ignore the password policy).
	ServiceDN = "cn=latchkey,ou=services," + BaseDN
	// ServicePassword is the password of the service account.
	ServicePassword = "service-password"

	rootDN       = "cn=root," + BaseDN
	rootPassword = "root-password"
)

// ErrInvalidCredentials is what [Slapd.Bind] returns for a wrong password (and
// for an account that slapd does not let in).
var ErrInvalidCredentials = errors.New("slapd refused the credentials")

// SlapdOptions change what [StartSlapd] starts. The zero value is good.
type SlapdOptions struct {
	// LDIF holds further entries. They are loaded as they stand, operational
	// attributes included.
	LDIF string
	// ServiceRight is the right of the service account on userPassword;
	// default =w.
	ServiceRight string
	// DefaultPolicy holds further lines of the entry [DefaultPolicyDN], such as
	// "pwdSafeModify: TRUE\n".
	DefaultPolicy string
	// ServiceWrites are further attributes that the service account may write,
	// such as pwdReset.
	ServiceWrites []string
	// FirstAccess is a rule of olcAccess in front of all others, from "to" on.
	FirstAccess string
	// AuditLog has slapd write every change into the file [Slapd.AuditLog].
	AuditLog bool
	// Certificates are the server's; default new ones.
	Certificates *Certificates
	// PasswordScheme is how slapd stores new passwords; default {SSHA}.
	PasswordScheme string
	// Durable has slapd wait for the disk with each write, as it does by default
	// in production.
	Durable bool
	// Quiet keeps the stats log off.
	Quiet bool
	// ReplicaOf and UpdateRef: see [NewSlapdReplica].
	ReplicaOf *Slapd
	UpdateRef string
}

// Slapd is a running OpenLDAP server with the people of [People].
type Slapd struct {
	running

	// URL is ldap://127.0.0.1:port, for StartTLS.
	URL string
	// LDAPSURL is ldaps://127.0.0.1:port.
	LDAPSURL string
	// BaseDN, ServiceDN and ServicePassword repeat the constants.
	BaseDN, ServiceDN, ServicePassword string
	// CAFile is the authority that signed the server's certificate.
	CAFile string
	// Certificates are the server's own, for a proxy in front of it.
	Certificates *Certificates

	dir   string
	quiet bool
}

// NewSlapd starts slapd for a test, or skips it where slapd is not installed.
func NewSlapd(tb TB, options ...SlapdOptions) *Slapd {
	tb.Helper()
	Need(tb, "slapd", "slapadd", "ldapwhoami", "ldapmodify")
	var o SlapdOptions
	if len(options) > 0 {
		o = options[0]
	}
	s, err := StartSlapd(context.Background(), tb.TempDir(), o)
	if err != nil {
		tb.Fatalf("start slapd: %v", err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// StartSlapd writes configuration and people into dir, which must be empty,
// and starts slapd there on two random ports.
func StartSlapd(ctx context.Context, dir string, options SlapdOptions) (*Slapd, error) {
	s := &Slapd{BaseDN: BaseDN, ServiceDN: ServiceDN, ServicePassword: ServicePassword, dir: dir, quiet: options.Quiet, Certificates: options.Certificates}
	if s.Certificates == nil {
		var err error
		if s.Certificates, err = NewCertificates(dir); err != nil {
			return nil, err
		}
	}
	s.CAFile = s.Certificates.CAFile
	if err := s.load(ctx, options); err != nil {
		return nil, err
	}
	var err error
	// A port that was free may be taken by the time slapd asks for it.
	for range 3 {
		if err = s.choosePorts(); err != nil {
			return nil, err
		}
		if err = s.Start(ctx); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func (s *Slapd) choosePorts() error {
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
	return nil
}

// load fills both databases with slapadd.
func (s *Slapd) load(ctx context.Context, options SlapdOptions) error {
	for _, name := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(s.dir, name), 0o700); err != nil {
			return err
		}
	}
	for database, ldif := range []string{slapdConfig(s.dir, s.Certificates, options), slapdData(options, time.Now())} {
		path := filepath.Join(s.dir, fmt.Sprintf("database%d.ldif", database))
		if err := os.WriteFile(path, []byte(ldif), 0o600); err != nil {
			return err
		}
		program, err := find("slapadd")
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, program, "-q", "-n", fmt.Sprint(database), "-F", filepath.Join(s.dir, "config"), "-l", path)
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("slapadd: %w: %s", err, output)
		}
	}
	return nil
}

// Start starts slapd again on the same ports and data after [Slapd.Stop].
func (s *Slapd) Start(ctx context.Context) error {
	// -d keeps slapd in the foreground and its stats log in our file.
	level := "stats"
	if s.quiet {
		level = "none"
	}
	p, err := spawn(s.dir, "slapd", "-d", level, "-F", filepath.Join(s.dir, "config"), "-h", s.URL+" "+s.LDAPSURL)
	if err != nil {
		return err
	}
	err = p.await(ctx, func(ctx context.Context) error {
		if err := listening(ctx, strings.TrimPrefix(s.URL, "ldap://")); err != nil {
			return err
		}
		_, err := s.Tools().run(ctx, "", "ldapwhoami", "-x", "-H", s.LDAPSURL)
		return err
	})
	if err != nil {
		p.stop()
		return err
	}
	s.process = p
	return nil
}

// Log is the path of slapd's stats log: one line for each bind, search and
// write.
func (s *Slapd) Log() string { return filepath.Join(s.dir, "slapd.out") }

// AuditLog is the path of the changes that slapd made, as LDIF with a comment
// in front of each that names who asked (slapo-auditlog(5)).
func (s *Slapd) AuditLog() string { return filepath.Join(s.dir, "audit.ldif") }

// Tools are OpenLDAP's own clients for this server.
func (s *Slapd) Tools() LDAPTools { return LDAPTools{URL: s.LDAPSURL, CAFile: s.CAFile} }

// Whoami binds over LDAPS with OpenLDAP's own client and returns who slapd
// takes it for ("dn:…").
func (s *Slapd) Whoami(ctx context.Context, dn, password string) (string, error) {
	return s.Tools().Whoami(ctx, dn, password)
}

// Bind reports whether slapd lets dn in with a password; the error wraps
// [ErrInvalidCredentials] where it does not.
func (s *Slapd) Bind(ctx context.Context, dn, password string) error {
	return s.Tools().Bind(ctx, dn, password)
}

// Modify applies LDIF changes as the root DN, operational attributes included.
// Entries without a changetype are added.
func (s *Slapd) Modify(ctx context.Context, ldif string) error {
	return s.Tools().Modify(ctx, rootDN, rootPassword, ldif)
}

// Attribute returns the values of one attribute of an entry, read as the root
// DN.
func (s *Slapd) Attribute(ctx context.Context, dn, name string) ([]string, error) {
	output, err := s.Tools().run(ctx, rootPassword, "ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", s.LDAPSURL, "-D", rootDN, "-y", "/dev/stdin", "-b", dn, "-s", "base", "(objectClass=*)", name)
	if err != nil {
		return nil, err
	}
	var values []string
	for line := range strings.Lines(output) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			values = append(values, strings.TrimSuffix(value, "\n"))
		}
	}
	return values, nil
}
