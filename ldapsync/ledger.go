package ldapsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// Status returns what is known of a directory, or [ErrNoPast].
func (l *Ledger) Status(ctx context.Context, directory string) (Status, error) {
	_, s, _, err := l.read(ctx, directory)
	if err == nil && s.Source == "" {
		err = ErrNoPast
	}
	return s, err
}

// Led reports whether an instance follows the directory now.
func (l *Ledger) Led(ctx context.Context, directory string) (bool, error) {
	return l.store.LeaseHeld(ctx, l.name(directory))
}

// approval returns what was approved, if anything.
func (l *Ledger) approval(ctx context.Context, directory string) (*Approval, error) {
	_, _, a, err := l.read(ctx, directory)
	return a, err
}

// ErrNothingWaits means that there is nothing to approve.
var ErrNothingWaits = errors.New("nothing waits for approval")

// Approve lets what waits now be removed; the leader reads everything again and
// removes no more than that.
func (l *Ledger) Approve(ctx context.Context, directory string) (Waiting, error) {
	_, s, _, err := l.read(ctx, directory)
	if err != nil {
		return Waiting{}, err
	}
	if s.Waiting == nil || s.Waiting.Reason != TooMany {
		return Waiting{}, ErrNothingWaits
	}
	text, err := json.Marshal(Approval{At: time.Now().UTC(), Contacts: s.Waiting.Contacts, People: s.Waiting.People})
	if err != nil {
		return Waiting{}, fmt.Errorf("encode the approval: %w", err)
	}
	return *s.Waiting, store.Unavailable(l.store.HSet(ctx, l.key(directory, "state"), fieldApproval, text).Err())
}

// Rejections calls f with the values that may not be contacts, as far as they
// are kept, in no order.
func (l *Ledger) Rejections(ctx context.Context, directory string, f func(Rejection) error) error {
	key := l.key(directory, "rejected")
	fields, err := l.store.HGetAll(ctx, key).Result()
	if err != nil {
		return store.Unavailable(err)
	}
	for _, sealed := range fields {
		text, err := l.keys.Open(keyring.Contacts, []byte(sealed), key)
		if err != nil {
			continue // sealed with a key that is gone
		}
		var some []Rejection
		if err := json.Unmarshal(text, &some); err != nil {
			return errors.New("rejections cannot be read") // the decoder's text might quote them
		}
		for _, one := range some {
			if err := f(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// FollowState is the hash of a directory in Redis, for tests that lose its
// content.
func (l *Ledger) FollowState(directory string) string { return l.key(directory, "state") }
