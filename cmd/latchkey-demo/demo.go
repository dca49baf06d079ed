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
	sms     *testenv.SMSGateway
	inbox   inbox
}

// The administrator, who needs a code by e-mail and one by SMS.
const (
	administrator       = "admin"
	administratorsGroup = "cn=administrators,ou=groups," + testenv.BaseDN
)

func run(ctx context.Context, program, listen, inboxListen string) error {
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
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", inboxListen)
	if err != nil {
		return fmt.Errorf("listen for the inbox: %w", err)
	}
	page := &http.Server{Handler: &d.inbox, ReadHeaderTimeout: 5 * time.Second}
	defer page.Close()
	go func() { _ = page.Serve(listener) }()
	return d.serve(ctx, inboxListen)
}

// start brings up the servers and prepares the keyring, Redis and the contacts.
func (d *demo) start(ctx context.Context) (err error) {
	servers := filepath.Join(d.dir, "servers")
	if err := os.Mkdir(servers, 0o700); err != nil {
		return err
	}
	if d.slapd, err = testenv.StartSlapd(ctx, servers, testenv.SlapdOptions{LDIF: administrators()}); err != nil {
		return err
	}
	if d.redis, err = testenv.StartRedis(ctx, servers, testenv.RedisOptions{}); err != nil {
		return err
	}
	if d.mail, err = testenv.StartMailServer(d.slapd.Certificates, testenv.MailOptions{OnMessage: d.inbox.mail}); err != nil {
		return err
	}
	if d.sms, err = testenv.StartSMSGateway(testenv.SMSOptions{OnMessage: d.inbox.sms}); err != nil {
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
	if d.sms != nil {
		d.sms.Stop()
	}
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

// administrators is who the directory has besides the people of [testenv.People].
func administrators() string {
	return testenv.PersonLDIF(administrator) +
		fmt.Sprintf("\ndn: %s\nobjectClass: groupOfNames\ncn: administrators\nmember: %s\n", administratorsGroup, testenv.PersonDN(administrator))
}

// people is the file for `contacts import`. The numbers are reserved for films.
func people() string {
	numbers := map[string]string{"alice": "+491713920001", administrator: "+491713920002"}
	var b strings.Builder
	b.WriteString("login,email,mobile\n")
	for _, uid := range append(testenv.People(), administrator) {
		if uid != "nocontacts" {
			fmt.Fprintf(&b, "%s,%s@home.test,%s\n", uid, uid, numbers[uid])
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
methods = ["email", "sms"]
[protected]
groups = [%q]
[administrators]
groups = [%q]
[password]
min_length = 10
[redis]
addresses = [%q]
username = %q
password_file = "redis"
[keys]
file = "keys"
[sms]
countries = ["DE"]
url = %q
allow_private = ["127.0.0.1"]
[mail]
host = %q
port = %s
username = %q
password_file = "smtp"
from = "reset@example.test"
service_name = "Example"
ca_file = %[3]q
[support]
name = "Example service desk"
phone = "+49 30 901820"
email = "help@example.test"
requests_to = "help@example.test"
`, d.listen, d.slapd.LDAPSURL, d.slapd.CAFile, d.slapd.BaseDN, d.slapd.ServiceDN, testenv.DefaultPolicyDN,
		testenv.NotEnabledGroupDN, testenv.ProtectedGroupDN, administratorsGroup, d.redis.Addr, d.redis.Username, d.sms.URL, host, port, d.mail.Username)
}

// explain says what to click.
func (d *demo) explain(inbox string) {
	fmt.Printf(`
This is a demonstration of Latchkey. The directory, the store, the mail server
and the SMS gateway are throw-away ones: all is gone when you press Ctrl-C.

  1. Open the pages                     http://%[1]s
     and, in another tab, the inbox     http://%[2]s
  2. Type the user name alice, and choose mail or SMS.
  3. Copy the code from the inbox.
  4. Set a new password of 10 characters or more; the old one is %[3]s.
  5. See in another terminal that the directory has it:

       LDAPTLS_CACERT=%[4]s ldapwhoami -x -H %[5]s -D %[6]s -W

Others to be:
  bob          has no mobile number: a code by mail only
  admin        an administrator: a code by mail and one by SMS
  young        changed the password just now; the directory refuses another today
  disabled, adminlocked, protected, notenabled
               may not reset: no code, but a mail that says why
  nocontacts   has no contact: no message at all
  The pages look the same for them as for people who do not exist.

After 10 seconds each page offers to write to support; that mail is in the inbox
too. For the commands of latchkey, in another terminal:

  cd %[7]s
  alias latchkey='%[8]s --config latchkey.toml'
  latchkey audit search --login alice
  latchkey policy explain admin

The server's log is %[7]s/latchkey.log
`, d.listen, inbox, testenv.FirstPassword, d.slapd.CAFile, d.slapd.LDAPSURL, testenv.PersonDN("alice"), d.dir, d.program)
}
