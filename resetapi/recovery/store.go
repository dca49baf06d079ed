package recovery

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/directory"
	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// epochLifetime is how long a person's epoch is kept after it moved: longer
// than any recovery may last, so that a recovery from before cannot survive it.
const epochLifetime = 48 * time.Hour

// errConflict means that another step changed the record first.
var errConflict = errors.New("another step of the recovery came first")

// Store keeps sealed records, guess counters, and the epochs and locks of people.
type Store struct {
	redis   *store.Store
	keys    *keyring.Ring
	scripts scripts
}

type scripts struct {
	load, create, swap, queue, claim, release, forget, guess, right, pass, clock *redis.Script
}

// NewStore returns the store of recoveries.
func NewStore(s *store.Store, keys *keyring.Ring) *Store {
	return &Store{redis: s, keys: keys, scripts: scripts{
		load: redis.NewScript(loadScript), create: redis.NewScript(createScript),
		swap: redis.NewScript(swapScript), queue: redis.NewScript(queueScript),
		claim: redis.NewScript(claimScript), release: redis.NewScript(releaseScript), forget: redis.NewScript(forgetScript),
		guess: redis.NewScript(guessScript), right: redis.NewScript(rightScript),
		pass: redis.NewScript(passScript), clock: redis.NewScript(clockScript),
	}}
}

// stored is a record as it was read, with what is needed to replace it.
type stored struct {
	Record
	version string
	// now is the store's clock at the reading.
	now time.Time
	// holder is the person as they were read for a write; nil where none is made.
	holder *directory.Person
}

// firstVersion is that of a record that was just created.
const firstVersion = "1"

// following is the version that a script gives to what replaces a version.
func following(version string) string {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return "" // replaces nothing, so the record is loaded anew
	}
	return strconv.FormatInt(n+1, 10)
}

// healthy refuses while Redis is known not to be what it must be: counters that
// may be lost guard nothing.
func (s *Store) healthy() error { return store.Unavailable(s.redis.Healthy()) }

// batch returns an empty round trip.
func (s *Store) batch() *store.Batch { return s.redis.Batch() }

// clock returns the store's time.
func (s *Store) clock(ctx context.Context) (time.Time, error) {
	b := s.batch()
	now := s.clockWith(ctx, b)
	b.Send(ctx)
	return now()
}

// clockWith is clock in a round trip with other questions, like all that follow
// with such a name.
func (s *Store) clockWith(ctx context.Context, b *store.Batch) func() (time.Time, error) {
	answer := b.Script(ctx, s.scripts.clock, []string{recordKey("clock")})
	return func() (time.Time, error) {
		micros, err := answer.Int64()
		return time.UnixMicro(micros), store.Unavailable(err)
	}
}

// load reads a record; ErrNoRecovery when there is none.
func (s *Store) load(ctx context.Context, id string) (stored, error) {
	b := s.batch()
	loaded := s.loadWith(ctx, b, id)
	b.Send(ctx)
	return loaded()
}

func (s *Store) loadWith(ctx context.Context, b *store.Batch, id string) func() (stored, error) {
	answer := b.Script(ctx, s.scripts.load, []string{recordKey(id)})
	return func() (stored, error) { return s.loaded(id, answer) }
}

func (s *Store) loaded(id string, read *redis.Cmd) (stored, error) {
	answer, err := read.Slice()
	if err != nil {
		return stored{}, store.Unavailable(err)
	}
	if len(answer) != 3 {
		return stored{}, store.Unavailable(errors.New("unexpected answer of the load script"))
	}
	micros, _ := answer[0].(int64)
	version, _ := answer[1].(string)
	sealed, _ := answer[2].(string)
	if version == "" {
		return stored{}, ErrNoRecovery
	}
	record, err := s.open(id, []byte(sealed))
	if err != nil {
		return stored{}, err
	}
	return stored{Record: record, version: version, now: time.UnixMicro(micros)}, nil
}

