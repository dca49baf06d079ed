package contact

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"latchkey/internal/store"
)

// Followed are the cards of one directory for whoever leads its
// synchronization. Every card with synchronized contacts carries the number of
// the pass that saw its owner last, so that the end of a whole pass finds those
// whom it did not see. Nothing is written once another leader began.
type Followed struct {
	cards     *Store
	directory string
	members   *store.Members
}

// Followed returns the cards of a directory for the holder of a lease.
func (s *Store) Followed(directory string, fence int64) *Followed {
	return &Followed{s, directory, s.store.Members(s.keys.Index("sync", directory), fence)}
}

// Claim keeps every earlier leader from writing.
func (f *Followed) Claim(ctx context.Context) error { return f.members.Claim(ctx) }

// followedBatch is how many cards travel in one round trip.
const followedBatch = 1000

// index names the card of a person.
func (s *Store) index(directory, person string) string {
	return s.keys.Index("card", directory, person)
}

// Fetched are the cards of people as they were when they were asked for.
type Fetched struct{ tasks []task }

// task is one card that is to be changed.
type task struct {
	i int
	// person is empty where only the card tells who its owner is.
	person, index string
	// sealed is what was fetched; card what it holds, or failure why not.
	sealed  []byte
	card    Card
	failure error
}

// Fetch asks for cards, so that others can be changed meanwhile. It is at most a
// round trip for each thousand people.
func (f *Followed) Fetch(ctx context.Context, persons []string) (*Fetched, error) {
	fetched := &Fetched{make([]task, len(persons))}
	for i, person := range persons {
		fetched.tasks[i] = task{i: i, person: person, index: f.cards.index(f.directory, person)}
	}
	for some := range slices.Chunk(fetched.tasks, followedBatch) {
		if err := f.read(ctx, some); err != nil {
			return nil, err
		}
	}
	return fetched, nil
}

// Update changes the cards of people and marks them as seen by a pass. change
// gets the position of a person and their card, empty where there is none, and
// tells whether to write what it made of it; it may be called again for the same
// person when others changed the card meanwhile. A card that does not open stays
// as it is; Update tells of it at the end.
func (f *Followed) Update(ctx context.Context, pass int64, persons []string, change func(i int, c *Card) bool) error {
	fetched, err := f.Fetch(ctx, persons)
	if err != nil {
		return err
	}
	return f.Change(ctx, pass, fetched, change)
}

// Change is [Followed.Update] of what was fetched. A card that changed since then
// is fetched again.
func (f *Followed) Change(ctx context.Context, pass int64, fetched *Fetched, change func(i int, c *Card) bool) error {
	var bad unreadable
	for some := range slices.Chunk(fetched.tasks, followedBatch) {
		if err := f.run(ctx, pass, some, change, &bad); err != nil {
			return err
		}
	}
	return bad.err()
}

// read fetches and opens the cards of tasks.
func (f *Followed) read(ctx context.Context, tasks []task) error {
	indexes := make([]string, len(tasks))
	for i, t := range tasks {
		indexes[i] = t.index
	}
	values, err := f.members.Cards(ctx, indexes)
	if err != nil {
		return err
	}
	for i := range tasks {
		t := &tasks[i]
		t.sealed, t.card, t.failure = values[i], Card{Person: t.person}, nil
		if t.sealed != nil {
			t.card, t.failure = f.cards.open(store.Card(t.index), t.sealed)
		}
	}
	return nil
}

// run makes changes until none is left that others were faster with.
func (f *Followed) run(ctx context.Context, pass int64, tasks []task, change func(int, *Card) bool, bad *unreadable) error {
	for try := 0; len(tasks) > 0; try++ {
		if try == maxUpdates {
			return ErrBusy
		}
		if try > 0 {
			if err := f.read(ctx, tasks); err != nil {
				return err
			}
		}
		changes, err := f.changes(tasks, change, bad)
		if err != nil {
			return err
		}
		done, err := f.members.Change(ctx, pass, changes)
		if errors.Is(err, store.ErrAgain) {
			continue
		}
		if err != nil {
			return err
		}
		left := tasks[:0]
		for i, t := range tasks {
			if !done[i] {
				left = append(left, t)
			}
		}
		tasks = left
	}
	return nil
}

