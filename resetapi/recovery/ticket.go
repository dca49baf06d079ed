package recovery

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"latchkey/internal/keyring"
	"latchkey/internal/store"
)

// repeatable is how long a lost answer to a proof can be asked for again.
const repeatable = 60 * time.Second

// ticket makes the ticket of a record's current generation. A token is a keyed
// MAC over id, seed and generation (the seed lies sealed in the record), so no
// token is stored anywhere and the one of a step can be told again.
func (s *Service) ticket(r Record) Ticket {
	mac := s.Keys.MAC(keyring.Tokens, r.ID, r.Seed, strconv.Itoa(r.Generation))
	return Ticket{ID: r.ID, Token: base64.RawURLEncoding.EncodeToString(mac), Origin: r.Origin}
}

// holder loads the recovery of a ticket that is good now.
func (s *Service) holder(ctx context.Context, t Ticket) (stored, error) {
	old, previous, err := s.admit(ctx, t)
	if err == nil && previous {
		return stored{}, ErrNoRecovery
	}
	return old, err
}

// admit loads the recovery of a ticket. previous tells that the ticket was good
// until the last proof, which its holder may repeat to get a lost answer again.
func (s *Service) admit(ctx context.Context, t Ticket) (old stored, previous bool, err error) {
	b := s.Store.batch()
	admitted := s.admitWith(ctx, b, t)
	b.Send(ctx)
	return admitted()
}

// admitWith is admit in a round trip with other questions.
func (s *Service) admitWith(ctx context.Context, b *store.Batch, t Ticket) func() (stored, bool, error) {
	mac, err := base64.RawURLEncoding.DecodeString(t.Token)
	if err != nil || len(t.ID) != idLength {
		return func() (stored, bool, error) { return stored{}, false, ErrNoRecovery }
	}
	loaded := s.Store.loadWith(ctx, b, t.ID)
	return func() (stored, bool, error) {
		old, err := loaded()
		return s.admitted(ctx, t, mac, old, err)
	}
}

// admitted judges a ticket by the recovery that was loaded for it.
func (s *Service) admitted(ctx context.Context, t Ticket, mac []byte, old stored, err error) (_ stored, previous bool, _ error) {
	if errors.Is(err, keyring.ErrNotOpened) {
		s.Logger.ErrorContext(ctx, "alarm: a recovery does not open and counts as none: it was changed in Redis, or its key is gone", "recovery", t.ID)
		return stored{}, false, ErrNoRecovery
	}
	if err != nil {
		return stored{}, false, err
	}
	if old.Origin != t.Origin {
		return stored{}, false, ErrNoRecovery
	}
	if s.isToken(old.Record, old.Generation, mac) {
		return old, false, nil
	}
	if n := len(old.Proofs); n > 0 && old.now.Sub(old.Proofs[n-1].At) < repeatable && s.isToken(old.Record, old.Generation-1, mac) {
		return old, true, nil
	}
	return stored{}, false, ErrNoRecovery
}

// idLength is the length of crypto/rand.Text.
const idLength = 26

func (s *Service) isToken(r Record, generation int, mac []byte) bool {
	return s.Keys.CheckMAC(keyring.Tokens, mac, r.ID, r.Seed, strconv.Itoa(generation))
}
