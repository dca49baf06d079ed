package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The tools of 389 DS look instances up below here and nowhere else.
const (
	ds389Instance  = "latchkey-testenv"
	ds389Instances = "/etc/dirsrv"
)

// ds389Create is dscreate(8) for a machine without systemd.
const ds389Create = `import sys
from lib389 import DirSrv
DirSrv.with_systemd = lambda self: False
from lib389.instance.setup import SetupDs
from lib389.cli_base import setup_script_logger
setup = SetupDs(verbose=True, log=setup_script_logger("dscreate", True), containerised=False)
sys.exit(0 if setup.create_from_inf(sys.argv[1]) else 1)
`

const ds389Inf = `[general]
config_version = 2
full_machine_name = localhost
strict_host_checking = False
systemd = False
start = False

[slapd]
instance_name = @NAME@
user = dirsrv
group = dirsrv
port = @PORT@
secure_port = @SECURE@
root_password = @ROOTPW@
self_sign_cert = True
db_lib = mdb
backup_dir = @VAR@/bak
db_dir = @VAR@/db
db_home_dir = @VAR@/db
ldif_dir = @VAR@/ldif
lock_dir = @VAR@/lock
log_dir = @VAR@/log
run_dir = @VAR@/run
ldapi = @VAR@/run/ldapi

[backend-userroot]
suffix = @BASE@
create_suffix_entry = True
`

// ds389Snapshot is an instance with everyone in it and with the rights of the
// service account.
func ds389Snapshot() (snapshot, error) {
	program, err := find("ns-slapd")
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{
		name:    "ds389",
		program: program,
		recipe:  strings.Join([]string{ds389Create, ds389Inf, ds389AdminPassword, ds389People(), strings.Join(ds389Listen(), "\n")}, "\n"),
		build:   build389,
	}, nil
}

func build389(ctx context.Context, dir string) error {
	owner, err := ds389Owner()
	if err != nil {
		return err
	}
	// Created without them the server waits a minute for its pid file.
	for _, folder := range []string{"/run/dirsrv", dir, filepath.Join(dir, "var")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.Chown(folder, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	if err := create389(ctx, dir); err != nil {
		return err
	}
	s, err := start389On(ctx, dir, DS389Options{LDIF: ds389People()})
	if err != nil {
		return err
	}
	s.Stop()
	return s.generalize()
}

// create389 creates an instance in the place where the tools want it, and moves
// it into dir.
func create389(ctx context.Context, dir string) error {
	plain, err := FreePort()
	if err != nil {
		return err
	}
	secure, err := FreePort()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "latchkey-ds389-create-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	inf := strings.NewReplacer(
		"@NAME@", ds389Instance, "@PORT@", fmt.Sprint(plain), "@SECURE@", fmt.Sprint(secure),
		"@ROOTPW@", ds389AdminPassword, "@VAR@", filepath.Join(dir, "var"), "@BASE@", BaseDN,
	).Replace(ds389Inf)
	for name, text := range map[string]string{"create.py": ds389Create, "create.inf": inf} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	created := filepath.Join(ds389Instances, "slapd-"+ds389Instance)
	if err := os.RemoveAll(created); err != nil { // of an attempt that was killed
		return err
	}
	defer os.RemoveAll(created)
	defer os.Remove(filepath.Join("/run/dirsrv", "slapd-"+ds389Instance+".pid"))
	authority := filepath.Join(ds389Instances, "ssca")
	if _, err := os.Stat(authority); os.IsNotExist(err) {
		defer os.RemoveAll(authority)
	}
	// Another python3 may come first, without the library.
	if _, err := command(ctx, "", nil, "/usr/bin/python3", filepath.Join(work, "create.py"), filepath.Join(work, "create.inf")); err != nil {
		return err
	}
	if err := copyFolder(ctx, created, filepath.Join(dir, "config")); err != nil {
		return err
	}
	return rewrite389(dir, func(ldif string) string {
		ldif = strings.ReplaceAll(strings.ReplaceAll(ldif, "\n ", ""), created, filepath.Join(dir, "config"))
		for _, setting := range ds389Listen() {
			name, value, _ := strings.Cut(setting, ": ")
			ldif = replaceSetting(ldif, "cn=config", name, value)
		}
		return ldif
	})
}

// ds389Listen returns the settings that count from the first start on.
func ds389Listen() []string {
	return []string{"nsslapd-listenhost: 127.0.0.1", "nsslapd-securelistenhost: 127.0.0.1"}
}

// generalize takes this folder and this start out of what is copied.
func (s *DS389) generalize() error {
	for _, pattern := range []string{"var/run/*", "var/log/*", "*.pem", "*.key", "*.p12", "*.out", "administrator"} {
		found, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return rewrite389(s.dir, func(ldif string) string {
		return strings.ReplaceAll(strings.ReplaceAll(ldif, "\n ", ""), s.dir, anyDir)
	})
}
