package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"
)

// step is how many keys travel in one round trip of a walk.
const step = 500

// Walk calls f with every string value whose key matches a pattern, once, in no
// order, a batch in memory at a time. On a Cluster all masters are walked; f is
// never called twice at a time. The error of f ends the walk.
func (s *Store) Walk(ctx context.Context, pattern string, f func(key string, value []byte) error) error {
	return s.walk(ctx, &walk{pattern: pattern, f: f, seen: make(map[mark]struct{})})
}

func (s *Store) walk(ctx context.Context, w *walk) error {
	if cluster, ok := s.UniversalClient.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			return w.node(ctx, master)
		})
	}
	return w.node(ctx, s.UniversalClient)
}

// Roam is Walk for an f that may be called twice with the same key: nothing is
// kept in memory of what was seen.
func (s *Store) Roam(ctx context.Context, pattern string, f func(key string, value []byte) error) error {
	return s.walk(ctx, &walk{pattern: pattern, f: f})
}

// Count tells how many keys match a pattern, about: keys that are moved meanwhile
// may be counted twice. It reads none of them.
func (s *Store) Count(ctx context.Context, pattern string) (int, error) {
	var mu sync.Mutex
	n := 0
	count := func(ctx context.Context, node redis.Cmdable) error {
		for cursor := uint64(0); ; {
			keys, next, err := node.Scan(ctx, cursor, pattern, step).Result()
			if err != nil {
				return Unavailable(err)
			}
			mu.Lock()
			n += len(keys)
			mu.Unlock()
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}
	if cluster, ok := s.UniversalClient.(*redis.ClusterClient); ok {
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error { return count(ctx, master) })
		return n, err
	}
	err := count(ctx, s.UniversalClient)
	return n, err
}

type walk struct {
	pattern string
	f       func(key string, value []byte) error

	mu   sync.Mutex
	seen map[mark]struct{} // SCAN may return a key twice
}

// mark stands for a key; that keeps a walk over very many keys small.
type mark [16]byte

func markOf(key string) mark {
	sum := sha256.Sum256([]byte(key))
	return mark(sum[:16])
}

func (w *walk) node(ctx context.Context, node redis.Cmdable) error {
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, w.pattern, step).Result()
		if err != nil {
			return Unavailable(err)
		}
		if err := w.read(ctx, node, keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (w *walk) read(ctx context.Context, node redis.Cmdable, keys []string) error {
	values := make([]*redis.StringCmd, len(keys))
	pipe := node.Pipeline()
	for i, key := range keys {
		values[i] = pipe.Get(ctx, key)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return Unavailable(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, key := range keys {
		value, err := values[i].Bytes()
		if errors.Is(err, redis.Nil) {
			continue // removed since
		}
		if err != nil {
			return Unavailable(err)
		}
		if _, twice := w.seen[markOf(key)]; twice {
			continue
		}
		if w.seen != nil {
			w.seen[markOf(key)] = struct{}{}
		}
		if err := w.f(key, value); err != nil {
			return err
		}
	}
	return nil
}
