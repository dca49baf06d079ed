package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/testenv"
)

// bareSlapd is an OpenLDAP as Debian sets it up, with some people and a
// certificate.
type bareSlapd struct {
	local, secure, ca string
	// password names the file with the administrator's password.
	password string
}

const bareConfig = `dn: cn=config
objectClass: olcGlobal
cn: config
olcTLSCertificateFile: @CERT@
olcTLSCertificateKeyFile: @KEY@

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/nis.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={-1}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {-1}frontend
olcAccess: {0}to dn.base="" by * read
olcAccess: {1}to dn.base="cn=subschema" by * read

dn: olcDatabase={0}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {0}config
olcAccess: {0}to * by dn.exact=gidNumber=@GID@+uidNumber=@UID@,cn=peercred,cn=external,cn=auth manage by * none

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcSuffix: dc=example,dc=org
olcRootDN: cn=admin,dc=example,dc=org
olcRootPW: admin-password
olcDbDirectory: @DATA@
olcAccess: {0}to attrs=userPassword by self write by anonymous auth by * none
olcAccess: {1}to * by * read
`

const barePeople = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=alice,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: Example
mail: alice@example.org
mobile: +49 1512 3456789
userPassword: first-Password-1

dn: cn=staff,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: staff
member: uid=alice,ou=people,dc=example,dc=org
`

func startBareSlapd(t *testing.T) bareSlapd {
	t.Helper()
	dir := t.TempDir()
	certificates, err := testenv.NewCertificates(dir)
	if err != nil {
		t.Fatal(err)
	}
	config, data := filepath.Join(dir, "config"), filepath.Join(dir, "data")
	for _, made := range []string{config, data} {
		if err := os.Mkdir(made, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ldif := strings.NewReplacer(
		"@CERT@", certificates.CertFile, "@KEY@", certificates.KeyFile, "@DATA@", data,
		"@UID@", fmt.Sprint(os.Getuid()), "@GID@", fmt.Sprint(os.Getgid()),
	).Replace(bareConfig)
	for number, content := range []string{ldif, barePeople} {
		load := exec.Command(serverPath("slapadd"), "-q", "-n", fmt.Sprint(number), "-F", config)
		load.Stdin = strings.NewReader(content)
		if out, err := load.CombinedOutput(); err != nil {
			t.Fatalf("slapadd: %v\n%s", err, out)
		}
	}
	s := bareSlapd{
		local: "ldapi://" + url.PathEscape(filepath.Join(dir, "ldapi")), secure: fmt.Sprintf("ldaps://127.0.0.1:%d", freePort(t)),
		ca: certificates.CAFile, password: filepath.Join(dir, "admin"),
	}
	if err := os.WriteFile(s.password, []byte("admin-password"), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, serverPath("slapd"), "-d", "0", "-F", config, "-h", s.local+" "+s.secure)
	awaited(t, "ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", s.local)
	return s
}

// startBareRedis starts a Redis with nothing set but its port and directory.
func startBareRedis(t *testing.T) (port int) {
	t.Helper()
	port = freePort(t)
	file := filepath.Join(t.TempDir(), "redis.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\n", port, filepath.Dir(file))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, "redis-server", file)
	awaited(t, "redis-cli", "-p", fmt.Sprint(port), "PING")
	return port
}

// serverPath looks where Debian puts servers, which PATH may leave out.
func serverPath(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	return filepath.Join("/usr/sbin", program)
}

// background runs a server until the test ends.
func background(t *testing.T, program string, args ...string) {
	t.Helper()
	command := exec.Command(program, args...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
}

// awaited runs a command until it succeeds.
func awaited(t *testing.T, program string, args ...string) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := exec.Command(program, args...).CombinedOutput()
		if err == nil {
			return
		}
		select {
		case <-late:
			t.Fatalf("%s %q: %v\n%s", program, args, err, out)
		case <-tick.C:
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
