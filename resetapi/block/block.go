// Package block owns "that was not me": the stop that the holder of an account
// puts on self-service for it, by the link in a notice, and that only an
// operator lifts.
//
// Rules:
//   - A link is good for one notice, and so for one account. Whoever has no
//     notice has no link: nobody can be locked out by a stranger.
//   - Opening a link changes nothing; only what the page sends does. Mail
//     scanners open links.
//   - A block stops self-service and nothing else: the person signs in as before.
//   - Once an operator lifted a block, the links of all notices from before are
//     void. The same link used twice blocks once.
//   - What was open when a block was put on is dead, also after the block was
//     lifted.
//   - While Redis is away nobody can tell whether an account is blocked: that is
//     an error, and whoever asks must not go on.
package block

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// LinkLifetime is how long a link can be used: people read their mail late.
const LinkLifetime = 30 * 24 * time.Hour

// ErrLink means that a link is no good: mistyped, too old, or from before a
// block that was lifted.
var ErrLink = errors.New("the link cannot be used any more")

// Subject is the account behind a link, and the recovery whose notice it was in.
type Subject struct {
	Directory string    `json:"d"`
	Person    string    `json:"p"`
	Recovery  string    `json:"r"`
	At        time.Time `json:"t"`
}

// Record tells of a block.
type Record struct {
	Directory string    `json:"directory"`
	Person    string    `json:"person"`
	Recovery  string    `json:"recovery"`
	At        time.Time `json:"at"`
}

// Blocks keeps the blocks in Redis. It is safe for concurrent use.
type Blocks struct {
	store *store.Store
	keys  *keyring.Ring
}

// New returns the blocks in s.
func New(s *store.Store, keys *keyring.Ring) *Blocks { return &Blocks{store: s, keys: keys} }

// Link returns the secret part of a link for the notice of a recovery.
func (b *Blocks) Link(s Subject) string {
	s.At = s.At.UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and a time
	}
	return base64.RawURLEncoding.EncodeToString(b.keys.Seal(keyring.Links, text, ""))
}

// Read tells what a link is for. It changes nothing, and fails with [ErrLink] or
// store.ErrUnavailable.
func (b *Blocks) Read(ctx context.Context, link string) (Subject, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(link)
	if err != nil {
		return Subject{}, ErrLink
	}
	text, err := b.keys.Open(keyring.Links, sealed, "")
	if err != nil {
		return Subject{}, ErrLink
	}
	var s Subject
	if err := json.Unmarshal(text, &s); err != nil {
		return Subject{}, ErrLink
	}
	now, lifted, err := b.lifted(ctx, s)
	if err != nil {
		return Subject{}, err
	}
	if now.Sub(s.At) > LinkLifetime || !s.At.After(lifted) {
		return Subject{}, ErrLink
	}
	return s, nil
}

// Block stops self-service for the account of a link; first is false where it
// was stopped already. It fails like Read.
func (b *Blocks) Block(ctx context.Context, link string) (s Subject, first bool, err error) {
	if s, err = b.Read(ctx, link); err != nil {
		return Subject{}, false, err
	}
	first, err = b.save(ctx, s)
	return s, first, err
}

// index names a person; only the keyring's holder can tell whom.
func (b *Blocks) index(directory, person string) string {
	return b.keys.Index("blocked", directory, person)
}
