package contact

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

const (
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
	// noted are the directories of which changes are noted, by their name.
	noted map[string]string
}

// swapCard writes a card if the old one is still there: compare-and-swap.
// An empty argument stands for no card.
// KEYS[2], where it is given, is where the change is noted, as ARGV[3].
const swapCard = store.DueScript + `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
if KEYS[2] then due(KEYS[2], ARGV[3]) end
return 1`

// NewStore returns the cards in s, sealed with keys.
func NewStore(s *store.Store, keys *keyring.Ring) *Store {
	return &Store{store: s, keys: keys, swap: redis.NewScript(swapCard)}
}

func (s *Store) key(directory, person string) string {
	return store.Card(s.keys.Index("card", directory, person))
}

// Get returns the card of a person, or [ErrNoCard].
func (s *Store) Get(ctx context.Context, directory, person string) (Card, error) {
	card, _, err := s.get(ctx, directory, person)
	if err == nil && len(card.Contacts) == 0 {
		return Card{}, ErrNoCard
	}
	return card, err
}

// GetWith is Get in a round trip with other questions; the answer is there when
// the batch was sent.
func (s *Store) GetWith(ctx context.Context, b *store.Batch, directory, person string) func() (Card, error) {
	key := s.key(directory, person)
	read := b.Commands().Get(ctx, key)
	return func() (Card, error) {
		card, _, err := s.opened(key, read)
		return card, err
	}
}

func (s *Store) get(ctx context.Context, directory, person string) (card Card, sealed []byte, err error) {
	key := s.key(directory, person)
	return s.opened(key, s.store.Get(ctx, key))
}

func (s *Store) opened(key string, read *redis.StringCmd) (card Card, sealed []byte, err error) {
	sealed, err = read.Bytes()
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

// Delete removes the contacts of a person; it is no error if there are none. A
// card that does not open is removed as a whole.
func (s *Store) Delete(ctx context.Context, directory, person string) error {
	err := s.Update(ctx, directory, person, func(c *Card) error {
		c.Contacts = nil
		return nil
	})
	if errors.Is(err, ErrCardUnreadable) || errors.Is(err, ErrNewerCard) {
		return store.Unavailable(s.store.Del(ctx, s.key(directory, person)).Err())
	}
	return err
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
		key, sealed, err := s.replacement(directory, person, card)
		if err != nil {
			return err
		}
		keys, arguments := s.noting(directory, key, old, sealed)
		done, err := s.swap.Run(ctx, s.store, keys, arguments...).Bool()
		if err != nil {
			return store.Unavailable(err)
		}
		if done {
			return nil
		}
	}
	return ErrBusy
}

// UpdateAll changes the cards of many people as Update does, in two round trips
// for each batch. change gets the position of a person in the list and their
// card, empty where there is none, and tells whether to write what it made of
// it; it may be called again for the same person. A card that does not open
// does not keep the others back: UpdateAll tells of it at the end.
func (s *Store) UpdateAll(ctx context.Context, directory string, persons []string, change func(i int, c *Card) bool) error {
	var unreadable unreadable
	for first := 0; first < len(persons); first += batch {
		some := persons[first:min(first+batch, len(persons))]
		err := s.updateBatch(ctx, directory, some, func(i int, c *Card) bool { return change(first+i, c) }, &unreadable)
		if err != nil {
			return err
		}
	}
	return unreadable.err()
}

// errUnchanged ends an update that has nothing to write.
var errUnchanged = errors.New("unchanged")

func (s *Store) updateBatch(ctx context.Context, directory string, persons []string, change func(int, *Card) bool, bad *unreadable) error {
	gets, sets := s.store.Pipeline(), s.store.Pipeline()
	read, written := make([]*redis.StringCmd, len(persons)), make([]*redis.Cmd, len(persons))
	for i, person := range persons {
		read[i] = gets.Get(ctx, s.key(directory, person))
	}
	if _, err := gets.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return store.Unavailable(err)
	}
	for i, person := range persons {
		card, old, err := s.opened(s.key(directory, person), read[i])
		switch {
		case errors.Is(err, store.ErrUnavailable):
			return err
		case err != nil && !errors.Is(err, ErrNoCard):
			bad.add(s.key(directory, person), err)
			continue
		case !change(i, &card):
			continue
		}
		key, sealed, err := s.replacement(directory, person, card)
		if err != nil {
			return err
		}
		keys, arguments := s.noting(directory, key, old, sealed)
		written[i] = s.swap.Eval(ctx, sets, keys, arguments...)
	}
	if sets.Len() == 0 {
		return nil
	}
	if _, err := sets.Exec(ctx); err != nil {
		return store.Unavailable(err)
	}
	for i, person := range persons {
		if written[i] == nil {
			continue
		}
		if done, err := written[i].Bool(); err != nil {
			return store.Unavailable(err)
		} else if done {
			continue
		}
		// Somebody else was faster with this one.
		err := s.Update(ctx, directory, person, func(c *Card) error {
			if !change(i, c) {
				return errUnchanged
			}
			return nil
		})
		if err != nil && !errors.Is(err, errUnchanged) {
			return err
		}
	}
	return nil
}

// noting are the keys and arguments of swapCard.
func (s *Store) noting(directory, key string, old, sealed []byte) (keys []string, arguments []any) {
	keys, arguments = []string{key}, []any{old, sealed}
	if name, ok := s.noted[directory]; ok {
		index := store.IndexOf(key)
		keys, arguments = append(keys, store.DueKey(name, index)), append(arguments, index)
	}
	return keys, arguments
}

// Read calls f with the card of each of many people, a batch in each round trip:
// an empty card where there is none, and an error where it does not open.
func (s *Store) Read(ctx context.Context, directory string, persons []string, f func(i int, c Card, err error)) error {
	for first := 0; first < len(persons); first += batch {
		some := persons[first:min(first+batch, len(persons))]
		pipe := s.store.Pipeline()
		read := make([]*redis.StringCmd, len(some))
		for i, person := range some {
			read[i] = pipe.Get(ctx, s.key(directory, person))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return store.Unavailable(err)
		}
		for i, person := range some {
			card, _, err := s.opened(s.key(directory, person), read[i])
			if errors.Is(err, store.ErrUnavailable) {
				return err
			}
			if errors.Is(err, ErrNoCard) {
				err = nil
			}
			f(first+i, card, err)
		}
	}
	return nil
}
