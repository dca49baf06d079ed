package freeze

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/store"
)

// key names the record of a freeze of everything; it never expires.
func key() string { return store.Hot("freeze") }

// partsKey names the hash of the records of all other freezes, by what they stop.
func partsKey() string { return store.Hot("freezes") }

// name is the field of a scope. A DN stands as the operator wrote it.
func (s Scope) name() string {
	switch {
	case s.Channel != "":
		return "channel " + s.Channel
	case s.Under != "":
		return "under " + s.Under
	default:
		return ""
	}
}

// scope is what a field names.
func scope(name string) Scope {
	if channel, ok := strings.CutPrefix(name, "channel "); ok {
		return Scope{Channel: channel}
	}
	if top, ok := strings.CutPrefix(name, "under "); ok {
		return Scope{Under: top}
	}
	return Scope{}
}

// load returns the records of Redis. One that cannot be read freezes too, and
// one whose scope cannot be read freezes everything.
func (s *Switch) load(ctx context.Context) ([]Record, error) {
	var records []Record
	b := s.store.Batch()
	whole, pieces := b.Commands().Get(ctx, key()), b.Commands().HGetAll(ctx, partsKey())
	b.Send(ctx)
	text, err := whole.Result()
	switch {
	case err == nil:
		records = append(records, decode("", text))
	case !errors.Is(err, redis.Nil):
		return nil, store.Unavailable(err)
	}
	parts, err := pieces.Result()
	if err != nil {
		return nil, store.Unavailable(err)
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		records = append(records, decode(name, parts[name]))
	}
	return records, nil
}

func decode(name, text string) Record {
	var record Record
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		record = Record{By: "?", Reason: "the record in Redis cannot be read"}
	}
	record.Scope = scope(name)
	return record
}

func (s *Switch) save(ctx context.Context, r Record) error {
	now, err := s.store.Time(ctx).Result()
	if err != nil {
		return store.Unavailable(err)
	}
	r.At = now.UTC().Truncate(time.Second)
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if r.Scope == (Scope{}) {
		return store.Unavailable(s.store.Set(ctx, key(), text, 0).Err())
	}
	return store.Unavailable(s.store.HSet(ctx, partsKey(), r.Scope.name(), text).Err())
}

func (s *Switch) remove(ctx context.Context, what Scope) (bool, error) {
	var n int64
	var err error
	if what == (Scope{}) {
		n, err = s.store.Del(ctx, key()).Result()
	} else {
		n, err = s.store.HDel(ctx, partsKey(), what.name()).Result()
	}
	return n > 0, store.Unavailable(err)
}
