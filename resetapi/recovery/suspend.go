package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/internal/directory"
	"latchkey/resetapi/delivery"
)

var (
	// ErrFrozen means that the operator has stopped all resets.
	ErrFrozen = errors.New("password reset is stopped at the moment")
	// ErrChannelFrozen means that the operator has stopped codes by one method.
	ErrChannelFrozen = errors.New("no codes are sent in this way at the moment")
)

// thawed refuses while everything is frozen, and when that cannot be told.
func (s *Service) thawed(ctx context.Context) error {
	_, frozen, err := s.Freeze.Frozen(ctx)
	if err != nil {
		return err
	}
	if frozen {
		return ErrFrozen
	}
	return nil
}

// thawedFor is thawed for a method too. Nothing of it depends on the person.
func (s *Service) thawedFor(ctx context.Context, m Method) error {
	if err := s.thawed(ctx); err != nil {
		return err
	}
	frozen, err := s.Freeze.FrozenChannel(ctx, string(m))
	if err != nil {
		return err
	}
	if frozen {
		return ErrChannelFrozen
	}
	return nil
}

// Held tells the delivery worker to keep everything back while frozen.
func (s *Service) Held(ctx context.Context) (bool, error) {
	err := s.thawed(ctx)
	if errors.Is(err, ErrFrozen) {
		return true, nil
	}
	return false, err
}

// HeldBy tells it to keep back the messages of a method that is frozen.
func (s *Service) HeldBy(ctx context.Context, method string) (bool, error) {
	return s.Freeze.FrozenChannel(ctx, method)
}

// suspended is why a recovery is stopped for this person and not for others;
// empty when it is not. person may be nil; stopped is what Blocks says.
func (s *Service) suspended(ctx context.Context, person *directory.Person, stopped bool) (string, error) {
	tops, err := s.Freeze.FrozenSubtrees(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case stopped:
		return delivery.ReasonBlocked, nil
	case person != nil && slices.ContainsFunc(tops, func(top string) bool { return directory.Within(person.DN, top) }):
		return delivery.ReasonFrozen, nil
	}
	return "", nil
}

// permitted is the last look before the write, and tells when it was made: what
// was stopped since the look-up is not written. What the holder stopped never
// goes on; what an operator froze may.
func (s *Service) permitted(ctx context.Context, r Record, person *directory.Person) (time.Time, error) {
	if err := s.thawed(ctx); err != nil {
		return time.Time{}, err
	}
	b := s.Store.batch()
	askedNow := s.Store.clockWith(ctx, b)
	askedStopped := s.Blocks.Stopped(ctx, b, r.Subject.Directory, r.Subject.Person, r.StartedAt)
	b.Send(ctx)
	now, err := askedNow()
	if err != nil {
		return time.Time{}, err
	}
	stopped, err := askedStopped()
	if err != nil {
		return time.Time{}, err
	}
	reason, err := s.suspended(ctx, person, stopped)
	if err != nil {
		return time.Time{}, err
	}
	switch reason {
	case "":
		return now, nil
	case delivery.ReasonFrozen:
		return time.Time{}, fmt.Errorf("%w for a part of the directory", ErrFrozen)
	default:
		return time.Time{}, fmt.Errorf("%w: the holder stopped self-service", errMoved)
	}
}
