package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/audit"
	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/setting"
	"latchkey/internal/store"
	"latchkey/internal/store/storetest"
	"latchkey/internal/testenv"
)

// The scripts in testdata/script/audit find the audits of two instances, "one"
// and "two", in which the password of a person was written.
func TestScriptOnAudit(t *testing.T) {
	testenv.Need(t, "slapd", "ldapwhoami", "redis-server")
	slapd := testenv.NewSlapd(t)
	person := personID(t, slapd)
	p := params("../../testdata/script/audit")
	p.Setup = func(env *testscript.Env) error {
		redis, err := testenv.StartRedis(t.Context(), t.TempDir(), testenv.RedisOptions{})
		if err != nil {
			return err
		}
		env.Defer(redis.Stop)
		ring := filepath.Join(env.WorkDir, "keyring")
		text := fmt.Sprintf(serversConfig, slapd.LDAPSURL, slapd.CAFile, slapd.BaseDN, slapd.ServiceDN, redis.Addr, redis.Username, ring)
		env.Setenv("LATCHKEY_CONFIG", filepath.Join(env.WorkDir, "latchkey.toml"))
		env.Setenv("LATCHKEY_DIRECTORY__0__BIND_PASSWORD", slapd.ServicePassword)
		env.Setenv("LATCHKEY_REDIS__PASSWORD", redis.Password)
		env.Setenv("person", person)
		if err := os.WriteFile(filepath.Join(env.WorkDir, "latchkey.toml"), []byte(text), 0o600); err != nil {
			return err
		}
		err = errors.Join(writeAudits(t, env.WorkDir, ring, redis, person), setup(env))
		env.Setenv("LATCHKEY_AUDIT__DIR", filepath.Join(env.WorkDir, "one"))
		env.Setenv("LATCHKEY_AUDIT__INSTANCE", "one")
		return err
	}
	testscript.Run(t, p)
}

// personID is the permanent id of alice.
func personID(t *testing.T, slapd *testenv.Slapd) string {
	t.Helper()
	c := directory.Defaults()
	c.Name, c.Servers, c.CAFile, c.BaseDN = "main", []string{slapd.LDAPSURL}, slapd.CAFile, slapd.BaseDN
	c.BindDN, c.BindPassword = slapd.ServiceDN, setting.NewSecret(slapd.ServicePassword)
	people, err := directory.Open(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer people.Close()
	alice, err := people.Find(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	return alice.ID.String()
}

// writeAudits writes the audits of both instances.
func writeAudits(t *testing.T, dir, ring string, redis *testenv.Redis, person string) error {
	keys, err := keyring.Create(ring)
	if err != nil {
		return err
	}
	section := store.Defaults()
	section.Timeout = setting.Duration(storetest.Patience)
	section.Addresses, section.Username, section.Password = []string{redis.Addr}, redis.Username, setting.NewSecret(redis.Password)
	s, err := store.Open(section)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Init(t.Context(), keys.Fingerprint()); err != nil {
		return err
	}
	for _, name := range []string{"one", "two"} {
		c := audit.Defaults()
		c.Dir, c.Instance = filepath.Join(dir, name), name
		l, err := audit.Open(c, keys, audit.NewTail(s, keys, c), slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		for _, kind := range []string{audit.WriteIntended, audit.WriteEnded} {
			err = errors.Join(err, l.Record(t.Context(), audit.Event{Kind: kind, Recovery: "recovery-" + name, Directory: "main", Person: person, Reason: "=1+1"}))
		}
		if err := errors.Join(err, l.Close()); err != nil {
			return err
		}
	}
	return nil
}
