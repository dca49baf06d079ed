package testenv

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// RedisACL are the rights of the service's Redis user, as the operator's guide
// gives them: keys and channels of Latchkey only, commands on data and scripts,
// and INFO, from which the start-up check reads the eviction policy. Whatever
// Redis calls dangerous or administrative is left out, FLUSHALL, KEYS and
// CONFIG among it.
const RedisACL = "~latchkey:* resetchannels &latchkey:* -@all " +
	"+@connection +@keyspace +@string +@hash +@set +@sortedset +@stream +@transaction " +
	"-@admin -@dangerous " +
	"+info +time +eval +evalsha +script|load +script|exists"

const (
	redisUser  = "latchkey"
	redisAdmin = "admin"
)

// RedisOptions change how a Redis server is started.
type RedisOptions struct {
	// Settings are lines of redis.conf that are added at the end.
	Settings []string
	// TLS turns on TLS with these certificates, and plain TCP off.
	TLS *Certificates
}

// Redis is a real redis-server on the loopback, with an append-only file and
// without eviction.
type Redis struct {
	running

	// Addr is host:port.
	Addr string
	// Username and Password are the ACL user of the service, see [RedisACL].
	Username, Password string

	dir           string
	tls           *Certificates
	adminPassword string
}

// StartRedis starts a server whose configuration and data lie in dir.
func StartRedis(ctx context.Context, dir string, options RedisOptions) (*Redis, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{
		Addr:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Username: redisUser, Password: rand.Text(),
		dir: dir, tls: options.TLS, adminPassword: rand.Text(),
	}
	if err := os.WriteFile(r.configFile(), r.config(port, options), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration of Redis: %w", err)
	}
	if err := r.Start(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// NewRedis starts a server for a test and stops it with the test.
func NewRedis(tb TB, options RedisOptions) *Redis {
	tb.Helper()
	Need(tb, "redis-server", "redis-cli")
	r, err := StartRedis(context.Background(), tb.TempDir(), options)
	if err != nil {
		tb.Fatalf("start Redis: %v", err)
	}
	tb.Cleanup(r.Stop)
	return r
}

func (r *Redis) configFile() string { return filepath.Join(r.dir, "redis.conf") }

func (r *Redis) config(port int, options RedisOptions) []byte {
	lines := []string{
		"bind 127.0.0.1", "daemonize no", "dir " + r.dir,
		// With everysec Redis may answer before it has written, while the disk is
		// busy, so that killing it would lose what was answered. Without a sync it
		// writes before each answer, which outlives all but the machine.
		`save ""`, "appendonly yes", "appendfsync no", "maxmemory-policy noeviction",
		"enable-debug-command local",
		// The append-only file is replayed as the default user at a start: without
		// these rights whatever a script wrote would be lost, silently.
		"user default off ~* &* +@all",
		"user " + redisUser + " on >" + r.Password + " " + RedisACL,
		"user " + redisAdmin + " on >" + r.adminPassword + " ~* &* +@all",
	}
	if c := options.TLS; c != nil {
		lines = append(
			lines, "port 0", fmt.Sprint("tls-port ", port), "tls-auth-clients no",
			"tls-cert-file "+c.CertFile, "tls-key-file "+c.KeyFile, "tls-ca-cert-file "+c.CAFile,
		)
	} else {
		lines = append(lines, fmt.Sprint("port ", port))
	}
	lines = append(lines, options.Settings...)
	return []byte(strings.Join(lines, "\n") + "\n")
}

// Start starts a server that was stopped, on the same port and data.
func (r *Redis) Start(ctx context.Context) error {
	p, err := spawn(r.dir, "redis-server", r.configFile())
	if err != nil {
		return err
	}
	r.process = p
	err = p.await(ctx, func(ctx context.Context) error {
		if err := listening(ctx, r.Addr); err != nil {
			return err
		}
		answer, err := r.Admin(ctx, "PING")
		if err == nil && answer != "PONG" {
			err = errors.New(answer)
		}
		return err
	})
	if err != nil {
		p.kill()
		return fmt.Errorf("redis-server in %s: %w", r.dir, err)
	}
	return nil
}

// Admin runs one command as Redis' administrator and returns the answer as
// redis-cli prints it, without the last line break.
func (r *Redis) Admin(ctx context.Context, args ...string) (string, error) {
	path, err := find("redis-cli")
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		return "", err
	}
	all := []string{"-e", "-h", host, "-p", port, "--user", redisAdmin}
	if r.tls != nil {
		all = append(all, "--tls", "--cacert", r.tls.CAFile)
	}
	cmd := exec.CommandContext(ctx, path, append(all, args...)...)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+r.adminPassword)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("redis-cli: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}
