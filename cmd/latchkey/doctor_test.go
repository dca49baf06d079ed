package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/internal/finding"
	"latchkey/internal/testenv"
)

// clinic is a configuration in which doctor is run.
type clinic struct {
	t   *testing.T
	env []string
}

// newClinic prepares keyring and store for a directory.
func newClinic(t *testing.T, url, ca, base, service, password string, more ...string) *clinic {
	t.Helper()
	redis := testenv.NewRedis(t, testenv.RedisOptions{})
	dir := t.TempDir()
	path := filepath.Join(dir, "latchkey.toml")
	text := fmt.Sprintf(serversConfig, url, ca, base, service, redis.Addr, redis.Username, filepath.Join(dir, "keyring"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &clinic{t, append(os.Environ(), append([]string{
		"GORACE=atexit_sleep_ms=0", "LATCHKEY_CONFIG=" + path, "LATCHKEY_AUDIT__DIR=" + filepath.Join(dir, "audit"),
		"LATCHKEY_DIRECTORY__0__BIND_PASSWORD=" + password, "LATCHKEY_REDIS__PASSWORD=" + redis.Password,
	}, more...)...)}
	for _, args := range [][]string{{"keys", "init"}, {"store", "init"}} {
		command := exec.Command("latchkey", args...)
		command.Env = c.env
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return c
}

// doctor returns the findings on the directory by their check.
func (c *clinic) doctor(args ...string) map[string]finding.Finding {
	c.t.Helper()
	command := exec.Command("latchkey", append([]string{"doctor", "--json"}, args...)...)
	command.Env = c.env
	out, err := command.Output()
	if ended, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || ended.ExitCode() != exitNo) {
		c.t.Fatalf("doctor: %v\n%s", err, out)
	}
	var told diagnosis
	if err := json.Unmarshal(out, &told); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	found := make(map[string]finding.Finding)
	for _, f := range told.Findings {
		if strings.HasPrefix(f.Piece, "directory ") {
			found[f.Check] = f
		}
	}
	return found
}

func (c *clinic) want(found map[string]finding.Finding, check string, state finding.State) {
	c.t.Helper()
	if f := found[check]; f.State != state {
		c.t.Errorf("%s is %q, %q; want %q", check, f.State, f.Finding, state)
	}
}

// TestS35_DoctorProvesTheRights: a weak password, another attribute and a
// protected account are refused where the rights are right, and only there.
func TestS35_DoctorProvesTheRights(t *testing.T) {
	testenv.Need(t, "slapd", "redis-server")
	const keepOff = `to dn.base="uid=protected,ou=people,` + testenv.BaseDN + `" attrs=userPassword by dn.exact="` + testenv.ServiceDN + `" none by * break`
	const reader = `to dn.subtree="ou=people,` + testenv.BaseDN + `" attrs=description by dn.exact="` + testenv.ServiceDN + `" write by * break`
	proofs := []string{"weak is refused", "new password", "nothing else", "protected"}
	for name, test := range map[string]struct {
		options testenv.SlapdOptions
		states  [4]finding.State
	}{
		"right":    {testenv.SlapdOptions{FirstAccess: keepOff}, [4]finding.State{finding.Good, finding.Good, finding.Good, finding.Good}},
		"manage":   {testenv.SlapdOptions{FirstAccess: keepOff, ServiceRight: "manage"}, [4]finding.State{finding.Failed, finding.Good, finding.Good, finding.Skipped}},
		"no right": {testenv.SlapdOptions{FirstAccess: keepOff, ServiceRight: "none"}, [4]finding.State{finding.Good, finding.Failed, finding.Good, finding.Good}},
		"more":     {testenv.SlapdOptions{FirstAccess: reader}, [4]finding.State{finding.Good, finding.Good, finding.Failed, finding.Failed}},
		"everyone": {testenv.SlapdOptions{}, [4]finding.State{finding.Good, finding.Good, finding.Good, finding.Failed}},
	} {
		t.Run(name, func(t *testing.T) {
			s := testenv.NewSlapd(t, test.options)
			c := newClinic(t, s.LDAPSURL, s.CAFile, s.BaseDN, s.ServiceDN, s.ServicePassword,
				"LATCHKEY_DIRECTORY__0__DEFAULT_POLICY_DN="+testenv.DefaultPolicyDN, "LATCHKEY_DOCTOR__PROTECTED_CANARY=protected")
			found := c.doctor("--canary", "bob")
			for i, check := range proofs {
				c.want(found, check, test.states[i])
			}
			if err := s.Bind(t.Context(), testenv.PersonDN("protected"), testenv.FirstPassword); err != nil {
				t.Errorf("the protected account lost its password: %v", err)
			}
			if values, err := s.Attribute(t.Context(), testenv.PersonDN("bob"), "description"); err != nil || len(values) > 0 {
				t.Errorf("the canary kept %q, %v", values, err)
			}
		})
	}
}

// TestDoctorsFixesForSlapd: what is printed is run as it stands, and mends.
func TestDoctorsFixesForSlapd(t *testing.T) {
	testenv.Need(t, "bash", "slapd", "slapadd", "ldapmodify", "ldapsearch", "redis-server")
	s := startBareSlapd(t)
	const service, base = "cn=latchkey,dc=example,dc=org", "ou=people,dc=example,dc=org"
	paste := func(text string) {
		t.Helper()
		command := exec.Command("bash", "-eo", "pipefail", "-c", strings.NewReplacer("ldapi:///", s.local, " -W ", " -y "+s.password+" ", "latchkey doctor", "true").Replace(text))
		command.Env = append(os.Environ(), "LDAPTLS_CACERT="+s.ca)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, out, text)
		}
	}
	paste("ldapmodify -x -W -H " + s.secure + " -D cn=admin,dc=example,dc=org <<'EOF'\ndn: " + service + "\nchangetype: add\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\nuserPassword: service-password\nEOF")
	c := newClinic(t, s.secure, s.ca, base, service, "service-password")
	found := c.doctor()
	c.want(found, "canary", finding.Skipped)
	c.want(found, "kind of server", finding.Failed) // no overlay
	paste(found["canary"].Fix)
	found = c.doctor("--canary", "latchkey-canary")
	c.want(found, "new password", finding.Failed)
	paste(found["new password"].Fix)
	found = c.doctor("--canary", "latchkey-canary")
	c.want(found, "new password", finding.Good)
	c.want(found, "nothing else", finding.Good)
	c.want(found, "weak is refused", finding.Failed) // there are no rules
	c.want(found, "no administrator", finding.Good)
	// An account that may do all, of which the same rules take it.
	paste("ldapmodify -Q -Y EXTERNAL -H ldapi:/// <<'EOF'\ndn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nadd: olcAccess\nolcAccess: {0}to * by dn.exact=\"" + service + "\" manage by * break\nEOF")
	found = c.doctor("--canary", "latchkey-canary")
	c.want(found, "no administrator", finding.Failed)
	c.want(found, "nothing else", finding.Failed)
	paste(found["no administrator"].Fix)
	found = c.doctor("--canary", "latchkey-canary")
	c.want(found, "no administrator", finding.Good)
	c.want(found, "nothing else", finding.Good)
	c.want(found, "new password", finding.Good)
}