func (s *Store) create(ctx context.Context, r Record, lifetime time.Duration) error {
	made, err := s.scripts.create.Run(ctx, s.redis, []string{recordKey(r.ID)}, s.seal(r), lifetime.Milliseconds()).Int()
	if err == nil && made != 1 {
		err = errors.New("a random id came twice")
	}
	return store.Unavailable(err)
}

func (s *Store) swap(ctx context.Context, old stored, next Record, lifetime time.Duration) error {
	b := s.batch()
	swapped := s.swapWith(ctx, b, old, next, lifetime)
	b.Send(ctx)
	return swapped()
}

func (s *Store) swapWith(ctx context.Context, b *store.Batch, old stored, next Record, lifetime time.Duration) func() error {
	answer := b.Script(ctx, s.scripts.swap, []string{recordKey(next.ID)}, old.version, s.seal(next), lifetime.Milliseconds())
	return func() error { return verdict(answer) }
}

// job is a sealed delivery job for the stream.
type job struct {
	// stream and later are the queue's keys.
	stream, later, id string
	sealed            []byte
	// longest is the length at which the queue is full.
	longest int
}

func (s *Store) swapAndQueue(ctx context.Context, old stored, next Record, lifetime time.Duration, j job) error {
	return verdict(s.scripts.queue.Run(ctx, s.redis, []string{recordKey(next.ID), j.stream, j.later},
		old.version, s.seal(next), lifetime.Milliseconds(), j.longest, j.id, j.sealed), ErrBusy)
}

// epoch reads the person's epoch.
func (s *Store) epoch(ctx context.Context, subject Subject) (int64, error) {
	b := s.batch()
	epoch := s.epochWith(ctx, b, subject)
	b.Send(ctx)
	return epoch()
}

func (s *Store) epochWith(ctx context.Context, b *store.Batch, subject Subject) func() (int64, error) {
	key, _ := s.personKeys(subject)
	read := b.Commands().Get(ctx, key)
	return func() (int64, error) {
		n, err := read.Int64()
		if errors.Is(err, redis.Nil) {
			return 0, nil
		}
		return n, store.Unavailable(err)
	}
}

// verdict turns a script's number into an error: 1 is nil, 0 a conflict, and
// -1, -2, … the errors in their order.
func verdict(cmd *redis.Cmd, refusals ...error) error {
	n, err := cmd.Int()
	switch {
	case err != nil:
		return store.Unavailable(err)
	case n == 1:
		return nil
	case n == 0:
		return errConflict
	case -n <= len(refusals) && n < 0:
		return refusals[-n-1]
	default:
		return store.Unavailable(fmt.Errorf("unexpected answer %d of a script", n))
	}
}

func recordKey(id string) string { return store.Hot("recovery", id) }

// personKeys names the epoch and the lock of a person. A decoy has those of the
// login that was typed.
func (s *Store) personKeys(subject Subject) (epoch, lock string) {
	index := s.keys.Index("person", subject.Directory, subject.Person)
	return store.Hot("person", index, "epoch"), store.Hot("person", index, "lock")
}

// sealedSize is a multiple to which records are padded, so that their size
// tells nothing of their content.
const sealedSize = 2048

func (s *Store) seal(r Record) []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // a struct of plain values
	}
	size := (len(text) + 4 + sealedSize - 1) / sealedSize * sealedSize
	padded := make([]byte, size)
	binary.BigEndian.PutUint32(padded, uint32(len(text)))
	copy(padded[4:], text)
	return s.keys.Seal(keyring.Records, padded, "recovery "+r.ID)
}

func (s *Store) open(id string, sealed []byte) (Record, error) {
	padded, err := s.keys.Open(keyring.Records, sealed, "recovery "+id)
	if err != nil {
		return Record{}, fmt.Errorf("recovery record: %w", err)
	}
	if len(padded) < 4 || int(binary.BigEndian.Uint32(padded)) > len(padded)-4 {
		return Record{}, fmt.Errorf("recovery record: %w", keyring.ErrNotOpened)
	}
	var r Record
	if err := json.Unmarshal(padded[4:4+binary.BigEndian.Uint32(padded)], &r); err != nil {
		return Record{}, fmt.Errorf("recovery record: %w", err)
	}
	return r, nil
}
