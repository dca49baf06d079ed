package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// SambaOptions change what [StartSamba] starts. The zero value is good.
type SambaOptions struct {
	// LDIF holds changes and further entries, made once the server runs.
	LDIF string
	// Kerberos starts the key distribution center too, for [Samba.Kinit].
	Kerberos bool
	// SMB starts the file server and RPC too, for [Samba.OpenShare].
	SMB bool
	// Settings are further lines for the [global] section of smb.conf.
	Settings []string
	// Certificates are the server's; default new ones for its address and for
	// [SambaHost].
	Certificates *Certificates
}

// Samba is a running domain controller with the people of [SambaPeople]. It has
// an address of the loopback of its own, for its ports are fixed.
type Samba struct {
	running

	Administrator
	// Address is the IP address, 127.77.y.z.
	Address string

	options SambaOptions
}

// StartSamba starts a domain controller for a test and stops it with the test,
// or skips the test where that is not possible. The first one on a machine
// takes some seconds, for the domain has to be provisioned.
func StartSamba(tb TB, options ...SambaOptions) *Samba {
	tb.Helper()
	NeedRoot(tb, "Samba's domain controller")
	Need(tb, "samba", "samba-tool", "ldbsearch", "ldapmodify")
	var o SambaOptions
	if len(options) > 0 {
		o = options[0]
	}
	if o.Kerberos {
		Need(tb, "kinit")
	}
	if o.SMB {
		Need(tb, "smbd", "smbclient")
	}
	dir := throwAway(tb, "samba")
	s, err := OpenSamba(context.Background(), dir, o)
	if err != nil {
		tb.Fatalf("start Samba: %v", err)
	}
	tb.Cleanup(func() {
		s.Stop()
		logWhenFailed(tb, s.Log())
	})
	return s
}

// OpenSamba starts a domain controller in dir.
func OpenSamba(ctx context.Context, dir string, options SambaOptions) (*Samba, error) {
	domain := filepath.Join(dir, "domain")
	source, err := sambaSnapshot()
	if err != nil {
		return nil, err
	}
	if err := source.copyTo(ctx, domain); err != nil {
		return nil, err
	}
	return startSambaOn(ctx, domain, options)
}

// startSambaOn starts a domain controller on a provisioned domain.
func startSambaOn(ctx context.Context, domain string, options SambaOptions) (*Samba, error) {
	s := &Samba{options: options}
	s.dir, s.BaseDN, s.ServiceDN, s.ServicePassword = domain, SambaBaseDN, SambaServiceDN, SambaServicePassword
	s.adminDN, s.adminPassword = sambaAdminDN, sambaAdminPassword
	ip, err := FreeLoopback(s.ports()...)
	if err != nil {
		return nil, err
	}
	s.Address = ip.String()
	s.URL, s.LDAPSURL = "ldap://"+s.Address+":389", "ldaps://"+s.Address+":636"
	for _, folder := range []string{"run", "ncalrpc"} {
		if err := os.MkdirAll(filepath.Join(domain, folder), 0o755); err != nil {
			return nil, err
		}
	}
	if s.Certificates = options.Certificates; s.Certificates == nil {
		if s.Certificates, err = newCertificates(domain, time.Now().Add(24*time.Hour), SambaHost, ip); err != nil {
			return nil, err
		}
	}
	s.CAFile = s.Certificates.CAFile
	for path, text := range map[string]string{s.configFile(): s.config(), s.kerberosFile(): s.kerberosConfig()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	if options.LDIF != "" {
		if err := s.Modify(ctx, options.LDIF); err != nil {
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

// ports are those that the server listens on, fixed in its code.
func (s *Samba) ports() []int {
	ports := []int{389, 636, 3268, 3269}
	if s.options.Kerberos {
		ports = append(ports, 88, 464)
	}
	if s.options.SMB {
		ports = append(ports, 135, 445)
	}
	return ports
}

// Start starts the domain controller again on the same address and data.
func (s *Samba) Start(ctx context.Context) error {
	line, attributes := s.commandLine()
	p, err := spawnWith(attributes, s.dir, line[0], line[1:]...)
	if err != nil {
		return err
	}
	err = p.await(ctx, func(ctx context.Context) error {
		if err := s.Bind(ctx, s.adminDN, s.adminPassword); err != nil {
			return err
		}
		return s.answers(ctx)
	})
	if err != nil {
		p.stop()
		return fmt.Errorf("%w\n%s", err, lastLines(s.Log()))
	}
	s.process = p
	return nil
}

// answers makes sure that the ports besides LDAP's are open.
func (s *Samba) answers(ctx context.Context) error {
	var addresses []string
	for _, port := range s.ports() {
		addresses = append(addresses, net.JoinHostPort(s.Address, fmt.Sprint(port)))
	}
	return listening(ctx, addresses...)
}

// Restart stops the domain controller and starts it again.
func (s *Samba) Restart(ctx context.Context) error {
	s.Stop()
	return s.Start(ctx)
}

// Log is the path of the server's log.
func (s *Samba) Log() string {
	line, _ := s.commandLine()
	return filepath.Join(s.dir, line[0]+".out")
}

// Tool runs samba-tool on the files of the domain, such as
// "user", "list". Most of its commands may run while the server does.
func (s *Samba) Tool(ctx context.Context, args ...string) (string, error) {
	args = append(args, "-s", s.configFile(), "-H", filepath.Join(s.dir, "private", "sam.ldb"))
	return command(ctx, "", nil, "samba-tool", args...)
}

// Kinit gets a ticket as a person of the domain, which only the right password
// can; see [SambaOptions]. The error wraps [ErrInvalidCredentials] otherwise.
func (s *Samba) Kinit(ctx context.Context, account, password string) error {
	tickets := filepath.Join(s.dir, "tickets-"+account)
	defer os.Remove(tickets)
	text, err := command(ctx, password+"\n", []string{"KRB5_CONFIG=" + s.kerberosFile()}, "kinit", "-c", tickets, account+"@"+SambaRealm)
	if err != nil && strings.Contains(text, "Password incorrect") {
		return fmt.Errorf("%w: %w", ErrInvalidCredentials, err)
	}
	return err
}

// OpenShare signs in to the file server as a person of the domain, who may read
// netlogon; see [SambaOptions]. The error wraps [ErrInvalidCredentials] where
// the password is refused.
func (s *Samba) OpenShare(ctx context.Context, account, password string) error {
	// Refused, the client tries again without a name, which opens no share.
	text, err := command(ctx, "", []string{"USER=" + account, "PASSWD=" + password}, "smbclient",
		"-s", s.configFile(), "-W", sambaDomain, "-c", "ls", "//"+s.Address+"/netlogon")
	refused := strings.Contains(text, "NT_STATUS_LOGON_FAILURE") || strings.Contains(text, "Anonymous login successful")
	if err != nil && refused {
		return fmt.Errorf("%w: %w", ErrInvalidCredentials, err)
	}
	return err
}

// command runs a program to its end and returns what it printed.
func command(ctx context.Context, input string, environment []string, program string, args ...string) (string, error) {
	path, err := find(program)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("%s: %w: %s", program, err, output)
	}
	return string(output), nil
}
