package store

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"
)

// OnFailure has f called for every round trip to Redis that fails. Answers that
// are part of the work are no failures: a key that is not there, a script that
// was not loaded yet, a consumer group that exists. Call it once, before the
// store is used.
func (s *Store) OnFailure(f func()) { s.AddHook(failures{f}) }

type failures struct{ report func() }

func (h failures) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address) // the command that wanted it fails too
	}
}

func (h failures) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		err := next(ctx, command)
		if failed(command.Name(), err) {
			h.report()
		}
		return err
	}
}

func (h failures) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		err := next(ctx, commands)
		if slices.ContainsFunc(commands, func(c redis.Cmder) bool { return failed(c.Name(), c.Err()) }) {
			h.report()
		}
		return err
	}
}

func failed(command string, err error) bool {
	switch {
	case err == nil, errors.Is(err, redis.Nil), errors.Is(err, context.Canceled):
		return false
	case command == "client": // tells a new connection about itself, where the server can hear it
		return false
	}
	return !redis.HasErrorPrefix(err, "NOSCRIPT") && !redis.HasErrorPrefix(err, "BUSYGROUP")
}
