package ldapsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// History remembers the last whole pass over each directory.
type History struct {
	store *store.Store
	keys  *keyring.Ring
}

// NewHistory returns the history in s.
func NewHistory(s *store.Store, keys *keyring.Ring) *History { return &History{s, keys} }

// Past is what is remembered of a pass.
type Past struct {
	At     time.Time `json:"at"`
	People int       `json:"people"`
}

// ErrNoPast means that no whole pass was made yet.
var ErrNoPast = errors.New("no whole pass over this directory was made yet")

// key tells nobody the directory's name.
func (h *History) key(directory string) string {
	return store.Hot("sync", h.keys.Index("sync", directory))
}

// Last returns the last whole pass over a directory, or [ErrNoPast].
func (h *History) Last(ctx context.Context, directory string) (Past, error) {
	text, err := h.store.Get(ctx, h.key(directory)).Bytes()
	if errors.Is(err, redis.Nil) {
		return Past{}, ErrNoPast
	}
	if err != nil {
		return Past{}, store.Unavailable(err)
	}
	var past Past
	if err := json.Unmarshal(text, &past); err != nil {
		return Past{}, fmt.Errorf("read the last pass: %w", err)
	}
	return past, nil
}

// Note remembers a pass, if it was whole and wrote what it found.
func (h *History) Note(ctx context.Context, r Report) error {
	if !r.Complete || r.DryRun {
		return nil
	}
	text, err := json.Marshal(Past{At: time.Now().UTC().Truncate(time.Second), People: r.People})
	if err != nil {
		return fmt.Errorf("encode the pass: %w", err)
	}
	return store.Unavailable(h.store.Set(ctx, h.key(r.Directory), text, 0).Err())
}
