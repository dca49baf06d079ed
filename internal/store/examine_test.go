package store_test

import (
	"strings"
	"testing"

	"latchkey/internal/finding"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/testenv"
)

func TestExamine(t *testing.T) {
	secure, err := testenv.NewCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options testenv.RedisOptions
		change  func(*store.Config)
		admin   [][]string
		other   bool // keyring
		check   string
		state   finding.State
		text    string
		fix     string
	}{
		"right":         {check: "rights", state: finding.Good},
		"evicting":      {options: testenv.RedisOptions{Settings: []string{"maxmemory-policy allkeys-lru"}}, check: "evicts nothing", state: finding.Failed, text: "allkeys-lru", fix: "CONFIG SET maxmemory-policy noeviction"},
		"volatile":      {options: testenv.RedisOptions{Settings: []string{"appendonly no"}}, check: "keeps on disk", state: finding.Failed, fix: "CONFIG SET appendonly yes"},
		"a trial":       {options: testenv.RedisOptions{Settings: []string{"appendonly no"}}, change: func(c *store.Config) { c.AllowVolatile = true }, check: "keeps on disk", state: finding.Warning},
		"too few":       {admin: [][]string{{"ACL", "SETUSER", "latchkey", "-xadd"}}, check: "rights", state: finding.Failed, text: "XADD", fix: "ACL SETUSER latchkey '~latchkey:*'"},
		"other keyring": {other: true, check: "initialized", state: finding.Failed, text: "another keyring"},
		"emptied":       {admin: [][]string{{"FLUSHALL"}}, check: "initialized", state: finding.Failed, fix: "latchkey store init"},
		"wrong secret":  {change: func(c *store.Config) { c.Password = setting.NewSecret("something else") }, check: "reachable", state: finding.Failed, text: "WRONGPASS", fix: "ACL SETUSER latchkey on resetpass"},
		"a replica":     {admin: [][]string{{"REPLICAOF", "127.0.0.1", "1"}}, check: "takes writes", state: finding.Failed, text: "127.0.0.1:1"},
		"TLS":           {options: testenv.RedisOptions{TLS: secure}, change: func(c *store.Config) { c.TLS, c.CAFile = true, secure.CAFile }, check: "tls", state: finding.Good},
	} {
		t.Run(name, func(t *testing.T) {
			r := testenv.NewRedis(t, test.options)
			c := store.Defaults()
			c.Addresses, c.Username, c.Password = []string{r.Addr}, r.Username, setting.NewSecret(r.Password)
			good := c
			if test.options.TLS != nil {
				good.TLS, good.CAFile = true, test.options.TLS.CAFile
			}
			if test.change != nil {
				test.change(&c)
			}
			initialize(t, good)
			for _, command := range test.admin {
				if out, err := r.Admin(t.Context(), command...); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			fingerprint := "ours"
			if test.other {
				fingerprint = "another"
			}
			s, err := store.Open(c)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var found finding.Finding
			for _, f := range s.Examine(t.Context(), fingerprint) {
				if f.Check == test.check {
					found = f
				} else if name == "right" && f.State == finding.Failed {
					t.Errorf("%s failed: %s", f.Check, f.Finding)
				}
				if strings.Contains(f.Finding+f.Fix, r.Password) {
					t.Errorf("%s shows the password", f.Check)
				}
			}
			if found.State != test.state || !strings.Contains(found.Finding, test.text) || !strings.Contains(found.Fix, test.fix) {
				t.Errorf("%s is %q, %q, fix %q", test.check, found.State, found.Finding, found.Fix)
			}
		})
	}
}

// initialize marks a store that may not be fit to serve.
func initialize(t *testing.T, c store.Config) {
	t.Helper()
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.HSet(t.Context(), store.Hot("meta"), "keyring", "ours", "epoch", "1").Err(); err != nil {
		t.Fatal(err)
	}
}
