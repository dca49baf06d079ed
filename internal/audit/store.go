package audit

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// tailOwner binds sealed lines to the stream.
const tailOwner = "audit tail"

// tailField is the one field of an entry in the stream.
const tailField = "line"

// tailPage is how many entries travel in one round trip.
const tailPage = 500

// Tail is the stream in Redis with the newest lines of all instances. Each is
// sealed: who reads Redis learns nothing of people, and who writes it can add
// no line.
type Tail struct {
	store   *store.Store
	keys    *keyring.Ring
	longest int64
}

// NewTail returns the tail in s, which keeps about c.MaxTail lines.
func NewTail(s *store.Store, keys *keyring.Ring, c Config) *Tail {
	return &Tail{store: s, keys: keys, longest: int64(c.MaxTail)}
}

func tailKey() string { return store.Hot("audit") }

// add appends lines.
func (t *Tail) add(ctx context.Context, texts [][]byte) error {
	pipe := t.store.Pipeline()
	for _, text := range texts {
		pipe.XAdd(ctx, &redis.XAddArgs{
			Stream: tailKey(), MaxLen: t.longest, Approx: true,
			Values: []any{tailField, t.keys.Seal(keyring.Audit, text, tailOwner)},
		})
	}
	_, err := pipe.Exec(ctx)
	return store.Unavailable(err)
}

// Each calls f with every line, oldest first. Entries that do not open are
// left out: they were made with another keyring, or by somebody else.
func (t *Tail) Each(ctx context.Context, f func(Line) error) error {
	for from := "-"; ; {
		page, err := t.store.XRangeN(ctx, tailKey(), from, "+", tailPage).Result()
		if err != nil {
			return store.Unavailable(err)
		}
		for _, message := range page {
			line, err := t.open(message)
			if err != nil {
				continue
			}
			if err := f(line); err != nil {
				return err
			}
		}
		if len(page) < tailPage {
			return nil
		}
		from = "(" + page[len(page)-1].ID
	}
}

func (t *Tail) open(message redis.XMessage) (Line, error) {
	sealed, ok := message.Values[tailField].(string)
	if !ok {
		return Line{}, errors.New("not a line")
	}
	text, err := t.keys.Open(keyring.Audit, []byte(sealed), tailOwner)
	if err != nil {
		return Line{}, err
	}
	var line Line
	return line, json.Unmarshal(text, &line)
}
