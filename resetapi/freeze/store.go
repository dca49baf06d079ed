package freeze

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/store"
)

// key names the record; it never expires.
func key() string { return store.Hot("freeze") }

// load returns the record of Redis. One that cannot be read freezes too.
func (s *Switch) load(ctx context.Context) (Record, bool, error) {
	text, err := s.store.Get(ctx, key()).Bytes()
	if errors.Is(err, redis.Nil) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, store.Unavailable(err)
	}
	var record Record
	if err := json.Unmarshal(text, &record); err != nil {
		return Record{By: "?", Reason: "the record in Redis cannot be read"}, true, nil
	}
	return record, true, nil
}

func (s *Switch) save(ctx context.Context, by, reason string) error {
	now, err := s.store.Time(ctx).Result()
	if err != nil {
		return store.Unavailable(err)
	}
	text, err := json.Marshal(Record{At: now.UTC().Truncate(time.Second), By: by, Reason: reason})
	if err != nil {
		return err
	}
	return store.Unavailable(s.store.Set(ctx, key(), text, 0).Err())
}

func (s *Switch) remove(ctx context.Context) error {
	return store.Unavailable(s.store.Del(ctx, key()).Err())
}
