package contact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

const (
	// cardSchema is the version of the stored form. A binary refuses cards of
	// a newer one instead of losing what it does not know.
	cardSchema = 1
	// cardPadding is what the size of a card is rounded up to.
	cardPadding = 256
	// batch is how many cards travel in one round trip.
	batch = 500
	// maxUpdates is how often a change is tried against changes by others.
	maxUpdates = 10
)

// Store keeps contact cards in Redis. The key of a card is a keyed hash of its
// owner; the value is sealed and bound to that key, and through it to the
// directory and the person: moved to another key it does not open. (It is
// bound to the key rather than to the id itself, so that [Store.Each] can open
// cards whose owner is told by nothing else.)
type Store struct {
	store *store.Store
	keys  *keyring.Ring
	swap  *redis.Script
}

// swapCard writes a card if the old one is still there: compare-and-swap.
// An empty argument stands for no card.
const swapCard = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1`

// NewStore returns the cards in s, sealed with keys.
func NewStore(s *store.Store, keys *keyring.Ring) *Store {
	return &Store{store: s, keys: keys, swap: redis.NewScript(swapCard)}
}

// record is the stored form of a card.
type record struct {
	Schema int `json:"schema"`
	Card
}

func (s *Store) key(directory, person string) string {
	return store.Card(s.keys.Index("card", directory, person))
}

func (s *Store) seal(c Card) (key string, sealed []byte, err error) {
	text, err := json.Marshal(record{cardSchema, c})
	if err != nil {
		return "", nil, fmt.Errorf("encode a contact card: %w", err)
	}
	short := -len(text) & (cardPadding - 1)
	text = append(text, bytes.Repeat([]byte{' '}, short)...)
	key = s.key(c.Directory, c.Person)
	return key, s.keys.Seal(keyring.Contacts, text, key), nil
}

func (s *Store) open(key string, sealed []byte) (Card, error) {
	text, err := s.keys.Open(keyring.Contacts, sealed, key)
	if err != nil {
		return Card{}, fmt.Errorf("%w: %w", ErrCardUnreadable, err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return Card{}, ErrCardUnreadable // the decoder's text might quote the card
	}
	if r.Schema > cardSchema {
		return Card{}, ErrNewerCard
	}
	return r.Card, nil
}

// Get returns the card of a person, or [ErrNoCard].
func (s *Store) Get(ctx context.Context, directory, person string) (Card, error) {
	card, _, err := s.get(ctx, directory, person)
	return card, err
}

func (s *Store) get(ctx context.Context, directory, person string) (card Card, sealed []byte, err error) {
	key := s.key(directory, person)
	sealed, err = s.store.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return Card{}, nil, ErrNoCard
	}
	if err != nil {
		return Card{}, nil, store.Unavailable(err)
	}
	card, err = s.open(key, sealed)
	return card, sealed, err
}

// Put writes a card over whatever is there. A card without contacts is removed.
func (s *Store) Put(ctx context.Context, c Card) error {
	return s.PutAll(ctx, []Card{c})
}

// PutAll writes many cards as Put does, a batch in each round trip. When it
// fails, some may be written.
func (s *Store) PutAll(ctx context.Context, cards []Card) error {
	for len(cards) > 0 {
		some := cards[:min(batch, len(cards))]
		cards = cards[len(some):]
		pipe := s.store.Pipeline()
		for _, c := range some {
			if len(c.Contacts) == 0 {
				pipe.Del(ctx, s.key(c.Directory, c.Person))
				continue
			}
			key, sealed, err := s.seal(c)
			if err != nil {
				return err
			}
			pipe.Set(ctx, key, sealed, 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return store.Unavailable(err)
		}
	}
	return nil
}

// Delete removes the card of a person; it is no error if there is none.
func (s *Store) Delete(ctx context.Context, directory, person string) error {
	return store.Unavailable(s.store.Del(ctx, s.key(directory, person)).Err())
}

// Update changes the card of a person; change may be called again when others
// changed the card meanwhile. A person without a card has an empty one, and a
// card that change leaves without contacts is removed.
func (s *Store) Update(ctx context.Context, directory, person string, change func(*Card) error) error {
	for range maxUpdates {
		card, old, err := s.get(ctx, directory, person)
		if err != nil && !errors.Is(err, ErrNoCard) {
			return err
		}
		if err := change(&card); err != nil {
			return err
		}
		card.Directory, card.Person = directory, person
		key, sealed, err := s.seal(card)
		if err != nil {
			return err
		}
		if len(card.Contacts) == 0 {
			sealed = nil
		}
		done, err := s.swap.Run(ctx, s.store, []string{key}, old, sealed).Bool()
		if err != nil {
			return store.Unavailable(err)
		}
		if done {
			return nil
		}
	}
	return ErrBusy
}

// Each calls f with every card once, in no order. A card that does not open
// does not keep the others back: Each tells of it at the end.
func (s *Store) Each(ctx context.Context, f func(Card) error) error {
	w := walk{store: s, f: f, seen: make(map[string]struct{})}
	if cluster, ok := s.store.UniversalClient.(*redis.ClusterClient); ok {
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			return w.node(ctx, master)
		})
		return errors.Join(err, w.summary())
	}
	return errors.Join(w.node(ctx, s.store), w.summary())
}

// All is Each as an iterator; an error ends it.
func (s *Store) All(ctx context.Context) iter.Seq2[Card, error] {
	return func(yield func(Card, error) bool) {
		errStopped := errors.New("stopped")
		err := s.Each(ctx, func(c Card) error {
			if !yield(c, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Card{}, err)
		}
	}
}

// walk is one walk over all cards. On a Cluster its nodes run at once.
type walk struct {
	store *Store
	f     func(Card) error

	mu         sync.Mutex
	seen       map[string]struct{} // SCAN may return a key twice
	unreadable int
	first      error
}

func (w *walk) node(ctx context.Context, node redis.Cmdable) error {
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, store.CardPattern, batch).Result()
		if err != nil {
			return store.Unavailable(err)
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
		return store.Unavailable(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, key := range keys {
		sealed, err := values[i].Bytes()
		if errors.Is(err, redis.Nil) {
			continue // removed since
		}
		if err != nil {
			return store.Unavailable(err)
		}
		if err := w.visit(key, sealed); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) visit(key string, sealed []byte) error {
	if _, twice := w.seen[key]; twice {
		return nil
	}
	w.seen[key] = struct{}{}
	card, err := w.store.open(key, sealed)
	if err != nil {
		if w.unreadable++; w.first == nil {
			w.first = fmt.Errorf("%s: %w", key, err)
		}
		return nil
	}
	return w.f(card)
}

func (w *walk) summary() error {
	if w.first == nil {
		return nil
	}
	return fmt.Errorf("%d contact cards cannot be read, the first is %w", w.unreadable, w.first)
}