// TestDoctorsTable: its form, which people read and scripts should not.
func TestDoctorsTable(t *testing.T) {
	var out bytes.Buffer
	err := printFindings(&out, []finding.Finding{
		{Piece: "this machine", Check: "keyring", State: finding.Good, Finding: "/etc/latchkey/keyring"},
		{Piece: "this machine", Check: "audit", State: finding.Skipped, Finding: "not tried"},
		{Piece: "directory main, ldaps://ldap", Check: "rights", State: finding.Failed, Finding: "too many", Fix: "cat <<'EOF'\na\nEOF"},
		{Piece: "directory main, ldaps://ldap", Check: "people", State: finding.Failed, Finding: "none", Fix: "cat <<'EOF'\na\nEOF"},
		{Piece: "redis", Check: "clock", State: finding.Warning, Finding: "slow\x1b[2J", Fix: "date"},
	})
	const want = `this machine
  ✓ keyring  /etc/latchkey/keyring
  – audit    not tried
directory main, ldaps://ldap
  ✗ rights   too many [1]
  ✗ people   none [1]
redis
  ! clock    slow�[2J [2]

[1] directory main, ldaps://ldap: rights
cat <<'EOF'
a
EOF

[2] redis: clock
date

1 ✓, 1 !, 2 ✗, 1 –
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), want)
	}
}
