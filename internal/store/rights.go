package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/setting"
)

// needed are the commands that run on keys, each as it is called. Redis is only
// asked whether they may be run.
var needed = []string{
	"get k", "set k v", "del k", "exists k", "pexpire k 1", "pttl k", "incr k", "decr k",
	"hget k f", "hgetall k", "hmget k f", "hset k f v", "hsetnx k f v", "hdel k f", "hexists k f", "hlen k",
	"zadd k 1 m", "zcard k", "zcount k 0 1", "zrem k m", "zremrangebyscore k 0 1", "zscan k 0", "zscore k m", "zrangebyscore k 0 1",
	"xadd k * f v", "xlen k", "xack k g 1-1", "xdel k 1-1", "xrange k - +",
	"xautoclaim k g c 1 0", "xgroup create k g 0",
	"scan 0", "time", "ping", "evalsha x 1 k",
}

// rightsScript returns those of ARGV that the user may not run, with KEYS[1] in
// the place of k. Redis before 7.0 cannot be asked; there it returns nothing.
const rightsScript = `
local refused = {}
if not redis.acl_check_cmd then return refused end
for _, line in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(line, '%S+') do
    if word == 'k' then word = KEYS[1] end
    words[#words + 1] = word
  end
  if not redis.acl_check_cmd(unpack(words)) then refused[#refused + 1] = words[1] end
end
return refused`

// checkCommands asks whether all needed commands may be run on Latchkey's keys,
// and then writes and removes a key: a server that is read-only, full or cannot
// write to its disk refuses that.
func (s *Store) checkCommands(ctx context.Context) error {
	arguments := make([]any, len(needed))
	for i, line := range needed {
		arguments[i] = line
	}
	refused, err := s.Eval(ctx, rightsScript, []string{Hot("probe", "rights")}, arguments...).StringSlice()
	if redis.HasErrorPrefix(err, "NOPERM") {
		return fmt.Errorf("%w: %w", ErrCommands, err)
	}
	if err != nil {
		return Unavailable(err)
	}
	if len(refused) > 0 {
		return fmt.Errorf("%w: it lacks %s", ErrCommands, strings.ToUpper(strings.Join(refused, ", ")))
	}
	return s.checkWrite(ctx)
}

// checkWrite writes a key that is gone after a second.
func (s *Store) checkWrite(ctx context.Context) error {
	const lifetime = "1000"
	err := s.Do(ctx, "set", Hot("probe", "write"), "1", "px", lifetime).Err()
	switch {
	case redis.HasErrorPrefix(err, "NOPERM"):
		return fmt.Errorf("%w: %w", ErrCommands, err)
	case redis.HasErrorPrefix(err, "READONLY"): // since its role was asked
		return fmt.Errorf("%w: %w", ErrReplica, err)
	}
	return Unavailable(err)
}

// checkPassword finds a user without a password where others can reach the
// server: it signs in with a wrong one, and that must fail.
func (s *Store) checkPassword(ctx context.Context) error {
	if s.config.Mode != ModeSingle || len(s.config.Addresses) != 1 || setting.Loopback(s.config.Addresses[0]) {
		return nil
	}
	return s.tryWrongPassword(ctx)
}

func (s *Store) tryWrongPassword(ctx context.Context) error {
	wrong := s.config
	wrong.Password = setting.NewSecret(rand.Text())
	if wrong.Username == "" {
		wrong.Username = "default"
	}
	stranger, err := Open(wrong)
	if err != nil {
		return err
	}
	defer stranger.Close()
	if err := stranger.Ping(ctx).Err(); err == nil {
		return ErrOpenUser
	}
	return nil
}
