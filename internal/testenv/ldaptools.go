package testenv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// LDAPTools are OpenLDAP's own clients, aimed at one server over LDAPS. Passwords
// reach them on their standard input.
type LDAPTools struct {
	URL, CAFile string
}

// Whoami binds and returns who the server takes dn for ("dn:…").
func (l LDAPTools) Whoami(ctx context.Context, dn, password string) (string, error) {
	return l.run(ctx, password, "ldapwhoami", "-x", "-H", l.URL, "-D", dn, "-y", "/dev/stdin")
}

// Bind reports whether the server lets dn in with a password; the error wraps
// [ErrInvalidCredentials] where it does not.
func (l LDAPTools) Bind(ctx context.Context, dn, password string) error {
	_, err := l.Whoami(ctx, dn, password)
	return err
}

// Read binds as dn and returns what it may see of its own entry, as LDIF. It is
// for servers that do not tell who somebody is (RFC 4532).
func (l LDAPTools) Read(ctx context.Context, dn, password string) (string, error) {
	return l.run(ctx, password, "ldapsearch", "-x", "-LLL", "-H", l.URL, "-D", dn, "-y", "/dev/stdin", "-s", "base", "-b", dn)
}

// Modify applies LDIF changes, operational attributes included. Entries without a
// changetype are added.
func (l LDAPTools) Modify(ctx context.Context, dn, password, ldif string) error {
	return l.modify(ctx, dn, password, ldif, "-e", "relax")
}

func (l LDAPTools) modify(ctx context.Context, dn, password, ldif string, options ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute) // a domain takes its time with hundreds of people
	defer cancel()
	file, err := os.CreateTemp("", "changes-*.ldif")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(ldif); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	args := append([]string{"-a", "-x", "-H", l.URL, "-D", dn, "-y", "/dev/stdin", "-f", file.Name()}, options...)
	_, err = l.run(ctx, password, "ldapmodify", args...)
	return err
}

// run runs one of OpenLDAP's clients with the password on its standard input, for
// half a minute where the context has no end of its own.
func (l LDAPTools) run(ctx context.Context, password, program string, args ...string) (string, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+l.CAFile, "LDAPTLS_REQCERT=demand")
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
