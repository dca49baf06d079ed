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

// LastPass is the last pass that was not a dry run, whole or not.
type LastPass struct {
	At time.Time `json:"at"`
	// Failure is why it was not whole, or removed nothing.
	Failure string `json:"failure,omitempty"`
	Report  Report `json:"report"`
}

// Keep keeps the report of a pass, sealed, for whoever looks at it later.
func (h *History) Keep(ctx context.Context, r Report, failure error) error {
	if r.DryRun {
		return nil
	}
	last := LastPass{At: time.Now().UTC().Truncate(time.Second), Report: r}
	if failure != nil {
		last.Failure = failure.Error()
	}
	text, err := json.Marshal(last)
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	key := h.reportKey(r.Directory)
	return store.Unavailable(h.store.Set(ctx, key, h.keys.Seal(keyring.Contacts, text, key), 0).Err())
}

func (h *History) reportKey(directory string) string {
	return store.Hot("sync", h.keys.Index("sync", directory), "report")
}

// LastPass returns what [History.Keep] kept, or [ErrNoPast].
func (h *History) LastPass(ctx context.Context, directory string) (LastPass, error) {
	key := h.reportKey(directory)
	sealed, err := h.store.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return LastPass{}, ErrNoPast
	}
	if err != nil {
		return LastPass{}, store.Unavailable(err)
	}
	text, err := h.keys.Open(keyring.Contacts, sealed, key)
	if err != nil {
		return LastPass{}, ErrNoPast // sealed with a key that is gone
	}
	var last LastPass
	if err := json.Unmarshal(text, &last); err != nil {
		return LastPass{}, errors.New("the report of the last pass cannot be read")
	}
	return last, nil
}

// Ledger keeps what is known of followed directories: in a hash for each the
// cursor, the status and an approval, and in another the rejected values, sealed,
// by a keyed index of the person.
type Ledger struct {
	store *store.Store
	keys  *keyring.Ring
}

// NewLedger returns the ledger in s.
func NewLedger(s *store.Store, keys *keyring.Ring) *Ledger { return &Ledger{s, keys} }

// name stands for a directory in names of keys.
func (l *Ledger) name(directory string) string { return l.keys.Index("sync", directory) }

func (l *Ledger) key(directory, what string) string {
	return store.Hot("sync", l.name(directory), what)
}

// fields of the hash.
const (
	fieldCursor   = "cursor"
	fieldStatus   = "status"
	fieldApproval = "approval"
)

// place is where a follower stopped.
type place struct {
	Cursor Cursor `json:"cursor"`
	// Rules change with everything that decides what becomes a contact: with
	// others, the cursor does not count.
	Rules string `json:"rules"`
}

// read returns what is known of a directory; zero values where nothing is.
func (l *Ledger) read(ctx context.Context, directory string) (p place, s Status, a *Approval, err error) {
	fields, err := l.store.HGetAll(ctx, l.key(directory, "state")).Result()
	if err != nil {
		return p, s, nil, store.Unavailable(err)
	}
	for name, into := range map[string]any{fieldCursor: &p, fieldStatus: &s, fieldApproval: &a} {
		if text, ok := fields[name]; ok {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				return p, s, nil, fmt.Errorf("read the state of the synchronization: %w", err)
			}
		}
	}
	if a != nil && time.Since(a.At) > approvalLife {
		a = nil
	}
	return p, s, a, nil
}

// commit is what a leader notes with a batch.
type commit struct {
	place  *place // nil leaves it as it is
	status Status
	// approval, unless nil, is what is left of it; used takes it away.
	approval *Approval
	used     bool
	// clean are people whose values were all fine; rejected are those of others.
	clean    []string
	rejected map[string][]Rejection
	// forget drops all rejections first.
	forget bool
}

// commitScript writes only for the holder of the fence. KEYS are the fence, the
// state and the rejections; ARGV are our fence, cursor, status, what becomes of
// the approval (1: it goes), whether to forget, how many rejections are kept and
// how many fields to drop, those, and then pairs of rejections.
const commitScript = `
if tonumber(redis.call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[1]) then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[2], 'cursor', ARGV[2]) end
redis.call('HSET', KEYS[2], 'status', ARGV[3])
if ARGV[4] == '1' then redis.call('HDEL', KEYS[2], 'approval')
elseif ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'approval', ARGV[4]) end
if ARGV[5] == '1' then redis.call('DEL', KEYS[3]) end
local most, drop = tonumber(ARGV[6]), tonumber(ARGV[7])
if redis.call('EXISTS', KEYS[3]) == 1 then
  for i = 8, 7 + drop do redis.call('HDEL', KEYS[3], ARGV[i]) end
end
for i = 8 + drop, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 1 or redis.call('HLEN', KEYS[3]) < most then redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
end
return 1`

// commit notes what a batch brought, or returns store.ErrFenced.
func (l *Ledger) commit(ctx context.Context, directory string, fence int64, c commit) error {
	status, err := json.Marshal(c.status)
	if err != nil {
		return fmt.Errorf("encode the status: %w", err)
	}
	cursor := []byte{}
	if c.place != nil {
		if cursor, err = json.Marshal(c.place); err != nil {
			return fmt.Errorf("encode the cursor: %w", err)
		}
	}
	approval, err := c.left()
	if err != nil {
		return err
	}
	arguments := []any{fence, cursor, status, approval, flag(c.forget), maxRejections, len(c.clean)}
	for _, person := range c.clean {
		arguments = append(arguments, l.keys.Index("card", directory, person))
	}
	key := l.key(directory, "rejected")
	for person, rejections := range c.rejected {
		text, err := json.Marshal(rejections)
		if err != nil {
			return fmt.Errorf("encode rejections: %w", err)
		}
		arguments = append(arguments, l.keys.Index("card", directory, person), l.keys.Seal(keyring.Contacts, text, key))
	}
	keys := []string{store.FenceKey(l.name(directory)), l.key(directory, "state"), key}
	done, err := redis.NewScript(commitScript).Run(ctx, l.store, keys, arguments...).Bool()
	if err != nil {
		return store.Unavailable(err)
	}
	if !done {
		return store.ErrFenced
	}
	return nil
}

// left is what becomes of the approval.
func (c commit) left() (string, error) {
	if c.used {
		return flag(true), nil
	}
	if c.approval == nil {
		return "", nil
	}
	text, err := json.Marshal(c.approval)
	if err != nil {
		return "", fmt.Errorf("encode the approval: %w", err)
	}
	return string(text), nil
}

func flag(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}
