package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrNotInitialized means that the store has no epoch.
	ErrNotInitialized = errors.New("the store is not initialized, or has lost its content (a Redis whose default user is off and has no rights loses it at a restart: give it ~* &* +@all, it stays off): run `latchkey store init` once you know which")
	// ErrInitialized means that the store has an epoch already.
	ErrInitialized = errors.New("the store is initialized already")
	// ErrOtherKeyring means that the store was initialized with another keyring.
	ErrOtherKeyring = errors.New("the store was initialized with another keyring: what it holds cannot be read with this one")
	// ErrEviction means that Redis may drop keys when memory runs short; all
	// counters that guard accounts would be the first to go.
	ErrEviction = errors.New("the store may evict keys, and the counters that guard accounts go first: set maxmemory-policy noeviction in Redis")
	// ErrVolatile means that Redis loses everything when it restarts.
	ErrVolatile = errors.New("the store keeps nothing on disk, so that a restart of Redis loses all contacts and counters: set appendonly yes in Redis, or allow_volatile = true in [redis] for a trial")
	// ErrTooOld means that Redis lacks commands that are needed.
	ErrTooOld = errors.New("the store is too old: Redis 6.2 or newer, or Valkey, is needed")
	// ErrReplica means that the server takes no writes.
	ErrReplica = errors.New("the store is a replica and takes no writes: name the master in [redis] addresses, or use mode sentinel")
	// ErrCommands means that the ACL user may not run what is needed.
	ErrCommands = errors.New("the user of [redis] may not run all commands that are needed: give it the rights of the operator's guide")
	// ErrOpenUser means that Redis takes any password from the user.
	ErrOpenUser = errors.New("the user of [redis] has no password (nopass) on a server that others can reach: give it one with ACL SETUSER")
)

// Init marks the store as Latchkey's: a new epoch and the keyring's
// fingerprint. It refuses on a store that is initialized already.
func (s *Store) Init(ctx context.Context, fingerprint string) error {
	if err := s.checkServers(ctx); err != nil {
		return err
	}
	set, err := redis.NewScript(initScript).Run(ctx, s, []string{metaKey()}, fingerprint, rand.Text()).Bool()
	if err != nil {
		return Unavailable(err)
	}
	if !set {
		return ErrInitialized
	}
	return nil
}

// initScript writes with two commands on purpose. A Redis whose default user is
// off and has no rights loses at a restart what scripts wrote with more than one
// command (redis/redis#14541), recoveries and counters with it; it then loses
// this mark too, and nothing is served from it.
const initScript = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'keyring', ARGV[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
return 1
`

// Check is what must hold before anything is served: Redis answers, is new
// enough, evicts nothing, keeps what it is given, and lets its user run all
// that is needed; the store is initialized, and the keyring is the store's own.
func (s *Store) Check(ctx context.Context, fingerprint string) error {
	if err := s.checkServers(ctx); err != nil {
		return err
	}
	if err := s.checkCommands(ctx); err != nil {
		return err
	}
	if err := s.checkPassword(ctx); err != nil {
		return err
	}
	return s.checkMeta(ctx, fingerprint)
}

// CheckReading is what must hold before anything is shown: the store is
// initialized with this keyring. A Redis that takes no writes can be read.
func (s *Store) CheckReading(ctx context.Context, fingerprint string) error {
	return s.checkMeta(ctx, fingerprint)
}

func (s *Store) checkMeta(ctx context.Context, fingerprint string) error {
	meta, err := s.HGetAll(ctx, metaKey()).Result()
	switch {
	case err != nil:
		return Unavailable(err)
	case meta["epoch"] == "":
		return ErrNotInitialized
	case meta["keyring"] != fingerprint:
		return ErrOtherKeyring
	}
	return nil
}

// checkServers judges every server that takes writes.
func (s *Store) checkServers(ctx context.Context) error {
	if cluster, ok := s.UniversalClient.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		return cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			return s.checkServer(ctx, master)
		})
	}
	return s.checkServer(ctx, s.UniversalClient)
}

func (s *Store) checkServer(ctx context.Context, server redis.Cmdable) error {
	info, err := serverInfo(ctx, server)
	if err != nil {
		return err
	}
	volatile := info["aof_enabled"] != "1"
	s.volatile.Store(volatile)
	switch policy, version := info["maxmemory_policy"], info["redis_version"]; {
	case !atLeast(version, 6, 2):
		return fmt.Errorf("%w (it is %s)", ErrTooOld, version)
	case info["role"] == "slave":
		return ErrReplica
	case policy != "noeviction":
		return fmt.Errorf("%w (it is %s)", ErrEviction, policy)
	case volatile && !s.config.AllowVolatile:
		return ErrVolatile
	}
	return nil
}

// serverInfo returns what a server says of how it is set up.
func serverInfo(ctx context.Context, server redis.Cmdable) (map[string]string, error) {
	info := make(map[string]string)
	for _, section := range []string{"server", "memory", "persistence", "replication"} {
		text, err := server.Info(ctx, section).Result()
		if err != nil {
			return nil, Unavailable(fmt.Errorf("ask Redis how it is set up: %w", err))
		}
		for line := range strings.Lines(text) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				info[key] = value
			}
		}
	}
	return info, nil
}

// atLeast compares the first two numbers of a version.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	x, errX := strconv.Atoi(parts[0])
	y, errY := strconv.Atoi(parts[1])
	return errX == nil && errY == nil && (x > major || x == major && y >= minor)
}

// Volatile reports whether Redis was last seen to keep nothing on disk, which
// [Config].AllowVolatile allows. Whoever serves from it should say so.
func (s *Store) Volatile() bool { return s.volatile.Load() }
