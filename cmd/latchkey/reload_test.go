package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/telemetry"
	"latchkey/internal/testenv"
	"latchkey/resetapi"
	"latchkey/resetapi/password"
)

const reloadConfig = `
[server]
public_url = "https://reset.example.org"
[log]
level = "LEVEL"
[[directory]]
name = "main"
servers = ["ldaps://127.0.0.1:1"]
base_dn = "dc=example,dc=org"
bind_dn = "cn=latchkey,dc=example,dc=org"
[[policy]]
enabled = true
[mail]
host = "HOST"
from = "reset@example.org"
[keys]
file = "keyring"
`

// syncedLog may be read while it is written.
type syncedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *syncedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns what was logged since the last time.
func (l *syncedLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// reloading is a reloader on files that a test changes.
type reloading struct {
	*reloader
	t      *testing.T
	config string
	keys   string
	log    *syncedLog
}

func (r *reloading) configure(level, host string) {
	r.t.Helper()
	text := strings.NewReplacer("LEVEL", level, "HOST", host, `"keyring"`, `"`+r.keys+`"`).Replace(reloadConfig)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// block writes the blocklist of passwords.
func (r *reloading) block(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.passwords.BlocklistFile, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func startReloading(t *testing.T) *reloading {
	t.Helper()
	dir := t.TempDir()
	r := &reloading{t: t, config: filepath.Join(dir, "latchkey.toml"), keys: filepath.Join(dir, "keyring"), log: new(syncedLog)}
	ring, err := keyring.Create(r.keys)
	if err != nil {
		t.Fatal(err)
	}
	files, err := testenv.NewCertificates(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.configure("info", "mail.example.org")
	level := new(slog.LevelVar)
	r.reloader = &reloader{
		app:  &application{configFile: r.config, environ: []string{"LATCHKEY_DIRECTORY__0__BIND_PASSWORD=x"}},
		keys: ring, level: level, logger: telemetry.NewLogger(r.log, level),
		passwords: password.New(password.Config{MinLength: 8, MaxLength: 256, BlocklistFile: filepath.Join(dir, "blocklist")}),
	}
	r.block("tqzvkmwx")
	if r.certificate, err = resetapi.OpenCertificate(files.CertFile, files.KeyFile, r.logger); err != nil {
		t.Fatal(err)
	}
	if r.inUse, err = r.app.load(); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReload: each thing is taken up, and whatever cannot be is said and stays.
func TestReload(t *testing.T) {
	r := startReloading(t)
	if _, err := keyring.Rotate(r.keys); err != nil {
		t.Fatal(err)
	}
	r.configure("debug", "mail.example.org")
	r.reload(t.Context())
	if log := r.log.take(); r.level.Level() != slog.LevelDebug || r.reloader.keys.Current() != 2 || strings.Contains(log, "restart") {
		t.Errorf("level %v, key version %d, log:\n%s", r.level.Level(), r.reloader.keys.Current(), log)
	}
	r.configure("warn", "other.example.org")
	r.reload(t.Context())
	if log := r.log.take(); r.level.Level() != slog.LevelWarn || !strings.Contains(log, `"sections":"mail"`) {
		t.Errorf("level %v, log:\n%s", r.level.Level(), log)
	}
	if r.passwords.Check("tqzvkmwx", "") == nil {
		t.Error("the blocklist is not taken up")
	}
	r.block("\xff")
	r.configure("loud", "mail.example.org")
	if err := os.WriteFile(r.keys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.keys), "server.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.reload(t.Context())
	log := r.log.take()
	for _, want := range []string{"the keyring cannot", "the certificate cannot", "the configuration cannot", "the blocklist of passwords cannot"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not logged:\n%s", want, log)
		}
	}
	if r.level.Level() != slog.LevelWarn || r.reloader.keys.Current() != 2 || r.certificate.Expires().IsZero() || r.passwords.Check("tqzvkmwx", "") == nil {
		t.Error("something that was in use is lost")
	}
	r.debug = true
	r.configure("error", "mail.example.org")
	if r.reload(t.Context()); r.level.Level() != slog.LevelDebug {
		t.Errorf("--debug is overruled: %v", r.level.Level())
	}
}

// TestSignalReloads sends this process a real SIGHUP.
func TestSignalReloads(t *testing.T) {
	r := startReloading(t)
	r.configure("debug", "mail.example.org")
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx) })
	defer running.Wait()
	defer cancel()
	holdSignal(t)
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for r.level.Level() != slog.LevelDebug {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the signal reloads nothing")
		}
	}
}

// holdSignal keeps a SIGHUP from ending the test before run listens.
func holdSignal(t *testing.T) {
	t.Helper()
	held := make(chan os.Signal, 1)
	signal.Notify(held, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(held) })
}
