package main

import (
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// about answers INFO, which miniredis leaves open: it carries out the commands
// of Redis 7 that Latchkey uses, evicts nothing, takes writes, and keeps nothing
// on disk. The last is why the configuration has allow_volatile.
const about = "redis_version:7.0.0\r\nmaxmemory_policy:noeviction\r\naof_enabled:0\r\nrole:master\r\n"

// startRedis starts the embedded Redis on a port of its own.
func startRedis() (*miniredis.Miniredis, error) {
	r := miniredis.NewMiniRedis()
	if err := r.Start(); err != nil {
		return nil, err
	}
	// Without it nothing would expire.
	r.ClockTTL(true)
	r.Server().SetPreHook(func(peer *server.Peer, command string, _ ...string) bool {
		if !strings.EqualFold(command, "INFO") {
			return false
		}
		peer.WriteBulk(about)
		return true
	})
	return r, nil
}