func (f *Followed) changes(tasks []task, change func(int, *Card) bool, bad *unreadable) ([]store.CardChange, error) {
	changes := make([]store.CardChange, len(tasks))
	for i, t := range tasks {
		var err error
		if changes[i], err = f.change(t, change, bad); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func (f *Followed) change(t task, change func(int, *Card) bool, bad *unreadable) (store.CardChange, error) {
	c := store.CardChange{Index: t.index, Mark: store.Keep}
	key, card := store.Card(t.index), t.card
	if t.failure != nil {
		bad.add(key, t.failure)
		return c, nil
	}
	if change(t.i, &card) {
		c.Write, c.Old = true, t.sealed
		if card.Directory = f.directory; !card.empty() {
			var err error
			if c.New, err = f.cards.sealAt(key, card); err != nil {
				return c, err
			}
		}
	}
	c.Mark = store.Leave
	if card.Has(Synced) {
		c.Mark = store.Enter
	}
	return c, nil
}

// Has reports whether a contact comes from a source.
func (c Card) Has(source Source) bool {
	for _, one := range c.Contacts {
		if one.Source == source {
			return true
		}
	}
	return false
}

// Count tells how many people have synchronized contacts, and how many of them
// no pass has seen since before this one.
func (f *Followed) Count(ctx context.Context, pass int64) (unseen, all int, err error) {
	return f.members.Count(ctx, pass)
}

// Unseen calls change with the card of everyone whom no pass has seen since
// before this one, as Update does; from then on they count as seen.
func (f *Followed) Unseen(ctx context.Context, pass int64, change func(c *Card) bool) error {
	var bad unreadable
	for bucket := range store.CardBuckets {
		for {
			indexes, err := f.members.Older(ctx, bucket, pass, followedBatch)
			if err != nil {
				return err
			}
			if len(indexes) == 0 {
				break
			}
			tasks := make([]task, len(indexes))
			for i, index := range indexes {
				tasks[i] = task{index: index}
			}
			if err := f.read(ctx, tasks); err != nil {
				return err
			}
			if err := f.run(ctx, pass, tasks, func(_ int, c *Card) bool { return change(c) }, &bad); err != nil {
				return err
			}
		}
	}
	return bad.err()
}

// Peek calls see with the cards of at most so many of those people.
func (f *Followed) Peek(ctx context.Context, pass int64, atMost int, see func(Card)) error {
	var bad unreadable
	for bucket := 0; bucket < store.CardBuckets && atMost > 0; bucket++ {
		indexes, err := f.members.Older(ctx, bucket, pass, atMost)
		if err != nil {
			return err
		}
		atMost -= len(indexes)
		values, err := f.members.Cards(ctx, indexes)
		if err != nil {
			return err
		}
		for i, sealed := range values {
			if sealed == nil {
				continue
			}
			card, err := f.cards.open(store.Card(indexes[i]), sealed)
			if err != nil {
				bad.add(store.Card(indexes[i]), err)
				continue
			}
			see(card)
		}
	}
	return bad.err()
}

// Adopt marks all cards with synchronized contacts that no leader knows yet,
// as seen by no pass: those of a release without marks, or of a store that lost
// them.
func (f *Followed) Adopt(ctx context.Context) error {
	var tasks []task
	var bad unreadable
	flush := func() error {
		if err := f.read(ctx, tasks); err != nil {
			return err
		}
		err := f.run(ctx, 0, tasks, func(int, *Card) bool { return false }, &bad)
		tasks = tasks[:0]
		return err
	}
	err := f.cards.store.Roam(ctx, store.CardPattern, func(key string, sealed []byte) error {
		c, err := f.cards.open(key, sealed)
		if err != nil {
			bad.add(key, err)
			return nil
		}
		if c.Directory != f.directory || !c.Has(Synced) {
			return nil
		}
		if tasks = append(tasks, task{person: c.Person, index: f.cards.index(c.Directory, c.Person)}); len(tasks) < followedBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return fmt.Errorf("look for synchronized contacts: %w", err)
	}
	return flush()
}

// Readable drops an error that only tells of cards that do not open.
func Readable(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFenced) {
		return err
	}
	if errors.Is(err, ErrCardUnreadable) || errors.Is(err, ErrNewerCard) {
		return nil
	}
	return err
}
