package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
	// AuditLog has slapd write every change into the file [Slapd.AuditLog].
	AuditLog bool
	// Certificates are the server's; default new ones.
	Certificates *Certificates
}

// Slapd is a running OpenLDAP server with the people of [People].
type Slapd struct {
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

	dir     string
	process *process
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
	s := &Slapd{BaseDN: BaseDN, ServiceDN: ServiceDN, ServicePassword: ServicePassword, dir: dir, Certificates: options.Certificates}
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
	p, err := spawn(s.dir, "slapd", "-d", "stats", "-F", filepath.Join(s.dir, "config"), "-h", s.URL+" "+s.LDAPSURL)
	if err != nil {
		return err
	}
	err = p.await(ctx, func(ctx context.Context) error {
		_, err := s.run(ctx, "", "ldapwhoami", "-x", "-H", s.LDAPSURL)
		return err
	})
	if err != nil {
		p.stop()
		return err
	}
	s.process = p
	return nil
}

// Stop ends slapd and waits for it. It may be called twice.
func (s *Slapd) Stop() {
	if s.process != nil {
		s.process.stop()
		s.process = nil
	}
}

// Kill ends slapd at once, as a crash would.
func (s *Slapd) Kill() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Pause stops slapd without closing its connections: it takes bytes and does
// not answer.
func (s *Slapd) Pause() error {
	if err := s.process.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal takes its time: until then slapd may still answer.
	return s.process.await(context.Background(), func(context.Context) error { return stopped(s.process.cmd.Process.Pid) })
}

// stopped returns nil when all threads of a process stand still (proc(5)).
func stopped(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return err
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// The state follows the name, which stands in parentheses.
		if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "T") {
			return errors.New("a thread is still running")
		}
	}
	return nil
}

// Continue ends [Slapd.Pause]. What arrived in between is carried out.
func (s *Slapd) Continue() error { return s.process.signal(syscall.SIGCONT) }

// Log is the path of slapd's stats log: one line for each bind, search and
// write.
func (s *Slapd) Log() string { return filepath.Join(s.dir, "slapd.out") }

// AuditLog is the path of the changes that slapd made, as LDIF with a comment
// in front of each that names who asked (slapo-auditlog(5)).
func (s *Slapd) AuditLog() string { return filepath.Join(s.dir, "audit.ldif") }

// Whoami binds over LDAPS with OpenLDAP's own client and returns who slapd
// takes it for ("dn:…").
func (s *Slapd) Whoami(ctx context.Context, dn, password string) (string, error) {
	return s.run(ctx, password, "ldapwhoami", "-x", "-H", s.LDAPSURL, "-D", dn, "-y", "/dev/stdin")
}

// Bind reports whether slapd lets dn in with a password; the error wraps
// [ErrInvalidCredentials] where it does not.
func (s *Slapd) Bind(ctx context.Context, dn, password string) error {
	_, err := s.Whoami(ctx, dn, password)
	return err
}

// Modify applies LDIF changes as the root DN, operational attributes included.
// Entries without a changetype are added.
func (s *Slapd) Modify(ctx context.Context, ldif string) error {
	path := filepath.Join(s.dir, "changes.ldif")
	if err := os.WriteFile(path, []byte(ldif), 0o600); err != nil {
		return err
	}
	_, err := s.run(ctx, rootPassword, "ldapmodify", "-a", "-e", "relax", "-x", "-H", s.LDAPSURL, "-D", rootDN, "-y", "/dev/stdin", "-f", path)
	return err
}

// Attribute returns the values of one attribute of an entry, read as the root
// DN.
func (s *Slapd) Attribute(ctx context.Context, dn, name string) ([]string, error) {
	output, err := s.run(ctx, rootPassword, "ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", s.LDAPSURL, "-D", rootDN, "-y", "/dev/stdin", "-b", dn, "-s", "base", "(objectClass=*)", name)
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

// run runs one of OpenLDAP's clients with the password on its standard input.
func (s *Slapd) run(ctx context.Context, password, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+s.CAFile, "LDAPTLS_REQCERT=demand")
	cmd.Stdin = strings.NewReader(password)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	if err == nil {
		return strings.TrimSuffix(out.String(), "\n"), nil
	}
	const invalidCredentials = 49 // the clients exit with the result code
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == invalidCredentials {
		return "", fmt.Errorf("%s: %w: %s", program, ErrInvalidCredentials, problem.String())
	}
	return "", fmt.Errorf("%s: %w: %s", program, err, problem.String())
}
