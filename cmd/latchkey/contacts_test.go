package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/testenv"
)

// serversConfig is a configuration for the servers of a script.
const serversConfig = `
[server]
public_url = "http://127.0.0.1:8080"

[[directory]]
name = "main"
servers = [%q]
ca_file = %q
base_dn = %q
bind_dn = %q

[[policy]]
enabled = true

[contacts]
corporate_domains = ["example.test"]

[redis]
timeout = "10s"
addresses = [%q]
username = %q

[keys]
file = %q

[mail]
host = "127.0.0.1"
tls = "none"
from = "reset@example.test"

`

// The scripts in testdata/script/servers run on a real slapd and a real Redis,
// each with a Redis of its own.
func TestScriptOnServers(t *testing.T) {
	testenv.Need(t, "slapd", "ldapwhoami", "redis-server")
	slapd := testenv.NewSlapd(t)
	certificates, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, mailPort, err := net.SplitHostPort(testenv.NewMailServer(t, certificates, testenv.MailOptions{}).Addr)
	if err != nil {
		t.Fatal(err)
	}
	p := params("../../testdata/script/servers")
	p.Setup = func(env *testscript.Env) error {
		redis, err := testenv.StartRedis(t.Context(), t.TempDir(), testenv.RedisOptions{})
		if err != nil {
			return err
		}
		env.Defer(redis.Stop)
		text := fmt.Sprintf(serversConfig, slapd.LDAPSURL, slapd.CAFile, slapd.BaseDN, slapd.ServiceDN, redis.Addr, redis.Username,
			filepath.Join(env.WorkDir, "keyring"))
		env.Setenv("LATCHKEY_CONFIG", filepath.Join(env.WorkDir, "latchkey.toml"))
		env.Setenv("LATCHKEY_DIRECTORY__0__BIND_PASSWORD", slapd.ServicePassword)
		env.Setenv("LATCHKEY_REDIS__PASSWORD", redis.Password)
		env.Setenv("MAIL_PORT", mailPort)
		if err := os.WriteFile(filepath.Join(env.WorkDir, "latchkey.toml"), []byte(text), 0o600); err != nil {
			return err
		}
		return setup(env)
	}
	testscript.Run(t, p)
}

// What is said to be run next names the same person.
func TestWhomIsNamedAsTyped(t *testing.T) {
	for want, w := range map[string]whom{
		"alice":                        {Login: "alice"},
		"alice --directory=staff":      {Login: "alice", Directory: "staff"},
		"--id=uuid:1 --directory=main": {ID: "uuid:1", Directory: "main"},
	} {
		if got := w.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
