package writeback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/contact"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// leaseName stands for the work on a directory in names of keys.
func leaseName(keys *keyring.Ring, directory string) string {
	return keys.Index("write_back", "lease", directory)
}

// Ledger keeps how far the write-back of a directory is, in a hash, and in another
// what was refused, sealed, by a keyed index of the person.
type Ledger struct {
	store *store.Store
	keys  *keyring.Ring
}

// NewLedger returns the ledger in s.
func NewLedger(s *store.Store, keys *keyring.Ring) *Ledger { return &Ledger{s, keys} }

func (l *Ledger) key(directory, what string) string {
	return store.Hot("write_back", leaseName(l.keys, directory), what)
}

// Status is how far the write-back of a directory is. It holds nothing of one
// person.
type Status struct {
	// Waiting is how many people's cards waited when it was noted.
	Waiting int64 `json:"waiting"`
	// InStepAt is when it was noted, WalkedAt when all cards were last looked
	// through.
	InStepAt time.Time `json:"in_step_at,omitzero"`
	WalkedAt time.Time `json:"walked_at,omitzero"`
	// Counts are values since the beginning, by outcome.
	Counts Counts `json:"counts"`
	// Failure is why nothing is written now; empty while all is well.
	Failure   string    `json:"failure,omitempty"`
	FailureAt time.Time `json:"failure_at,omitzero"`
}

// Counts count values.
type Counts struct {
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
	// Present values were written by somebody else at the same moment.
	Present int64 `json:"present"`
	// Refused counts tries.
	Refused int64 `json:"refused"`
}

func (c *Counts) add(outcome string) {
	switch outcome {
	case outcomeAdded:
		c.Added++
	case outcomeRemoved, outcomeGone:
		c.Removed++
	case outcomePresent:
		c.Present++
	case outcomeRefused:
		c.Refused++
	}
}

// Refusal tells of a value that the directory did not take, without the value.
// Without an attribute it is about the entry.
type Refusal struct {
	Person    string `json:"person"`
	Attribute string `json:"attribute,omitempty"`
	Reason    string `json:"reason"`
	// Since is when it was first refused for this reason.
	Since time.Time `json:"since"`
}

// ErrNoPast means that nothing was ever written back.
var ErrNoPast = errors.New("contacts of this directory were never written back")

func (l *Ledger) read(ctx context.Context, directory string) (s Status, err error) {
	text, err := l.store.HGet(ctx, l.key(directory, "state"), "status").Bytes()
	if errors.Is(err, redis.Nil) {
		return s, nil
	}
	if err != nil {
		return s, store.Unavailable(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, errors.New("the state of the write-back cannot be read")
	}
	return s, nil
}

// Status returns how far a directory is, with the cards that wait now, or
// [ErrNoPast].
func (l *Ledger) Status(ctx context.Context, directory string) (Status, error) {
	s, err := l.read(ctx, directory)
	if err != nil {
		return s, err
	}
	if s.InStepAt.IsZero() && s.FailureAt.IsZero() {
		return s, ErrNoPast
	}
	s.Waiting, _, err = contact.NewStore(l.store, l.keys).Pending(directory, 0).Count(ctx)
	return s, err
}

// Led reports whether an instance does the work now.
func (l *Ledger) Led(ctx context.Context, directory string) (bool, error) {
	return l.store.LeaseHeld(ctx, leaseName(l.keys, directory))
}

// maxRefusals is of how many people refusals are kept.
const maxRefusals = 1000

// KEYS are the fence and a hash; ARGV are our fence, a field, its value or nothing
// to drop it, and how many fields there may be, or 0 for any number.
const noteScript = `
if tonumber(redis.call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[1]) then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[2], ARGV[2]) return 1 end
local most = tonumber(ARGV[4])
if most == 0 or redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 or redis.call('HLEN', KEYS[2]) < most then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
end
return 1`

func (l *Ledger) note(ctx context.Context, directory string, fence int64, what, field string, value []byte, most int) error {
	keys := []string{store.FenceKey(leaseName(l.keys, directory)), l.key(directory, what)}
	done, err := redis.NewScript(noteScript).Run(ctx, l.store, keys, fence, field, value, most).Bool()
	if err != nil {
		return store.Unavailable(err)
	}
	if !done {
		return store.ErrFenced
	}
	return nil
}

// commit notes how far the work is, or returns [store.ErrFenced].
func (l *Ledger) commit(ctx context.Context, directory string, fence int64, s Status) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the status: %w", err)
	}
	return l.note(ctx, directory, fence, "state", "status", text, 0)
}

// refused notes what the directory did not take of a person, or that it took all,
// and returns it with the times since when.
func (l *Ledger) refused(ctx context.Context, directory string, fence int64, person string, refusals []Refusal, now time.Time) ([]Refusal, error) {
	key, field := l.key(directory, "refused"), l.keys.Index("card", directory, person)
	before, err := l.before(ctx, key, field)
	if err != nil {
		return nil, err
	}
	if len(before)+len(refusals) == 0 {
		return nil, nil
	}
	value := []byte{}
	for i, r := range refusals {
		refusals[i].Since = now.Truncate(time.Second)
		for _, old := range before {
			if old.Attribute == r.Attribute && old.Reason == r.Reason {
				refusals[i].Since = old.Since
			}
		}
	}
	if len(refusals) > 0 {
		text, err := json.Marshal(refusals)
		if err != nil {
			return nil, fmt.Errorf("encode refusals: %w", err)
		}
		value = l.keys.Seal(keyring.Contacts, text, key)
	}
	return refusals, l.note(ctx, directory, fence, "refused", field, value, maxRefusals)
}

// before is what was refused of a person when it was last looked at.
func (l *Ledger) before(ctx context.Context, key, field string) ([]Refusal, error) {
	sealed, err := l.store.HGet(ctx, key, field).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, store.Unavailable(err)
	}
	return l.opened(key, sealed), nil
}

// opened is nothing where it was sealed with a key that is gone.
func (l *Ledger) opened(key string, sealed []byte) (some []Refusal) {
	text, err := l.keys.Open(keyring.Contacts, sealed, key)
	if err != nil || json.Unmarshal(text, &some) != nil {
		return nil
	}
	return some
}

// Refusals returns what was refused, as far as it is kept, in no order.
func (l *Ledger) Refusals(ctx context.Context, directory string) ([]Refusal, error) {
	key := l.key(directory, "refused")
	fields, err := l.store.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, store.Unavailable(err)
	}
	all := []Refusal{}
	for _, sealed := range fields {
		all = append(all, l.opened(key, []byte(sealed))...)
	}
	return all, nil
}
