package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"latchkey/internal/testenv"
)

// demo is what runs while the demonstration does.
type demo struct {
	dir     string
	program string
	listen  string
	slapd   *testenv.Slapd
	redis   *testenv.Redis
	mail    *testenv.MailServer
}

func run(ctx context.Context, program, listen, inbox string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "latchkey-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{dir: dir, program: program, listen: listen}
	defer d.stop()
	if err := d.start(ctx); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", inbox)
	if err != nil {
		return fmt.Errorf("listen for the inbox: %w", err)
	}
	page := &http.Server{Handler: d.inbox(), ReadHeaderTimeout: 5 * time.Second}
	defer page.Close()
	go func() { _ = page.Serve(listener) }()
	return d.serve(ctx, inbox)
}

// start brings up the servers and prepares the keyring, Redis and the contacts.
func (d *demo) start(ctx context.Context) (err error) {
	servers := filepath.Join(d.dir, "servers")
	if err := os.Mkdir(servers, 0o700); err != nil {
		return err
	}
	if d.slapd, err = testenv.StartSlapd(ctx, servers, testenv.SlapdOptions{}); err != nil {
		return err
	}
	if d.redis, err = testenv.StartRedis(ctx, servers, testenv.RedisOptions{}); err != nil {
		return err
	}
	if d.mail, err = testenv.StartMailServer(d.slapd.Certificates, testenv.MailOptions{}); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"bind": d.slapd.ServicePassword, "redis": d.redis.Password, "smtp": d.mail.Password,
		"latchkey.toml": d.configuration(), "people.csv": people(),
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"keys", "init"}, {"store", "init"}, {"contacts", "import", "people.csv"}} {
		if out, err := d.command(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("latchkey %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// serve runs latchkey and waits for its end.
func (d *demo) serve(ctx context.Context, inbox string) error {
	log, err := os.Create(filepath.Join(d.dir, "latchkey.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := d.command(ctx, "serve")
	command.Stderr = log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 40 * time.Second
	if err := command.Start(); err != nil {
		return err
	}
	d.explain(inbox)
	err = command.Wait()
	if ctx.Err() != nil {
		fmt.Println("\nThe demonstration is over; nothing is left of it.")
		return ctx.Err()
	}
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("latchkey serve ended: %w\n%s", errors.Join(err), text)
}

func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, d.program, append([]string{"--config", "latchkey.toml"}, args...)...)
	command.Dir = d.dir
	return command
}

func (d *demo) stop() {
	if d.mail != nil {
		d.mail.Stop()
	}
	if d.redis != nil {
		d.redis.Stop()
	}
	if d.slapd != nil {
		d.slapd.Stop()
	}
}

func people() string {
	var b strings.Builder
	b.WriteString("login,email,mobile\n")
	for _, uid := range testenv.People() {
		if uid != "nocontacts" {
			fmt.Fprintf(&b, "%s,%s@home.test,\n", uid, uid)
		}
	}
	return b.String()
}

func (d *demo) configuration() string {
	host, port, _ := strings.Cut(d.mail.Addr, ":")
	return fmt.Sprintf(`[server]
listen = %q
public_url = "http://%[1]s"
private_listen = ""
[audit]
dir = "audit"
[[directory]]
name = "demo"
servers = [%q]
ca_file = %q
base_dn = "ou=people,%s"
group_base_dn = "ou=groups,%[4]s"
bind_dn = %q
bind_password_file = "bind"
default_policy_dn = %q
[[policy]]
groups = [%q]
enabled = false
[[policy]]
enabled = true
[protected]
groups = [%q]
[password]
min_length = 10
[redis]
addresses = [%q]
username = %q
password_file = "redis"
[keys]
file = "keys"
[mail]
host = %q
port = %s
ca_file = %[3]q
username = %q
password_file = "smtp"
from = "reset@example.test"
service_name = "the demonstration"
[support]
name = "The help desk of the demonstration"
phone = "+49 30 901820"
email = "help@example.test"
`, d.listen, d.slapd.LDAPSURL, d.slapd.CAFile, d.slapd.BaseDN, d.slapd.ServiceDN, testenv.DefaultPolicyDN,
		testenv.NotEnabledGroupDN, testenv.ProtectedGroupDN, d.redis.Addr, d.redis.Username, host, port, d.mail.Username)
}

// explain says what to click.
func (d *demo) explain(inbox string) {
	fmt.Printf(`
This is a demonstration of Latchkey. The directory, the store and the mail
server are real programs, but throw-away ones: all is gone when you press Ctrl-C.

  1. Open the wizard              http://%s
  2. Type one of these logins     alice, bob
     and send the code.
  3. Read the mail                http://%s
  4. Type the code, then a new password of 10 characters or more.
  5. See that it is real, in another terminal:

       LDAPTLS_CACERT=%s ldapwhoami -x -H %s \
         -D %s -w THE-NEW-PASSWORD

     The password from before was %s.

Others to be: young (may not change the password yet), and people who get no
mail, and whom the wizard does not tell from people who do not exist: disabled,
adminlocked, protected, notenabled, nocontacts.

Log: %s
`, d.listen, inbox, d.slapd.CAFile, d.slapd.LDAPSURL, testenv.PersonDN("alice"), testenv.FirstPassword, filepath.Join(d.dir, "latchkey.log"))
}
