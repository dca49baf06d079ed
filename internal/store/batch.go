package store

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Batch is one round trip with several questions in it, which packages add that
// know nothing of each other. Each keeps what it gets from adding and reads the
// answer after Send. On one server the questions are answered in their order,
// but not in one step: others may come in between.
type Batch struct {
	store   *Store
	pipe    redis.Pipeliner
	scripts []batched
}

// batched is a script in a batch, with what it takes to send it again.
type batched struct {
	answer *redis.Cmd
	script *redis.Script
	keys   []string
	args   []any
}

// Batch returns an empty batch; one goroutine uses it, once.
func (s *Store) Batch() *Batch { return &Batch{store: s, pipe: s.Pipeline()} }

// Commands is where plain commands are added; their results are there after Send.
func (b *Batch) Commands() redis.Cmdable { return b.pipe }

// Script adds a script.
func (b *Batch) Script(ctx context.Context, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	answer := script.EvalSha(ctx, b.pipe, keys, args...)
	b.scripts = append(b.scripts, batched{answer, script, keys, args})
	return answer
}

// Send asks. What fails is told by each answer. A script that the server does not
// know, as after a restart, is sent whole in a second round trip.
func (b *Batch) Send(ctx context.Context) {
	commands, err := b.pipe.Exec(ctx)
	if err == nil {
		return
	}
	if !slices.ContainsFunc(commands, func(c redis.Cmder) bool { return c.Err() != nil }) {
		for _, c := range commands { // no failure may look like an empty answer
			c.SetErr(err)
		}
	}
	for _, s := range b.scripts {
		if redis.HasErrorPrefix(s.answer.Err(), "NOSCRIPT") {
			again := s.script.Eval(ctx, b.store, s.keys, s.args...)
			s.answer.SetVal(again.Val())
			s.answer.SetErr(again.Err())
		}
	}
}
