// Package store owns the connection to Redis and the names of all keys in it.
//
// Hot state (recoveries, counters, limits, the delivery queue) lies under one
// hash tag, so that one script may touch several of its keys on a Cluster too;
// contact cards lie in 64 tagged buckets. Names hold only what Latchkey made
// itself: random ids and keyed hashes, never a login or a contact.
//
// A store is initialized once with `latchkey store init`, which writes the
// store's epoch and the fingerprint of the keyring. A store that has neither
// was never initialized, or has lost its content: nothing is served from it.
//
// What Redis must be is checked before anything is served, and watched
// afterwards: it evicts nothing, keeps what it is given, takes writes, and is
// closed to strangers.
package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/setting"
)

// Modes of running Redis.
const (
	ModeSingle   = "single"
	ModeSentinel = "sentinel"
	ModeCluster  = "cluster"
)

// Config is the section [redis].
type Config struct {
	// Mode is single, sentinel or cluster; default single.
	Mode string `toml:"mode"`
	// Addresses are host:port pairs, or one unix:/path for a local socket: the
	// server itself, the sentinels, or some nodes of the cluster.
	Addresses []string `toml:"addresses"`
	// MasterName is the name that the sentinels watch.
	MasterName string `toml:"master_name"`
	// Username is the ACL user; empty means Redis' default user.
	Username string `toml:"username"`
	// Password is the user's password; set PasswordFile or the environment.
	Password setting.Secret `toml:"password"`
	// PasswordFile names the file that holds the password.
	PasswordFile string `toml:"password_file"`
	// TLS turns on TLS with verification. Required off the loopback.
	TLS bool `toml:"tls"`
	// CAFile holds the certificate authorities to trust; default the system's.
	CAFile string `toml:"ca_file"`
	// AllowVolatile accepts a Redis that keeps nothing on disk; default false.
	AllowVolatile bool `toml:"allow_volatile"`
	// Timeout bounds each command; default 1s (SECURITY: Redis 1 s).
	Timeout setting.Duration `toml:"timeout"`
}

// Defaults returns the section as it is when nothing is written.
func Defaults() Config {
	return Config{
		Mode:      ModeSingle,
		Addresses: []string{"127.0.0.1:6379"},
		Timeout:   setting.Duration(time.Second),
	}
}

// ErrUnavailable means that Redis could not be asked, or refused to answer.
// What was asked must be taken as not done.
var ErrUnavailable = errors.New("the store is unavailable")

// Store is an open connection pool to Redis.
type Store struct {
	redis.UniversalClient

	config   Config
	volatile atomic.Bool
	health   atomic.Pointer[health]
}

// quiet keeps go-redis from writing to standard error by itself: every error
// that it would print comes back to a caller, who logs it.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// Open connects lazily; [Store.Check] is the first call that needs Redis.
func Open(c Config) (*Store, error) {
	quiet()
	options := &redis.UniversalOptions{
		Addrs: c.Addresses, MasterName: c.MasterName,
		Username: c.Username, Password: c.Password.Reveal(),
		ClientName: "latchkey", Protocol: 2,
		DialTimeout: c.Timeout.Std(), ReadTimeout: c.Timeout.Std(), WriteTimeout: c.Timeout.Std(),
		ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
		IsClusterMode: c.Mode == ModeCluster,
	}
	if c.TLS {
		trust, err := tlsConfig(c.CAFile)
		if err != nil {
			return nil, err
		}
		options.TLSConfig = trust
	}
	if len(c.Addresses) == 1 {
		if path, ok := unixPath(c.Addresses[0]); ok {
			options.Addrs = []string{path}
			options.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{Timeout: c.Timeout.Std()}).DialContext(ctx, "unix", path)
			}
		}
	}
	return &Store{UniversalClient: redis.NewUniversalClient(options), config: c}, nil
}

func unixPath(address string) (string, bool) {
	const prefix = "unix:"
	if len(address) > len(prefix) && address[:len(prefix)] == prefix {
		return address[len(prefix):], true
	}
	return "", false
}

func tlsConfig(caFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authorities for Redis: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in PEM form", caFile)
	}
	return c, nil
}

// Unavailable wraps an error of Redis in ErrUnavailable; nil stays nil.
func Unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
